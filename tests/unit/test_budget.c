// SPDX-License-Identifier: BSD-2-Clause
/* budget.c: longer at once, shorter after calm, never without bounds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/budget.h"

#define SECOND_NS 1000000000ULL

static void test_no_limit(void **state)
{
	struct budget b = { .interval_ns = SECOND_NS };

	(void)state;
	assert_int_equal(budget_step(&b, 400, 0), 0);
	assert_int_equal(budget_interval_ns(&b), SECOND_NS);
}

static void test_above(void **state)
{
	struct budget b = { .interval_ns = SECOND_NS, .limit_percent = 1 };
	int i, longer = 0;

	(void)state;
	assert_int_equal(budget_step(&b, 1.01, 0), 1);
	assert_int_equal(budget_interval_ns(&b), 2 * SECOND_NS);
	for (i = 0; i < 20; i++)
		longer += budget_step(&b, 5, 0);
	assert_int_equal(longer, 4);
	assert_int_equal(budget_interval_ns(&b), 32 * SECOND_NS);
}

static void test_long_interval_stays(void **state)
{
	struct budget b = { .interval_ns = 300 * SECOND_NS, .limit_percent = 1 };

	(void)state;
	assert_int_equal(budget_step(&b, 50, 0), 0);
	assert_int_equal(budget_interval_ns(&b), 300 * SECOND_NS);
}

/* Half the interval may cost twice as much, so that it returns only where that fits. */
static void test_returns(void **state)
{
	struct budget b = { .interval_ns = SECOND_NS, .limit_percent = 1 };
	int i;

	(void)state;
	budget_step(&b, 3, 0);
	budget_step(&b, 1.5, 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(budget_step(&b, 0.8, 0), 0);
	assert_int_equal(budget_step(&b, 0.3, 0), 0);
	assert_int_equal(budget_step(&b, 0.3, 0), 0);
	assert_int_equal(budget_step(&b, 0.3, 0), -1);
	assert_int_equal(budget_interval_ns(&b), 2 * SECOND_NS);
	for (i = 0; i < 3; i++)
		budget_step(&b, 0.1, 0);
	assert_int_equal(budget_interval_ns(&b), SECOND_NS);
	for (i = 0; i < 10; i++)
		assert_int_equal(budget_step(&b, 0.1, 0), 0);
}

/* What happens on the host costs what it costs, however seldom it is read. */
static void test_not_for_what_no_interval_changes(void **state)
{
	struct budget b = { .interval_ns = SECOND_NS, .limit_percent = 1 };

	(void)state;
	assert_int_equal(budget_step(&b, 0.4, 1.5), 1);
	assert_false(budget_is_beyond(&b, 0.2, 1.5));
	assert_int_equal(budget_step(&b, 0.2, 1.5), 1);
	assert_true(budget_is_beyond(&b, 0.1, 1.5));
	assert_int_equal(budget_step(&b, 0.1, 1.5), 0);
	assert_false(budget_is_beyond(&b, 0.1, 0.5));
	assert_int_equal(budget_step(&b, 0.1, 0.5), 0);
	assert_int_equal(budget_step(&b, 0.1, 0.5), 0);
	assert_int_equal(budget_step(&b, 0.1, 0.5), -1);
	assert_int_equal(budget_step(&b, 0.2, 0.5), 0);
	assert_int_equal(budget_interval_ns(&b), 2 * SECOND_NS);
}

static void test_unknown_changes_nothing(void **state)
{
	struct budget b = { .interval_ns = SECOND_NS, .limit_percent = 1 };

	(void)state;
	assert_int_equal(budget_step(&b, NAN, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_above),
		cmocka_unit_test(test_long_interval_stays),
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_not_for_what_no_interval_changes),
		cmocka_unit_test(test_unknown_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
