// SPDX-License-Identifier: BSD-2-Clause
/* jsonl.c: headers, snapshots and alerts, read back by another JSON library. */
#include <time.h>

#include "jsonl.h"

static void test_snapshot(void **state)
{
	static const char *const firing[] = { "high_cpu", "a \"b\"" };
	static const struct custom_metric custom[] = { { "queue", 12.5 }, { "none", NAN } };
	struct snapshot s = snapshot_of(12);
	json_t *r;

	(void)state;
	s.custom = custom;
	s.custom_cnt = 2;
	s.firing = firing;
	s.firing_cnt = 2;
	r = render_snapshot(&s);
	want_string(r, "type", "snapshot");
	want_real(r, "timestamp", 1700000000.25);
	want_string(r, "time", "2023-11-14T22:13:20.250000Z");
	want_int(r, "seq", 0);
	want_int(r, "target", 2);
	want_string(r, "scope", "process");
	assert_true(json_is_false(get(r, "member")));
	want_int(r, "pid", 4711);
	want_string(r, "comm", "redis-server");
	want_real(r, "interval_seconds", 1.0);
	want_int(r, "threads", 12);
	want_real(r, "cpu_percent", 12);
	want_real(get(r, "custom_metrics"), "queue", 12.5);
	want_null(get(r, "custom_metrics"), "none");
	assert_int_equal(json_array_size(get(r, "alerts_firing")), 2);
	assert_string_equal(json_string_value(json_array_get(get(r, "alerts_firing"), 1)),
			    "a \"b\"");
	want_int(r, "pids_untracked", 5);
	want_int(r, "lost_events", 7);
	json_decref(r);
}

static void test_members_have_no_untracked(void **state)
{
	struct snapshot s = snapshot_of(12);
	json_t *r;

	(void)state;
	s.member = true;
	r = render_snapshot(&s);
	assert_null(json_object_get(r, "pids_untracked"));
	json_decref(r);
	s.member = false;
	s.pids_untracked = NAN;
	r = render_snapshot(&s);
	want_null(r, "pids_untracked");
	json_decref(r);
}

/* Each metric has its key, in the order of the table, whether known or not. */
static void check_snapshot_keys(double value)
{
	static const char *const before[] = {
		"type",   "timestamp", "time", "seq",       "target",          "scope",
		"member", "final", "pid", "comm", "start_ticks", "processes",
		"interval_seconds", "monotonic_seconds"
	};
	enum { BEFORE_CNT = sizeof(before) / sizeof(before[0]) };
	const char *keys[BEFORE_CNT + METRIC_COUNT + 5];
	struct snapshot s = snapshot_of(value);
	json_t *r = render_snapshot(&s);
	size_t i;

	memcpy(keys, before, sizeof(before));
	for (i = 0; i < METRIC_COUNT; i++) {
		keys[BEFORE_CNT + i] = metrics[i].name;
		assert_int_equal(json_is_null(get(r, metrics[i].name)), !isfinite(value));
	}
	memcpy(keys + BEFORE_CNT + METRIC_COUNT,
	       ((const char *[]){ "custom_metrics", "alerts_firing", "pids_untracked",
				  "lost_events", NULL }),
	       5 * sizeof(keys[0]));
	want_keys(r, keys);
	json_decref(r);
}

static void test_snapshot_keys(void **state)
{
	(void)state;
	check_snapshot_keys(1);
	check_snapshot_keys(-1234567.891);
	check_snapshot_keys(NAN);
	check_snapshot_keys(INFINITY);
}

static void test_snapshot_of_many(void **state)
{
	struct snapshot s = snapshot_of(1);
	json_t *r;

	(void)state;
	s.scope = SCOPE_CGROUP;
	s.pid = 0;
	memset(s.comm, 0, sizeof(s.comm));
	s.processes = 40;
	r = render_snapshot(&s);
	want_string(r, "scope", "cgroup");
	want_null(r, "pid");
	want_null(r, "comm");
	want_int(r, "processes", 40);
	assert_int_equal(json_array_size(get(r, "alerts_firing")), 0);
	assert_int_equal(json_object_size(get(r, "custom_metrics")), 0);
	json_decref(r);
}

/* A name is bytes that its process chose. */
static void test_hostile_comm(void **state)
{
	struct snapshot s = snapshot_of(1);
	json_t *r;

	(void)state;
	s.member = true;
	memcpy(s.comm, "\n\"\\\x1b[31m\xff\xc3)", 12);
	r = render_snapshot(&s);
	assert_true(json_is_true(get(r, "member")));
	want_string(r, "comm", "\n\"\\\x1b[31m\xef\xbf\xbd\xef\xbf\xbd)");
	json_decref(r);
	memset(s.comm, 'x', sizeof(s.comm)); /* not terminated */
	r = render_snapshot(&s);
	want_string(r, "comm", "xxxxxxxxxxxxxxxx");
	json_decref(r);
}

/* "timestamp" and "time" are the same microsecond. */
static void test_times(void **state)
{
	static const struct {
		double timestamp;
		const char *text;
	} cases[] = {
		{ 0, "\"timestamp\":0.000000,\"time\":\"1970-01-01T00:00:00.000000Z\"" },
		{ 951782399.9999996,
		  "\"timestamp\":951782400.000000,\"time\":\"2000-02-29T00:00:00.000000Z\"" },
		{ 951868799,
		  "\"timestamp\":951868799.000000,\"time\":\"2000-02-29T23:59:59.000000Z\"" },
		{ 4107542400,
		  "\"timestamp\":4107542400.000000,\"time\":\"2100-03-01T00:00:00.000000Z\"" },
		{ 1767225599.5,
		  "\"timestamp\":1767225599.500000,\"time\":\"2025-12-31T23:59:59.500000Z\"" },
		{ 253402300798,
		  "\"timestamp\":253402300798.000000,\"time\":\"9999-12-31T23:59:58.000000Z\"" },
		{ NAN, "\"timestamp\":0.000000,\"time\":\"1970-01-01T00:00:00.000000Z\"" },
		{ -5, "\"timestamp\":0.000000,\"time\":\"1970-01-01T00:00:00.000000Z\"" },
	};
	struct snapshot s = snapshot_of(1);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sink sink = jsonl_sink();
		struct buf out = { 0 };

		s.timestamp = cases[i].timestamp;
		sink.format->snapshot(&sink, &out, &s);
		buf_putc(&out, '\0');
		assert_non_null(strstr(out.data, cases[i].text));
		buf_fini(&out);
	}
}

static void test_dates_agree_with_libc(void **state)
{
	struct snapshot s = snapshot_of(1);
	char expected[32];
	struct tm tm;
	time_t t;

	(void)state;
	for (t = 0; t < 8000000000; t += 86400 * 13 + 3601) {
		json_t *r;

		s.timestamp = t;
		r = render_snapshot(&s);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000Z",
			 gmtime_r(&t, &tm));
		want_string(r, "time", expected);
		json_decref(r);
	}
}

static void test_header(void **state)
{
	static const char *const argv[] = { "redis-server", "--port", "0", NULL };
	static const struct target_record targets[] = {
		{ .kind = "command", .scope = SCOPE_TREE, .pid = 12, .argv = argv, .follow = true },
		{ .kind = "cgroup", .scope = SCOPE_CGROUP, .path = "/sys/fs/cgroup/a" },
		{ .kind = "comm", .scope = SCOPE_SYSTEM, .glob = "nginx*" },
	};
	static const struct rung_refusal refused = { "kprobe.multi", "not in this kernel" };
	static const struct instrument_record instruments[] = {
		{ .name = "fd", .rung = "syscall", .refused = &refused, .refused_cnt = 1 },
		{ .name = "sched", .rung = "tp_btf", .exact = true },
	};
	static const struct rule_record rule = { "high_cpu", "cpu_percent > 90", 10, "warning" };
	static const char *const keys[] = { "type",        "timestamp", "time",
					    "seq",         "schema",    "version",
					    "host",        "targets",   "interval_seconds",
					    "instruments", "rules",     NULL };
	const struct header_record h = { .timestamp = 1700000000,
					 .version = "0.1.0",
					 .host_name = "box",
					 .kernel = "6.1.0",
					 .arch = "x86_64",
					 .cpus = 8,
					 .memory_bytes = 1ull << 34,
					 .boot_id = "b",
					 .targets = targets,
					 .target_cnt = 3,
					 .interval_seconds = 0.25,
					 .instruments = instruments,
					 .instrument_cnt = 2,
					 .rules = &rule,
					 .rule_cnt = 1 };
	json_t *r = render_header(&h), *t, *fd;

	(void)state;
	want_keys(r, keys);
	want_string(r, "schema", "ktally.v1");
	want_null(get(r, "host"), "cgroup_mode");
	want_int(get(r, "host"), "memory_bytes", 1ll << 34);
	want_real(r, "interval_seconds", 0.25);
	t = json_array_get(get(r, "targets"), 0);
	want_string(t, "scope", "tree");
	assert_int_equal(json_array_size(get(t, "argv")), 3);
	assert_true(json_is_true(get(t, "follow")));
	want_string(json_array_get(get(r, "targets"), 1), "path", "/sys/fs/cgroup/a");
	want_string(json_array_get(get(r, "targets"), 2), "glob", "nginx*");
	fd = get(get(r, "instruments"), "fd");
	assert_true(json_is_false(get(fd, "exact")));
	want_string(json_array_get(get(fd, "refused"), 0), "reason", "not in this kernel");
	want_int(json_array_get(get(r, "rules"), 0), "for_seconds", 10);
	json_decref(r);
}

static void test_alert(void **state)
{
	static const struct label labels[] = { { "severity", "critical" } };
	static const struct label annotations[] = { { "summary", "hot" } };
	static const char *const keys[] = { "type",   "timestamp",   "time",        "seq",
					    "alert",  "state",       "severity",    "expr",
					    "value",  "threshold",   "for_seconds", "started_at",
					    "labels", "annotations", "message",     "target",
					    "pid",    "comm",        NULL };
	struct alert_record a = { .timestamp = 1700000010,
				  .alert = "high_cpu",
				  .state = ALERT_FIRING,
				  .severity = "critical",
				  .expr = "cpu_percent > 90",
				  .value = 97.125,
				  .threshold = NAN,
				  .for_seconds = 10,
				  .started_at = 1700000000.5,
				  .labels = labels,
				  .label_cnt = 1,
				  .annotations = annotations,
				  .annotation_cnt = 1,
				  .message = "cpu_percent is 97.1, above 90",
				  .pid = 9,
				  .comm = "a" };
	struct sink sink = jsonl_sink();
	struct buf out = { 0 };
	json_t *r;

	(void)state;
	sink.seq = 41;
	sink.format->alert(&sink, &out, &a);
	r = parse(&out);
	want_keys(r, keys);
	want_int(r, "seq", 41);
	want_string(r, "state", "firing");
	want_real(r, "value", 97.125);
	want_null(r, "threshold");
	want_real(r, "started_at", 1700000000.5);
	want_string(get(r, "labels"), "severity", "critical");
	want_string(get(r, "annotations"), "summary", "hot");
	json_decref(r);
}

static void test_registry(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; sink_formats[i]; i++)
		assert_ptr_equal(sink_format_find(sink_formats[i]->name), sink_formats[i]);
	assert_true(i >= 2);
	assert_null(sink_format_find("xml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_members_have_no_untracked),
		cmocka_unit_test(test_snapshot_keys),
		cmocka_unit_test(test_snapshot_of_many),
		cmocka_unit_test(test_hostile_comm),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_dates_agree_with_libc),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
