// SPDX-License-Identifier: BSD-2-Clause
/* Conditions on a whole run. */
#include "unit.h"

#include "rules/assertion.h"
#include "rules_fixture.h"

struct verdicts {
	struct {
		bool passed;
		double value, threshold, timestamp;
		uint32_t target;
		char message[256];
	} v[16];
	size_t cnt;
};

static void take(void *ctx, const struct verdict_record *v)
{
	struct verdicts *list = ctx;

	assert_true(list->cnt < ARRAY_LEN(list->v));
	list->v[list->cnt].passed = v->passed;
	list->v[list->cnt].value = v->value;
	list->v[list->cnt].threshold = v->threshold;
	list->v[list->cnt].timestamp = v->timestamp;
	list->v[list->cnt].target = v->target;
	snprintf(list->v[list->cnt++].message, sizeof(list->v[0].message), "%s", v->message);
}

static struct assertions *assertions_with(const char *text)
{
	struct rule_error err = {};
	struct assertions *a = NULL;

	assert_int_equal(assertions_new(&a), 0);
	if (assertions_add(a, text, &err))
		fail_msg("%s", err.text);
	return a;
}

static void observe_fds(struct assertions *a, double t, double v)
{
	struct snapshot s = snapshot_at(t);

	s.v[METRIC_OPEN_FDS] = v;
	assert_int_equal(assertions_observe(a, &s), 0);
}

struct holds_case {
	const char *text;
	bool holds;
};

/* Over open_fds 4, unknown, 9, 2. */
static void functions_and_operators(void **state)
{
	static const struct holds_case cases[] = {
		{ "min(open_fds) == 2", true },
		{ "max(open_fds) == 9", true },
		{ "avg(open_fds) == 5", true },
		{ "sum(open_fds) == 15", true },
		{ "first(open_fds) == 4", true },
		{ "last(open_fds) == 2", true },
		{ "open_fds == 2", true },
		{ "5 < open_fds", false },
		{ "max(open_fds) - min(open_fds) == 7", true },
		{ "max(open_fds) < 5 or min(open_fds) < 5", true },
		{ "max(open_fds) > 5 and min(open_fds) > 5", false },
		{ "max(open_fds) > 5 unless min(open_fds) > 5", true },
		{ "absent(threads)", true },
		{ "absent(open_fds)", false },
		{ "abs(first(open_fds) - max(open_fds)) == 5", true },
		{ "max(threads) > 0 or open_fds > 0", true },
		{ "max(threads) > 0", false },
		{ "max(threads) <= 0", false },
		{ "max(queue) == 0", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct assertions *a = assertions_with(cases[i].text);
		struct verdicts list = {};

		observe_fds(a, 0, 4);
		observe_fds(a, 1, NAN);
		observe_fds(a, 2, 9);
		observe_fds(a, 3, 2);
		assertions_judge(a, 1, take, &list);
		if (list.v[0].passed != cases[i].holds)
			print_message("%s: %s\n", cases[i].text, list.v[0].message);
		assert_int_equal(list.cnt, 1);
		assert_int_equal(list.v[0].passed, cases[i].holds);
		assertions_free(a);
	}
}

static void a_verdict_says_what_was_found(void **state)
{
	struct assertions *a = assertions_with("max(open_fds) < 5");
	struct verdicts list = {};
	struct rule_error err;

	(void)state;
	assert_int_equal(assertions_add(a, "max(threads) < 5 and open_fds > 1", &err), 0);
	assert_int_equal(assertions_add(a, "absent(threads)", &err), 0);
	observe_fds(a, 7, 9);
	assertions_judge(a, 2, take, &list);
	assert_int_equal(list.cnt, 6);
	assert_string_equal(list.v[0].message, "max(open_fds) is 9");
	assert_same_double(list.v[0].value, 9);
	assert_same_double(list.v[0].threshold, 5);
	assert_same_double(list.v[0].timestamp, 1007);
	assert_string_equal(list.v[1].message,
			    "max(threads) is unknown: no snapshot could say it");
	assert_nan(list.v[1].value);
	assert_string_equal(list.v[2].message, "it holds");
	/* A target that had no snapshot. */
	assert_int_equal(list.v[3].target, 1);
	assert_false(list.v[3].passed);
	assert_string_equal(list.v[3].message,
			    "max(open_fds) is unknown: no snapshot could say it");
	assertions_free(a);
}

/* A rate of milliseconds is better than none, and worse than any other; what adds up has it too. */
static void short_intervals(void **state)
{
	struct assertions *a = assertions_with("max(cpu_percent) < 90");
	struct verdicts list = {};
	struct snapshot s = snapshot_at(0);
	struct rule_error err;

	(void)state;
	assert_int_equal(assertions_add(a, "sum(oncpu_seconds) == 3", &err), 0);
	s.interval_asked = 1;
	s.interval_seconds = 0.003;
	s.v[METRIC_CPU_PERCENT] = 97;
	s.v[METRIC_ONCPU_SECONDS] = 1;
	assert_int_equal(assertions_observe(a, &s), 0);
	assertions_judge(a, 1, take, &list);
	assert_same_double(list.v[0].value, 97);
	s.interval_seconds = 1;
	s.v[METRIC_CPU_PERCENT] = 40;
	assert_int_equal(assertions_observe(a, &s), 0);
	s.interval_seconds = 0.003;
	s.v[METRIC_CPU_PERCENT] = 97;
	assert_int_equal(assertions_observe(a, &s), 0);
	assertions_judge(a, 1, take, &list);
	assert_same_double(list.v[2].value, 40);
	assert_true(list.v[2].passed && list.v[3].passed);
	assertions_free(a);
}

/* As in the trailer: four seconds at 1 % and 10 ms at 48 %. */
static void averages_are_over_time(void **state)
{
	struct assertions *a = assertions_with("avg(cpu_percent) < 1.2");
	struct verdicts list = {};
	struct snapshot s = snapshot_at(0);

	(void)state;
	s.interval_asked = s.interval_seconds = 4;
	s.v[METRIC_CPU_PERCENT] = 1;
	assert_int_equal(assertions_observe(a, &s), 0);
	s.interval_seconds = 0.01;
	s.v[METRIC_CPU_PERCENT] = 48;
	assert_int_equal(assertions_observe(a, &s), 0);
	assertions_judge(a, 1, take, &list);
	assert_true(list.v[0].passed);
	assert_near(list.v[0].value * 4.01, 4.48, 1e-9);
	assertions_free(a);
}

static void members_are_not_targets(void **state)
{
	struct assertions *a = assertions_with("max(open_fds) == 3");
	struct verdicts list = {};
	struct snapshot s = snapshot_at(1);

	(void)state;
	observe_fds(a, 0, 3);
	s.member = true;
	s.v[METRIC_OPEN_FDS] = 50;
	assert_int_equal(assertions_observe(a, &s), 0);
	s.member = false;
	s.target = 3;
	assert_int_equal(assertions_observe(a, &s), 0);
	assertions_judge(a, 1, take, &list);
	assert_true(list.v[0].passed);
	assertions_free(a);
}

static void what_is_none(void **state)
{
	static const char *const bad[] = {
		"max(open_fds)", "open_fds", "max(open_fds) < bool 3", "rate(open_fds[5m]) > 1",
		"max(open_fds{pid=\"1\"}) > 1", "open_fds[5m] > 1", "max(open_fds + 1) > 2",
		"max(3) > 2", "max(max(open_fds)) > 2", "max() > 1", "count(open_fds) > 1",
		"1 < 2", "max(open_fds) < 5 for 10s", "", "-max(open_fds)",
	};
	struct assertions *a = assertions_with("open_fds > 1");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct rule_error err = {};

		if (assertions_add(a, bad[i], &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(err.text[0]);
	}
	assertions_free(a);
	assertions_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_and_operators),
		cmocka_unit_test(a_verdict_says_what_was_found),
		cmocka_unit_test(short_intervals),
		cmocka_unit_test(averages_are_over_time),
		cmocka_unit_test(members_are_not_targets),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests_name("assertion", tests, NULL, NULL);
}
