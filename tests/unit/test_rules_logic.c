// SPDX-License-Identifier: BSD-2-Clause
/* Three-valued logic: what an unknown operand makes of an alert, and of its value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules_fixture.h"

struct logic_case {
	const char *expr;
	bool fires; /* from inactive, with open_fds 10 and cpu_percent unknown */
	bool stays; /* from firing; then unknown or true */
};

/* Every row starts true (cpu_percent 10), then cpu_percent becomes unknown. */
static const struct logic_case logic[] = {
	{ "cpu_percent > 5", false, true },
	{ "not_reported > 5", false, false },
	{ "cpu_percent > 5 and open_fds > 5", false, true },
	{ "open_fds > 5 and cpu_percent > 5", false, true },
	{ "open_fds < 5 and cpu_percent > 5", false, false },
	{ "cpu_percent > 5 and max_over_time(open_fds[10s]) > 5", false, true },
	{ "max_over_time(open_fds[10s]) > 5 and cpu_percent > 5", false, true },
	{ "max_over_time(open_fds[10s]) > 50 and cpu_percent > 5", false, false },
	{ "max_over_time(cpu_percent[10s]) > 5 and open_fds > 5", false, true },
	{ "max_over_time(cpu_percent[10s]) > 5 and open_fds < 5", false, false },
	{ "cpu_percent > 5 or open_fds > 5", true, true },
	{ "cpu_percent > 5 or open_fds < 5", false, true },
	{ "open_fds > 5 or cpu_percent > 5", true, true },
	{ "open_fds > 5 unless cpu_percent > 50", false, true },
	{ "open_fds > 5 unless cpu_percent < 50", false, false },
	{ "open_fds < 5 unless cpu_percent > 50", false, false },
	{ "abs(cpu_percent) + open_fds > 5", false, true },
	{ "absent(cpu_percent)", true, true },
	{ "absent(not_reported)", true, true },
	{ "absent(cpu_percent > 50)", false, true },
	{ "absent(open_fds)", false, false },
	{ "rate(cpu_percent[10s]) > -1", false, false },
	{ "-cpu_percent < 0", false, true },
	{ "cpu_percent > bool 50", false, true },
};

static size_t firing_after(struct rules *r, double t, double fds, double cpu)
{
	struct alerts list = {};
	struct snapshot s = snapshot_at(t);
	const char *const *names;

	s.v[METRIC_OPEN_FDS] = fds;
	s.v[METRIC_CPU_PERCENT] = cpu;
	assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	return rules_firing(r, &s, &names);
}

static void test_three_valued_logic(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(logic) / sizeof(logic[0]); i++) {
		struct rules *r;
		char text[128];

		snprintf(text, sizeof(text), "x: %s", logic[i].expr);
		r = rules_with(text);
		if (firing_after(r, 0, 10, NAN) != logic[i].fires)
			fail_msg("%s: from inactive", logic[i].expr);
		rules_free(r);
		r = rules_with(text);
		firing_after(r, 0, 10, 10);
		if (firing_after(r, 1, 10, NAN) != logic[i].stays)
			fail_msg("%s: after cpu_percent 10", logic[i].expr);
		rules_free(r);
	}
}

/* Whichever side is evaluated first, the value is the left one's. */
static void test_value_of_and(void **state)
{
	static const struct {
		const char *rule;
		double value;
	} cases[] = {
		{ "x: open_fds > 5 and max_over_time(cpu_percent[10s]) > 5", 10 },
		{ "x: max_over_time(cpu_percent[10s]) > 5 and open_fds > 5", 7 },
		{ "x: open_fds > 5 and cpu_percent > 5", 10 },
		{ "x: (max_over_time(cpu_percent[10s]) and open_fds) > 5", 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules *r = rules_with(cases[i].rule);
		struct snapshot s = snapshot_at(0);
		struct alerts list = {};

		s.v[METRIC_OPEN_FDS] = 10;
		s.v[METRIC_CPU_PERCENT] = 7;
		assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
		assert_int_equal(list.cnt, 1);
		assert_true(list.v[0].value == cases[i].value);
		rules_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_valued_logic),
		cmocka_unit_test(test_value_of_and),
	};

	return cmocka_run_group_tests_name("rules_logic", tests, NULL, NULL);
}
