// SPDX-License-Identifier: BSD-2-Clause
/* table.c and term.c: stable columns, 100 of them at most, and nothing that a terminal obeys. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sinks/sink.h"
#include "sinks/term.h"
#include "snapshot/history.h"

enum { WIDTH = 100 };

static struct sink table_sink(bool color)
{
	return (struct sink){ .format = sink_format_find("table"), .color = color };
}

static struct snapshot snapshot_of(double value)
{
	struct snapshot s = { .timestamp = 1700000000,
			      .pid = 4711,
			      .comm = "redis-server",
			      .processes = 1,
			      .interval_seconds = 1 };
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		s.v[i] = value;
	return s;
}

static const char *text_of(struct buf *out)
{
	assert_int_equal(out->err, 0);
	buf_putc(out, '\0');
	out->len--;
	return out->data;
}

static void assert_contains(struct buf *out, const char *part)
{
	if (!strstr(text_of(out), part))
		fail_msg("no '%s' in:\n%s", part, text_of(out));
}

static void assert_lines_fit(struct buf *out)
{
	const char *at = text_of(out), *end;

	for (; *at; at = end + 1) {
		end = strchr(at, '\n');
		assert_non_null(end);
		assert_true(end - at <= WIDTH);
	}
}

/* The heading and the row below it; s.rows is past the heading when rows is not 0. */
static void render_row(const struct snapshot *s, struct buf *out)
{
	struct sink sink = table_sink(false);

	sink.rows = 1;
	sink.format->snapshot(&sink, out, s);
}

static void test_heading_comes_back(void **state)
{
	struct sink sink = table_sink(false);
	struct snapshot s = snapshot_of(1);
	struct buf out = { 0 };
	size_t headings = 0, i;

	(void)state;
	for (i = 0; i < 41; i++) {
		buf_reset(&out);
		sink.format->snapshot(&sink, &out, &s);
		headings += !strncmp(text_of(&out), "UTC ", 4);
		assert_lines_fit(&out);
	}
	assert_int_equal(headings, 3);
	assert_int_equal(sink.seq, 41);
	buf_fini(&out);
}

static void test_row(void **state)
{
	struct snapshot s = snapshot_of(NAN);
	struct buf out = { 0 };

	(void)state;
	s.v[METRIC_CPU_PERCENT] = 97.06;
	s.v[METRIC_MEMORY_RSS_BYTES] = 12.5 * 1048576;
	s.v[METRIC_OPEN_FDS] = 1203;
	s.v[METRIC_FD_OPENS_PER_SEC] = 23.04;
	s.v[METRIC_FD_UNATTRIBUTED] = -12345;
	s.lost_events = 7;
	s.firing_cnt = 2;
	render_row(&s, &out);
	assert_string_equal(
		text_of(&out),
		"22:13:20    4711 redis-server      97.1  12.5M 1.20k   23.0       -      -     - "
		"-12.3k     7      2\n");
	buf_fini(&out);
}

/* Every column keeps its place, whatever the number. */
static void test_row_width_is_constant(void **state)
{
	static const double values[] = { 0,     1,      -1,   999.4,     999.6,   1023, 1024,
					 99999, -99999, 1e6,  123456789, 1e12,    1e15, 9e15,
					 1e17,  NAN,    1e30, -1e30,     INFINITY };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct snapshot s = snapshot_of(values[i]);
		struct buf out = { 0 };

		s.pid = 4194304;
		s.lost_events = fabs(values[i]) < 1e17 ? fabs(values[i]) : 0;
		render_row(&s, &out);
		if (out.len != WIDTH + 1)
			fail_msg("%g: %zu columns: %s", values[i], out.len - 1, text_of(&out));
		buf_fini(&out);
	}
}

static void test_targets_without_pid(void **state)
{
	struct snapshot s = snapshot_of(1);
	struct buf out = { 0 };

	(void)state;
	s.target = 3;
	s.pid = 0;
	s.scope = SCOPE_CGROUP;
	s.comm[0] = '\0';
	s.processes = 12345;
	render_row(&s, &out);
	assert_contains(&out, "     #3 cgroup (12345) ");
	assert_lines_fit(&out);
	buf_reset(&out);
	s.member = true;
	s.pid = 9;
	strcpy(s.comm, "exactly15bytes!");
	render_row(&s, &out);
	assert_contains(&out, "      9  exactly15bytes ");
	buf_fini(&out);
}

static void test_hostile_comm(void **state)
{
	struct snapshot s = snapshot_of(1);
	struct buf out = { 0 };
	size_t i;

	(void)state;
	memcpy(s.comm,
	       "\x1b[2J\n\x9b"
	       "1m\xc2\x9b\xe2\x80\xae\x7f",
	       15);
	render_row(&s, &out);
	for (i = 0; i + 1 < out.len; i++)
		assert_true(out.data[i] >= 0x20 && out.data[i] < 0x7f);
	assert_contains(&out, " ?[2J ?1m???    ");
	assert_int_equal(out.len, WIDTH + 1);
	buf_fini(&out);
}

static void test_color_only_when_asked(void **state)
{
	const struct alert_record a = { .alert = "a", .state = ALERT_FIRING, .message = "m" };
	struct snapshot s = snapshot_of(1);
	struct sink plain = table_sink(false), colored = table_sink(true);
	struct buf out = { 0 };

	(void)state;
	s.firing_cnt = 1;
	plain.format->snapshot(&plain, &out, &s);
	plain.format->alert(&plain, &out, &a);
	assert_null(memchr(out.data, '\033', out.len));
	buf_reset(&out);
	colored.format->snapshot(&colored, &out, &s);
	colored.format->alert(&colored, &out, &a);
	assert_contains(&out, "\033[1;31m22:13:20");
	assert_contains(&out, "m\033[0m\n");
	buf_fini(&out);
}

static void test_alert(void **state)
{
	struct alert_record a = { .timestamp = 1700000000,
				  .alert = "high_cpu",
				  .state = ALERT_FIRING,
				  .expr = "cpu_percent > 90",
				  .message = "cpu_percent is 97.1,\nabove 90\x1b[0m",
				  .pid = 123,
				  .comm = "re\tdis" };
	struct sink sink = table_sink(false);
	struct buf out = { 0 };

	(void)state;
	sink.format->alert(&sink, &out, &a);
	assert_string_equal(text_of(&out), "22:13:20 ALERT firing high_cpu pid 123 (re dis): "
					   "cpu_percent is 97.1, above 90?[0m\n");
	buf_reset(&out);
	a.state = ALERT_RESOLVED;
	a.pid = 0;
	a.target = 2;
	a.comm[0] = '\0';
	a.message = NULL;
	sink.format->alert(&sink, &out, &a);
	assert_string_equal(text_of(&out),
			    "22:13:20 ALERT resolved high_cpu target #2: cpu_percent > 90\n");
	buf_fini(&out);
}

static void test_events(void **state)
{
	struct raw_row totals;
	struct event_record e = { .timestamp = 1700000000,
				  .kind = EVENT_PROCESS_EXIT,
				  .pid = 5,
				  .comm = "sh",
				  .exit_known = true,
				  .exit_status = SIGKILL,
				  .totals = &totals };
	struct sink sink = table_sink(false);
	struct buf out = { 0 };

	(void)state;
	raw_row_clear(&totals);
	totals.v[RAW_FD_OPENS] = 23;
	sink.format->event(&sink, &out, &e);
	e.exit_status = 7 << 8;
	e.totals = NULL;
	sink.format->event(&sink, &out, &e);
	e.kind = EVENT_PROCESS_START;
	e.ppid = 4;
	sink.format->event(&sink, &out, &e);
	e.kind = EVENT_MESSAGE;
	e.message = "fd steps down";
	sink.format->event(&sink, &out, &e);
	assert_string_equal(text_of(&out), "22:13:20 exit pid 5 (sh), killed by SIGKILL, 23 opens\n"
					   "22:13:20 exit pid 5 (sh), status 7\n"
					   "22:13:20 start pid 5 (sh), child of 4\n"
					   "22:13:20 note: fd steps down\n");
	buf_fini(&out);
}

static void test_header(void **state)
{
	static const char *const argv[] = { "sh", "-c", "x\x1b]0;title\a", NULL };
	static const struct target_record targets[] = {
		{ .kind = "command", .argv = argv, .follow = true },
		{ .kind = "pid", .pid = 12 },
		{ .kind = "cgroup", .path = "/sys/fs/cgroup/system.slice/a-long-name.service" },
		{ .kind = "comm", .glob = "nginx*" },
		{ .kind = "all" },
	};
	static const struct instrument_record instruments[] = {
		{ .name = "fd", .rung = "/proc" },
		{ .name = "sched", .rung = "tp_btf", .exact = true },
	};
	const struct header_record h = { .timestamp = 1700000000,
					 .version = "0.1.0",
					 .targets = targets,
					 .target_cnt = 5,
					 .interval_seconds = 0.25,
					 .instruments = instruments,
					 .instrument_cnt = 2 };
	struct sink sink = table_sink(true);
	struct buf out = { 0 };

	(void)state;
	sink.format->header(&sink, &out, &h);
	assert_null(memchr(out.data, '\033', out.len));
	assert_contains(&out, "#0 command sh -c x?]0;title? and its descendants");
	assert_contains(&out, "#1 pid 12");
	assert_contains(&out, "every 0.25 s;");
	assert_contains(&out, "(not exact)");
	assert_contains(&out, "sched by tp_btf");
	assert_lines_fit(&out);
	buf_fini(&out);
}

static void test_trailer(void **state)
{
	const struct snapshot first = snapshot_of(2), second = snapshot_of(3);
	struct averages a[2] = { 0 };
	const struct trailer_record t = { .timestamp = 1700000000,
					  .reason = "signal",
					  .snapshots = 4,
					  .averages = a,
					  .target_cnt = 2,
					  .overhead.cpu_percent = 0.25,
					  .overhead.max_rss_bytes = 5 << 20 };
	struct sink sink = table_sink(false);
	struct buf out = { 0 };

	(void)state;
	averages_add(&a[0], &first);
	averages_add(&a[0], &second);
	sink.format->trailer(&sink, &out, &t);
	assert_contains(&out,
			"22:13:20 end (signal): 4 snapshots, 0 alerts fired, 0 events lost; ");
	assert_contains(&out, "CPU 2.5 %");
	assert_contains(&out, "RSS 5.00M");
	assert_lines_fit(&out);
	buf_fini(&out);
}

static void check_put(const char *text, size_t max_columns, const char *expected, size_t columns)
{
	struct buf out = { 0 };

	assert_int_equal(term_put(&out, text, strlen(text), max_columns), columns);
	assert_string_equal(text_of(&out), expected);
	buf_fini(&out);
}

static void test_term_put(void **state)
{
	(void)state;
	check_put("\xc4\x8d.\xc5\xa1", 99, "\xc4\x8d.\xc5\xa1", 3);
	check_put("\xe6\x97\xa5\xe6\x9c\xac", 3, "\xe6\x97\xa5", 2); /* two columns each */
	check_put("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", 99, "????", 4);
	check_put("a\xe2\x82", 99, "a??", 3);
	check_put("", 5, "", 0);
}

static void test_wrapping(void **state)
{
	static const char text[] = "aaa bbb ccccccccccccccc\td";
	struct buf out = { 0 };

	(void)state;
	term_put_wrapped(&out, text, strlen(text), 10, 2);
	assert_string_equal(text_of(&out), "aaa bbb\n  ccccccccccccccc\n  d");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heading_comes_back),
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_row_width_is_constant),
		cmocka_unit_test(test_targets_without_pid),
		cmocka_unit_test(test_hostile_comm),
		cmocka_unit_test(test_color_only_when_asked),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_trailer),
		cmocka_unit_test(test_term_put),
		cmocka_unit_test(test_wrapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
