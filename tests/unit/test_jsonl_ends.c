// SPDX-License-Identifier: BSD-2-Clause
/* jsonl.c: events and trailers, read back by another JSON library. */
#include <signal.h>

#include "jsonl.h"
#include "snapshot/history.h"

#define EXITED(code) ((code) << 8)

static void test_exit_event(void **state)
{
	struct raw_row totals;
	struct event_record e = { .timestamp = 1700000000,
				  .kind = EVENT_PROCESS_EXIT,
				  .pid = 77,
				  .comm = "sh",
				  .start_ticks = 5,
				  .exit_known = true,
				  .exit_status = EXITED(3),
				  .totals = &totals };
	json_t *r;

	(void)state;
	raw_row_clear(&totals);
	totals.v[RAW_FD_OPENS] = 23;
	totals.v[RAW_FD_UNATTRIBUTED] = -2;
	totals.v[RAW_VOLUNTARY] = 5;
	totals.v[RAW_ONCPU_NS] = 1500000;
	r = render_event(&e);
	want_string(r, "event", "process_exit");
	want_int(r, "exit_code", 3);
	want_null(r, "exit_signal");
	want_null(r, "ppid");
	want_int(get(r, "totals"), "fd_opens", 23);
	want_int(get(r, "totals"), "fd_unattributed", -2);
	want_int(get(r, "totals"), "context_switches_voluntary", 5);
	want_null(get(r, "totals"), "context_switches"); /* half known is unknown */
	want_real(get(r, "totals"), "oncpu_seconds_total", 0.0015);
	want_null(get(r, "totals"), "cpu_user_seconds");
	assert_null(json_object_get(get(r, "totals"), "threads"));
	assert_null(json_object_get(get(r, "totals"), "cpu_percent"));
	json_decref(r);
}

static void test_killed_and_unknown_exit(void **state)
{
	struct event_record e = {
		.kind = EVENT_PROCESS_EXIT, .pid = 77, .exit_known = true, .exit_status = SIGKILL
	};
	json_t *r = render_event(&e);

	(void)state;
	want_null(r, "exit_code");
	want_int(r, "exit_signal", SIGKILL);
	want_null(get(r, "totals"), "fd_opens");
	json_decref(r);
	e.exit_known = false;
	r = render_event(&e);
	want_null(r, "exit_code");
	want_null(r, "exit_signal");
	json_decref(r);
}

static void test_other_events(void **state)
{
	struct event_record e = { .kind = EVENT_PROCESS_START, .pid = 5, .ppid = 4, .comm = "x" };
	json_t *r = render_event(&e);

	(void)state;
	want_string(r, "event", "process_start");
	want_int(r, "ppid", 4);
	assert_null(json_object_get(r, "totals"));
	assert_null(json_object_get(r, "message"));
	json_decref(r);
	e = (struct event_record){ .kind = EVENT_MESSAGE, .message = "fd: stepped down" };
	r = render_event(&e);
	want_string(r, "event", "message");
	want_string(r, "message", "fd: stepped down");
	want_null(r, "pid");
	want_null(r, "start_ticks");
	json_decref(r);
}

/* A snapshot of one second that knows nothing else. */
static void add_second(struct averages *a, enum metric_id metric, double value)
{
	struct snapshot s = { .interval_seconds = 1 };
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		s.v[i] = NAN;
	s.v[metric] = value;
	averages_add(a, &s);
}

static json_t *render_end(const struct averages *averages, size_t target_cnt, int target_exit)
{
	static const struct loss_record losses[] = { { "sched", 3 }, { "records", 2 } };
	static const struct loss_record skipped[] = { { "sched_wakeup", 1 } };
	const struct trailer_record t = { .timestamp = 1700000000,
					  .reason = "targets_ended",
					  .target_exit_known = target_exit >= 0,
					  .target_exit = target_exit,
					  .snapshots = 4,
					  .alerts = 1,
					  .pids_untracked = 6,
					  .lost_events = 5,
					  .losses = losses,
					  .loss_cnt = 2,
					  .skipped = skipped,
					  .skipped_cnt = 1,
					  .averages = averages,
					  .target_cnt = target_cnt,
					  .overhead.cpu_seconds = 0.0125,
					  .overhead.cpu_percent = 0.3,
					  .overhead.max_rss_bytes = 4096,
					  .overhead.bpf_seconds = NAN,
					  .overhead.bpf_runs = NAN };

	return render_trailer(&t);
}

static void test_trailer(void **state)
{
	static const char *const keys[] = { "type",        "timestamp",   "time",      "seq",
					    "reason",      "target_exit", "snapshots", "alerts",
					    "pids_untracked", "lost_events", "losses", "skipped",
					    "averages",    "maxima",      "overhead",  NULL };
	struct averages a = { 0 };
	json_t *r;

	(void)state;
	add_second(&a, METRIC_CPU_PERCENT, 1);
	add_second(&a, METRIC_CPU_PERCENT, 5.5);
	add_second(&a, METRIC_CPU_PERCENT, 1);
	add_second(&a, METRIC_CPU_PERCENT, 2.5);
	add_second(&a, METRIC_THREADS, 1);
	add_second(&a, METRIC_THREADS, 2);
	add_second(&a, METRIC_THREADS, 1);
	add_second(&a, METRIC_THREADS, 1);
	r = render_end(&a, 1, EXITED(2));
	want_keys(r, keys);
	want_int(r, "target_exit", 2);
	want_int(r, "pids_untracked", 6);
	want_int(get(r, "losses"), "sched", 3);
	want_int(get(r, "skipped"), "sched_wakeup", 1);
	want_real(get(r, "averages"), "avg_cpu_percent", 2.5);
	want_real(get(r, "averages"), "avg_threads", 1.25);
	want_null(get(r, "averages"), "avg_memory_mb");
	want_null(get(r, "averages"), "avg_memory_percent");
	want_null(get(r, "averages"), "avg_open_files");
	want_real(get(r, "maxima"), "max_cpu_percent", 5.5);
	assert_null(json_object_get(get(r, "averages"), "avg_context_switches"));
	assert_null(json_object_get(get(r, "averages"), "avg_fd_opens"));
	want_real(get(r, "overhead"), "cpu_seconds", 0.0125);
	want_null(get(r, "overhead"), "bpf_runs");
	json_decref(r);
}

static void test_trailer_of_several(void **state)
{
	struct averages a[2] = { 0 };
	json_t *r, *second;

	(void)state;
	add_second(&a[1], METRIC_OPEN_FDS, 3);
	add_second(&a[1], METRIC_OPEN_FDS, 4);
	r = render_end(a, 2, SIGTERM);
	want_int(r, "target_exit", 128 + SIGTERM);
	want_null(get(r, "averages"), "avg_open_fds");
	assert_int_equal(json_array_size(get(r, "targets")), 2);
	second = json_array_get(get(r, "targets"), 1);
	want_int(second, "target", 1);
	want_real(get(second, "averages"), "avg_open_fds", 3.5);
	want_int(get(second, "maxima"), "max_open_fds", 4);
	json_decref(r);
	r = render_end(NULL, 0, -1);
	want_null(r, "target_exit");
	want_null(get(r, "averages"), "avg_open_fds");
	json_decref(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_event),
		cmocka_unit_test(test_killed_and_unknown_exit),
		cmocka_unit_test(test_other_events),
		cmocka_unit_test(test_trailer),
		cmocka_unit_test(test_trailer_of_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
