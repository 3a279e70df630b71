// SPDX-License-Identifier: BSD-2-Clause
/* The public API on a monitor of this process, without BPF and so without privileges. */
#include "unit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ktally.h"
#include "snapshot/record.h"

#define INTERVAL_NS 100000000ULL

/* One monitor, what it logged, and what its callbacks saw. */
struct world {
	struct ktally_monitor *m;
	char logged[4096];
	int asked;
	int fail_after; /* the callback fails from then on; 0: never */
	int snapshots;
	double last_open_fds;
};

static void log_line(void *ctx, enum ktally_log_level level, const char *message)
{
	struct world *w = ctx;
	size_t len = strlen(w->logged);

	if (level <= KTALLY_LOG_WARNING)
		snprintf(w->logged + len, sizeof(w->logged) - len, "%s\n", message);
}

static void open_monitor(struct world *w, uint64_t count)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = INTERVAL_NS, .count = count,
		    .bpf = KTALLY_BPF_OFF, .log = log_line, .log_ctx = w);

	memset(w, 0, sizeof(*w));
	assert_int_equal(ktally_monitor__open(&opts, &w->m), 0);
}

static void watch_self(struct world *w)
{
	KTALLY_OPTS(ktally_target_opts, self, .kind = KTALLY_TARGET_PID, .pid = (int)getpid());
	size_t index = 77;

	assert_int_equal(ktally_monitor__add_target(w->m, &self, &index), 0);
	assert_int_equal(index, 0);
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static size_t recent_count(const struct ktally_monitor *m)
{
	struct ktally_snapshots *list;
	size_t n;

	assert_int_equal(ktally_monitor__recent(m, 0, 1000, &list), 0);
	n = ktally_snapshots__count(list);
	ktally_snapshots__free(list);
	return n;
}

static void wait_for_snapshots(const struct ktally_monitor *m, size_t n)
{
	int i;

	for (i = 0; i < 1000 && recent_count(m) < n; i++)
		pause_ms(10);
	assert_true(recent_count(m) >= n);
}

/* begin and dispatch until the run has ended by itself. */
static void run_to_the_end(struct world *w)
{
	struct pollfd fd;
	int done = 0;

	assert_int_equal(ktally_monitor__begin(w->m), 0);
	fd = (struct pollfd){ .fd = ktally_monitor__fd(w->m), .events = POLLIN };
	while (!done) {
		assert_int_equal(poll(&fd, 1, 10000), 1);
		done = ktally_monitor__dispatch(w->m);
		assert_true(done >= 0);
	}
	assert_int_equal(done, 1);
}

static void start_and_stop_can_be_said_twice(void **state)
{
	struct ktally_result result = { .sz = sizeof(result) };
	struct world w;
	size_t n;

	(void)state;
	open_monitor(&w, 0);
	watch_self(&w);
	assert_int_equal(ktally_monitor__stop(w.m), 0);
	assert_int_equal(ktally_monitor__start(w.m), 0);
	assert_int_equal(ktally_monitor__start(w.m), 0);
	wait_for_snapshots(w.m, 2);
	assert_int_equal(ktally_monitor__stop(w.m), 0);
	n = recent_count(w.m);
	assert_int_equal(ktally_monitor__stop(w.m), 0);
	assert_int_equal(recent_count(w.m), n);
	assert_int_equal(ktally_monitor__result(w.m, &result), 0);
	assert_int_equal(result.reason, KTALLY_END_STOPPED);
	assert_int_equal(result.snapshots, n);
	ktally_monitor__close(w.m);
}

static void stop_returns_within_one_interval(void **state)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = 5000000000ULL, .bpf = KTALLY_BPF_OFF);
	struct timespec before, after;
	struct world w = { 0 };

	(void)state;
	assert_int_equal(ktally_monitor__open(&opts, &w.m), 0);
	watch_self(&w);
	assert_int_equal(ktally_monitor__start(w.m), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(ktally_monitor__stop(w.m), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 4);
	ktally_monitor__close(w.m);
}

static void close_ends_what_still_runs(void **state)
{
	struct world w;

	(void)state;
	open_monitor(&w, 0);
	watch_self(&w);
	assert_int_equal(ktally_monitor__start(w.m), 0);
	ktally_monitor__close(w.m);
}

static void nothing_to_watch_is_said(void **state)
{
	struct world w;

	(void)state;
	open_monitor(&w, 0);
	assert_string_equal(ktally_monitor__last_error(w.m), "");
	assert_int_equal(ktally_monitor__fd(w.m), -EBADF);
	assert_int_equal(ktally_monitor__dispatch(w.m), -EINVAL);
	assert_int_equal(ktally_monitor__start(w.m), -EINVAL);
	assert_non_null(strstr(ktally_monitor__last_error(w.m), "nothing to watch"));
	ktally_monitor__close(w.m);
}

static void it_cannot_be_configured_while_it_runs(void **state)
{
	KTALLY_OPTS(ktally_target_opts, all, .kind = KTALLY_TARGET_ALL);
	struct world w;

	(void)state;
	open_monitor(&w, 0);
	watch_self(&w);
	assert_int_equal(ktally_monitor__begin(w.m), 0);
	assert_int_equal(ktally_monitor__add_target(w.m, &all, NULL), -EBUSY);
	ktally_monitor__close(w.m);
}

static void before_the_first_snapshot_there_are_none(void **state)
{
	struct ktally_averages *a;
	struct ktally_snapshots *untouched = (struct ktally_snapshots *)&a, *list = untouched;
	struct world w;
	double value = 77;

	(void)state;
	open_monitor(&w, 0);
	watch_self(&w);
	assert_int_equal(recent_count(w.m), 0);
	assert_int_equal(ktally_monitor__averages(w.m, 0, 60, &a), 0);
	assert_int_equal(ktally_averages__count(a), 0);
	assert_int_equal(ktally_averages__get(a, "cpu_percent", &value), -ENODATA);
	assert_int_equal(ktally_averages__get(a, "my_own", &value), -ENODATA);
	assert_same_double(value, 77.0);
	ktally_averages__free(a);
	assert_int_equal(ktally_monitor__recent(w.m, 1, 10, &list), -ENOENT);
	assert_ptr_equal(list, untouched);
	ktally_monitor__close(w.m);
}

static void snapshots_say_what_proc_says(void **state)
{
	const struct ktally_snapshot *s;
	struct ktally_snapshots *list;
	struct world w;
	double v, before = 0;
	size_t i;

	(void)state;
	open_monitor(&w, 4);
	watch_self(&w);
	run_to_the_end(&w);
	assert_int_equal(ktally_monitor__recent(w.m, 0, 3, &list), 0);
	assert_int_equal(ktally_snapshots__count(list), 3);
	assert_null(ktally_snapshots__at(list, 3));
	for (i = 0; i < 3; i++) {
		s = ktally_snapshots__at(list, i);
		assert_true(ktally_snapshot__timestamp(s) > before);
		before = ktally_snapshot__timestamp(s);
		assert_int_equal(ktally_snapshot__pid(s), getpid());
		assert_int_equal(ktally_snapshot__target(s), 0);
		assert_string_equal(ktally_snapshot__comm(s), "test_monitor");
		assert_int_equal(ktally_snapshot__get(s, "threads", &v), 0);
		assert_true(v >= 1);
		assert_int_equal(ktally_snapshot__get(s, "memory_rss_bytes", &v), 0);
		assert_true(v > 100000);
		assert_int_equal(ktally_snapshot__get(s, "fd_opens", &v), -ENODATA);
		assert_int_equal(ktally_snapshot__get(s, "no_such_metric", &v), -ENOENT);
	}
	ktally_snapshots__free(list);
	ktally_snapshots__free(NULL);
	ktally_monitor__close(w.m);
}

static void history_has_the_length_that_was_asked_for(void **state)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = INTERVAL_NS, .count = 5, .history = 2,
		    .bpf = KTALLY_BPF_OFF);
	struct ktally_result result = { .sz = sizeof(result) };
	struct world w = { 0 };

	(void)state;
	assert_int_equal(ktally_monitor__open(&opts, &w.m), 0);
	watch_self(&w);
	run_to_the_end(&w);
	assert_int_equal(recent_count(w.m), 2);
	assert_int_equal(ktally_monitor__result(w.m, &result), 0);
	assert_int_equal(result.reason, KTALLY_END_COUNT);
	assert_int_equal(result.snapshots, 5);
	ktally_monitor__close(w.m);
}

static int report(void *ctx, struct ktally_metrics *metrics)
{
	struct world *w = ctx;

	w->asked++;
	assert_int_equal(ktally_metrics__target(metrics), 0);
	assert_int_equal(ktally_metrics__set(metrics, "", 1), -EINVAL);
	assert_int_equal(ktally_metrics__set(metrics, NULL, 1), -EINVAL);
	assert_int_equal(ktally_metrics__set(metrics, "asked", w->asked), 0);
	assert_int_equal(ktally_metrics__set(metrics, "undefined", HUGE_VAL), 0);
	return w->fail_after && w->asked > w->fail_after ? -EIO : 0;
}

static int report_other(void *ctx, struct ktally_metrics *metrics)
{
	(void)ctx;
	return ktally_metrics__set(metrics, "other", 5);
}

static void custom_metrics_are_in_snapshots_and_averages(void **state)
{
	struct ktally_snapshots *list;
	struct ktally_averages *a;
	double v, sum = 0, seconds = 0;
	struct world w;
	size_t i;

	(void)state;
	open_monitor(&w, 3);
	watch_self(&w);
	assert_int_equal(ktally_monitor__add_metrics(w.m, report, &w), 0);
	run_to_the_end(&w);
	assert_int_equal(ktally_monitor__recent(w.m, 0, 3, &list), 0);
	assert_int_equal(ktally_snapshot__get(ktally_snapshots__at(list, 2), "asked", &v), 0);
	assert_same_double(v, 3.0);
	assert_int_equal(ktally_snapshot__get(ktally_snapshots__at(list, 2), "undefined", &v),
			 -ENODATA);
	for (i = 0; i < ktally_snapshots__count(list); i++) {
		const struct ktally_snapshot *s = ktally_snapshots__at(list, i);

		sum += (double)(i + 1) * ((const struct snapshot *)s)->interval_seconds;
		seconds += ((const struct snapshot *)s)->interval_seconds;
	}
	ktally_snapshots__free(list);
	assert_int_equal(ktally_monitor__averages(w.m, 0, 60, &a), 0);
	assert_int_equal(ktally_averages__count(a), 3);
	assert_int_equal(ktally_averages__get(a, "asked", &v), 0);
	assert_near(v, sum / seconds, 1e-9);
	assert_int_equal(ktally_averages__get(a, "threads", &v), 0);
	assert_true(v >= 1);
	assert_int_equal(ktally_averages__get(a, "no_such_metric", &v), -ENOENT);
	ktally_averages__free(a);
	ktally_averages__free(NULL);
	ktally_monitor__close(w.m);
}

/* The snapshot goes on without it, the other callback's values stay, and the log says it once. */
static void a_failing_callback_loses_only_its_own(void **state)
{
	struct ktally_snapshots *list;
	struct world w;
	char *first;
	double v;

	(void)state;
	open_monitor(&w, 4);
	w.fail_after = 1;
	watch_self(&w);
	assert_int_equal(ktally_monitor__add_metrics(w.m, report, &w), 0);
	assert_int_equal(ktally_monitor__add_metrics(w.m, report_other, NULL), 0);
	run_to_the_end(&w);
	assert_int_equal(w.asked, 4);
	assert_int_equal(ktally_monitor__recent(w.m, 0, 4, &list), 0);
	assert_int_equal(ktally_snapshot__get(ktally_snapshots__at(list, 0), "asked", &v), 0);
	assert_int_equal(ktally_snapshot__get(ktally_snapshots__at(list, 3), "asked", &v), -ENOENT);
	assert_int_equal(ktally_snapshot__get(ktally_snapshots__at(list, 3), "other", &v), 0);
	assert_int_equal(ktally_snapshot__get(ktally_snapshots__at(list, 3), "threads", &v), 0);
	ktally_snapshots__free(list);
	first = strstr(w.logged, "metric callback 0 failed");
	assert_non_null(first);
	assert_null(strstr(first + 1, "metric callback"));
	ktally_monitor__close(w.m);
}

static void see(void *ctx, const struct ktally_snapshot *s)
{
	struct world *w = ctx;

	w->snapshots++;
	assert_int_equal(ktally_snapshot__get(s, "open_fds", &w->last_open_fds), 0);
}

static void every_snapshot_is_shown_to_whoever_asked(void **state)
{
	struct world w;

	(void)state;
	open_monitor(&w, 3);
	watch_self(&w);
	assert_int_equal(ktally_monitor__on_snapshot(w.m, see, &w), 0);
	run_to_the_end(&w);
	assert_int_equal(w.snapshots, 3);
	assert_true(w.last_open_fds >= 3);
	ktally_monitor__close(w.m);
}

static void alerts_are_kept_and_counted(void **state)
{
	struct ktally_result result = { .sz = sizeof(result) };
	struct ktally_alert alert = { .sz = sizeof(alert) }, small = { .sz = 8 };
	struct ktally_alerts *list;
	struct world w;

	(void)state;
	open_monitor(&w, 2);
	watch_self(&w);
	assert_int_equal(ktally_monitor__add_rule(w.m, "some: open_fds > 0"), 0);
	assert_int_equal(ktally_monitor__add_rule(w.m, "no rule at all"), -EINVAL);
	assert_string_not_equal(ktally_monitor__last_error(w.m), "");
	assert_int_equal(ktally_monitor__alerts(w.m, &list), 0);
	assert_int_equal(ktally_alerts__count(list), 0);
	ktally_alerts__free(list);
	run_to_the_end(&w);
	assert_int_equal(ktally_monitor__alerts(w.m, &list), 0);
	assert_int_equal(ktally_alerts__count(list), 1);
	assert_int_equal(ktally_alerts__at(list, 1, &alert), -ENOENT);
	assert_int_equal(ktally_alerts__at(list, 0, &small), -EINVAL);
	assert_int_equal(ktally_alerts__at(list, 0, &alert), 0);
	assert_string_equal(alert.name, "some");
	assert_string_equal(alert.state, "firing");
	assert_true(strlen(alert.message) > 0);
	assert_true(alert.value >= 3);
	assert_int_equal(alert.pid, getpid());
	ktally_alerts__free(list);
	ktally_alerts__free(NULL);
	assert_int_equal(ktally_monitor__result(w.m, &result), 0);
	assert_int_equal(result.alerts_fired, 1);
	ktally_monitor__close(w.m);
}

static void a_commands_status_is_in_the_result(void **state)
{
	char *argv[] = { "sh", "-c", "exit 23", NULL };
	KTALLY_OPTS(ktally_target_opts, command, .kind = KTALLY_TARGET_COMMAND, .argv = argv);
	struct ktally_result result = { .sz = sizeof(result) };
	struct world w;

	(void)state;
	open_monitor(&w, 0);
	assert_int_equal(ktally_monitor__add_target(w.m, &command, NULL), 0);
	assert_int_equal(ktally_monitor__result(w.m, &result), 0);
	assert_int_equal(result.command_started, 0);
	run_to_the_end(&w);
	assert_int_equal(ktally_monitor__result(w.m, &result), 0);
	assert_int_equal(result.reason, KTALLY_END_TARGETS);
	assert_int_equal(result.command_started, 1);
	assert_int_equal(result.command_ended, 1);
	assert_int_equal(result.command_status, 23 << 8);
	ktally_monitor__close(w.m);
}

static void rungs_are_forced_by_name(void **state)
{
	static const char *const bad[] = { "",	"fd",	       "fd=",
					   "=fd", "fd=nonsense", "nonsense=/proc" };
	struct world w;
	size_t i;

	(void)state;
	open_monitor(&w, 1);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ktally_monitor__force_rung(w.m, bad[i]), -EINVAL);
	assert_int_equal(ktally_monitor__force_rung(w.m, "fd=/proc"), 0);
	assert_int_equal(ktally_monitor__force_rung(w.m, "targets=/proc"), 0);
	watch_self(&w);
	run_to_the_end(&w);
	ktally_monitor__close(w.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_and_stop_can_be_said_twice),
		cmocka_unit_test(stop_returns_within_one_interval),
		cmocka_unit_test(close_ends_what_still_runs),
		cmocka_unit_test(nothing_to_watch_is_said),
		cmocka_unit_test(it_cannot_be_configured_while_it_runs),
		cmocka_unit_test(before_the_first_snapshot_there_are_none),
		cmocka_unit_test(snapshots_say_what_proc_says),
		cmocka_unit_test(history_has_the_length_that_was_asked_for),
		cmocka_unit_test(custom_metrics_are_in_snapshots_and_averages),
		cmocka_unit_test(a_failing_callback_loses_only_its_own),
		cmocka_unit_test(every_snapshot_is_shown_to_whoever_asked),
		cmocka_unit_test(alerts_are_kept_and_counted),
		cmocka_unit_test(a_commands_status_is_in_the_result),
		cmocka_unit_test(rungs_are_forced_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
