// SPDX-License-Identifier: BSD-2-Clause
/* Alert state: pending, firing, resolved, what is unknown, the end of a process, a reload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>

#include "rules_fixture.h"

static void test_defaults(void **state)
{
	static const struct rule_record expected[] = {
		{ "high_cpu", "cpu_percent > 90", 0, "warning" },
		{ "high_memory", "memory_percent > 85", 0, "warning" },
		{ "file_handle_leak", "open_fds > 1000", 0, "warning" },
	};
	struct rules *r = rules_with(NULL);

	(void)state;
	assert_int_equal(rules_add_defaults(r), 0);
	assert_int_equal(rules_count(r), 3);
	for (size_t i = 0; i < 3; i++) {
		struct rule_record rule;

		rules_describe(r, i, &rule);
		assert_string_equal(rule.alert, expected[i].alert);
		assert_string_equal(rule.expr, expected[i].expr);
		assert_string_equal(rule.severity, expected[i].severity);
		assert_true(rule.for_seconds == 0);
	}
	rules_free(r);
}

/* A default gives way, whichever comes first; two rules of one's own may share a name. */
static void test_own_rule_replaces_default(void **state)
{
	struct rules *r = rules_with("high_cpu: cpu_percent > 50");
	struct rule_record rule;

	(void)state;
	assert_int_equal(rules_add_defaults(r), 0);
	assert_int_equal(rules_count(r), 3);
	add_rule(r, "high_memory: memory_percent > 10 for 1m");
	assert_int_equal(rules_count(r), 3);
	rules_describe(r, 0, &rule);
	assert_string_equal(rule.expr, "cpu_percent > 50");
	rules_describe(r, 1, &rule);
	assert_string_equal(rule.expr, "memory_percent > 10");
	assert_true(rule.for_seconds == 60);
	add_rule(r, "high_memory: memory_percent > 20");
	assert_int_equal(rules_count(r), 4);
	rules_free(r);
}

static void test_on_change_only(void **state)
{
	static const double fds[] = { 10, 1001, 1002, 1000, 900, 1001 };
	struct rules *r = rules_with("leak: open_fds > 1000");
	struct alerts list = {};

	(void)state;
	for (size_t t = 0; t < 6; t++)
		tick_fds(r, (double)t, fds[t], &list);
	assert_int_equal(list.cnt, 3);
	assert_said(&list, 0, 1001, ALERT_FIRING);
	assert_said(&list, 1, 1003, ALERT_RESOLVED);
	assert_said(&list, 2, 1005, ALERT_FIRING);
	assert_true(list.v[0].value == 1001 && list.v[0].threshold == 1000);
	assert_true(list.v[1].value == 1000 && list.v[1].started_at == 1001);
	assert_string_equal(list.v[0].message, "open_fds is 1001, above 1000");
	assert_string_equal(list.v[1].message, "open_fds is 1000, no longer above 1000");
	assert_string_equal(list.v[0].comm, "redis");
	assert_int_equal(list.v[0].pid, 42);
	rules_free(r);
}

static void test_for(void **state)
{
	struct rules *r = rules_with("leak: open_fds > 5 for 3s");
	struct alerts list = {};

	(void)state;
	for (int t = 0; t < 6; t++)
		tick_fds(r, t, 10, &list);
	tick_fds(r, 6, 1, &list);
	assert_int_equal(list.cnt, 3);
	assert_said(&list, 0, 1000, ALERT_PENDING);
	assert_said(&list, 1, 1003, ALERT_FIRING);
	assert_said(&list, 2, 1006, ALERT_RESOLVED);
	assert_true(list.v[1].started_at == 1000 && list.v[1].for_seconds == 3);
	assert_string_equal(list.v[0].message,
			    "open_fds is 10, above 5; fires if this lasts for 3s");
	assert_string_equal(list.v[1].message, "open_fds is 10, above 5 for 3s");
	rules_free(r);
}

/* A pending alert that comes to nothing is closed by a record too, and never fires. */
static void test_pending_passes(void **state)
{
	struct rules *r = rules_with("leak: open_fds > 5 for 2s");
	struct alerts list = {};

	(void)state;
	tick_fds(r, 0, 10, &list);
	tick_fds(r, 1, 1, &list);
	tick_fds(r, 2, 10, &list);
	tick_fds(r, 3, 10, &list);
	assert_int_equal(list.cnt, 3);
	assert_said(&list, 1, 1001, ALERT_RESOLVED);
	assert_said(&list, 2, 1002, ALERT_PENDING);
	rules_free(r);
}

/* Ticks a hair early count; ones that are truly early do not. */
static void test_for_and_jitter(void **state)
{
	struct rules *r = rules_with("leak: open_fds > 5 for 2s");
	struct alerts list = {};

	(void)state;
	tick_fds(r, 0, 10, &list);
	tick_fds(r, 1.9, 10, &list);
	assert_int_equal(list.cnt, 1);
	tick_fds(r, 1.9995, 10, &list);
	assert_int_equal(list.cnt, 2);
	rules_free(r);
}

/* Unknown neither starts, nor fires, nor resolves. */
static void test_unknown_keeps_state(void **state)
{
	static const double fds[] = { NAN, 10, NAN, NAN, NAN, 10, NAN, NAN, 1 };
	struct rules *r = rules_with("leak: open_fds > 5 for 2s");
	struct alerts list = {};

	(void)state;
	for (size_t t = 0; t < 9; t++)
		tick_fds(r, (double)t, fds[t], &list);
	assert_int_equal(list.cnt, 3);
	assert_said(&list, 0, 1001, ALERT_PENDING);
	assert_said(&list, 1, 1005, ALERT_FIRING);
	assert_said(&list, 2, 1008, ALERT_RESOLVED);
	rules_free(r);
}

static void test_forget(void **state)
{
	struct rules *r = rules_with("leak: open_fds > 5");
	struct snapshot s = snapshot_at(2);
	struct alerts list = {};
	const char *const *names;

	(void)state;
	add_rule(r, "later: open_fds > 5 for 1m");
	add_rule(r, "never: open_fds > 500");
	tick_fds(r, 1, 10, &list);
	assert_int_equal(rules_firing(r, &s, &names), 1);
	assert_string_equal(names[0], "leak");
	rules_forget(r, &s, alerts_take, &list);
	assert_int_equal(list.cnt, 4);
	assert_said(&list, 2, 1002, ALERT_RESOLVED);
	assert_said(&list, 3, 1002, ALERT_RESOLVED);
	assert_true(list.v[2].value == 10);
	assert_string_equal(list.v[2].message, "open_fds was 10 when it ended");
	assert_int_equal(rules_firing(r, &s, &names), 0);
	rules_forget(r, &s, alerts_take, &list);
	assert_int_equal(list.cnt, 4);
	rules_free(r);
}

/* The same PID that started later is another process, and so is a member beside its target. */
static void test_identity(void **state)
{
	struct rules *r = rules_with("leak: open_fds > 5");
	struct snapshot s = snapshot_at(0);
	struct alerts list = {};

	(void)state;
	s.v[METRIC_OPEN_FDS] = 10;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	s.start_ticks++;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	s.member = true;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	s.target++;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 4);
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 4);
	rules_free(r);
}

/* exec() changes the name, and with it who matches. */
static void test_comm_changes(void **state)
{
	struct rules *r = rules_with("leak: open_fds{comm=~\"re.*\"} > 5");
	struct snapshot s = snapshot_at(0);
	struct alerts list = {};

	(void)state;
	s.v[METRIC_OPEN_FDS] = 10;
	memcpy(s.comm, "sh", 3);
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 0);
	s = snapshot_at(1);
	s.v[METRIC_OPEN_FDS] = 10;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_said(&list, 0, 1001, ALERT_FIRING);
	rules_free(r);
}

/* A field of that name may come and go with its callback. */
static void test_custom_metric(void **state)
{
	struct custom_metric custom = { "queue_depth", 12 };
	struct rules *r = rules_with("queue: queue_depth > 10");
	struct snapshot s = snapshot_at(0);
	struct alerts list = {};

	(void)state;
	s.custom = &custom;
	s.custom_cnt = 1;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_said(&list, 0, 1000, ALERT_FIRING);
	s.custom_cnt = 0;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	custom.value = 3;
	s.custom_cnt = 1;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 2);
	assert_said(&list, 1, 1000, ALERT_RESOLVED);
	rules_free(r);
}

static void take_name(void *names, const char *alert, const char *field)
{
	(void)alert;
	strcat(names, field);
}

/* What is in every record and in no row of the metric table. */
static void test_fields_of_the_record(void **state)
{
	char unseen[64] = "";
	struct rules *r = rules_with("losing: lost_events > 2");
	struct snapshot s = snapshot_at(0);
	struct alerts list = {};

	(void)state;
	add_rule(r, "crowd: processes >= 5");
	add_rule(r, "no_room: pids_untracked > 0");
	add_rule(r, "typo: procesess > 0");
	s.lost_events = 2;
	s.processes = 4;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 0);
	s.lost_events = 3;
	s.processes = 5;
	s.pids_untracked = 1;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 3);
	rules_tell_unseen(r, take_name, unseen);
	assert_string_equal(unseen, "procesess");
	rules_free(r);
}

/* The last interval of a command of milliseconds: its rates are chance. */
static void test_short_interval(void **state)
{
	struct rules *r = rules_with("busy: cpu_percent > 90");
	struct alerts list = {};
	struct snapshot s = snapshot_at(0);

	(void)state;
	add_rule(r, "mean: avg_over_time(cpu_percent[1m]) > 90");
	add_rule(r, "many: open_fds > 5");
	add_rule(r, "none: absent(cpu_percent)");
	s.interval_asked = 1;
	s.v[METRIC_CPU_PERCENT] = 97;
	s.v[METRIC_OPEN_FDS] = 6;
	s.interval_seconds = 0.003;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 1);
	assert_string_equal(list.v[0].alert, "many");
	s.interval_seconds = 0.5;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 3);
	assert_string_equal(list.v[1].alert, "busy");
	assert_string_equal(list.v[2].alert, "mean");
	/* Nor does it resolve what fires. */
	s.interval_seconds = 0.003;
	s.v[METRIC_CPU_PERCENT] = 0;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 3);
	rules_free(r);
}

static void test_replace(void **state)
{
	struct rules *r = rules_with("kept: open_fds > 5 for 3s");
	struct rules *next = rules_with("new: open_fds > 500");
	struct alerts list = {};

	(void)state;
	add_rule(r, "gone: open_fds > 6");
	add_rule(r, "slope: deriv(open_fds[1m]) > 0.5 and open_fds > 13");
	add_rule(next, "slope: deriv(open_fds[1m]) > 0.5 and open_fds > 13");
	add_rule(next, "kept: open_fds > 5 for 3s");
	for (int t = 0; t < 3; t++)
		tick_fds(r, t, 10 + t, &list);
	assert_int_equal(list.cnt, 2);
	assert_int_equal(rules_replace(r, next, 1002.5, alerts_take, &list), 0);
	assert_int_equal(list.cnt, 3);
	assert_said(&list, 2, 1002.5, ALERT_RESOLVED);
	assert_string_equal(list.v[2].alert, "gone");
	assert_string_equal(list.v[2].message, "open_fds was 12 when its rule was removed");
	assert_int_equal(rules_count(r), 3);
	/* The window has its past, and the pending alert the time it has waited. */
	tick_fds(r, 3, 14, &list);
	assert_int_equal(list.cnt, 5);
	assert_string_equal(list.v[3].alert, "slope");
	assert_string_equal(list.v[4].alert, "kept");
	assert_said(&list, 4, 1003, ALERT_FIRING);
	assert_true(list.v[4].started_at == 1000);
	rules_free(r);
}

/* Once a process is known, a tick takes no memory. (Under a sanitizer mallinfo2 says 0 twice.) */
static void test_no_allocation(void **state)
{
	struct rules *r = rules_with("a: predict_linear(open_fds[5m], 3600) > 1e6");
	struct alerts list = {};
	size_t before;

	(void)state;
	add_rule(r,
		 "b: avg_over_time(open_fds{comm=~\"r.*\"}[1m]) > 1e6 or rate(open_fds[1h]) > 1e6");
	tick_fds(r, 0, 1, &list);
	before = mallinfo2().uordblks;
	for (int t = 1; t < 2000; t++)
		tick_fds(r, t, t % 100, &list);
	assert_int_equal(mallinfo2().uordblks, before);
	assert_int_equal(list.cnt, 0);
	rules_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_own_rule_replaces_default),
		cmocka_unit_test(test_on_change_only),
		cmocka_unit_test(test_for),
		cmocka_unit_test(test_pending_passes),
		cmocka_unit_test(test_for_and_jitter),
		cmocka_unit_test(test_unknown_keeps_state),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_comm_changes),
		cmocka_unit_test(test_custom_metric),
		cmocka_unit_test(test_fields_of_the_record),
		cmocka_unit_test(test_short_interval),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_no_allocation),
	};

	return cmocka_run_group_tests_name("rules_state", tests, NULL, NULL);
}
