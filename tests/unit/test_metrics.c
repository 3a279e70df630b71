// SPDX-License-Identifier: BSD-2-Clause
/* The metric table holds together: names, units, and raw values that exist. */
#include "unit.h"

#include <ctype.h>

#include "base/metrics.h"
#include "ktally.h"

static void assert_name(const char *name)
{
	const char *c;

	assert_non_null(name);
	assert_true(islower((unsigned char)name[0]));
	for (c = name; *c; c++)
		assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
}

static void every_row_is_complete(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < METRIC_COUNT; i++) {
		const struct metric *m = &metrics[i];

		assert_name(m->name);
		assert_non_null(m->unit);
		assert_true(strlen(m->help) > 10);
		assert_int_equal(m->help[strlen(m->help) - 1], '.');
		assert_in_range(m->decimals, 0, 9);
		assert_in_range(m->a, 0, RAW_COUNT - 1);
		assert_true(m->b == RAW_NONE || (m->b >= 0 && m->b < RAW_COUNT && m->b != m->a));
		assert_true(m->scale > 0);
	}
}

static void names_are_unique_and_found(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < METRIC_COUNT; i++)
		assert_int_equal(metric_find(metrics[i].name), i);
	assert_int_equal(metric_find("cpu_percen"), METRIC_COUNT);
	assert_int_equal(metric_find("cpu_percent "), METRIC_COUNT);
	assert_int_equal(metric_find(""), METRIC_COUNT);
}

/* A level has no meaningful difference per second, and a share of the host is one value's. */
static void derivations_fit_their_raw_values(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < METRIC_COUNT; i++) {
		if (metrics[i].derive == DERIVE_DELTA || metrics[i].derive == DERIVE_RATE)
			assert_true(raw_is_kept(metrics[i].a));
		if (metrics[i].derive == DERIVE_OF_HOST)
			assert_int_equal(metrics[i].b, RAW_NONE);
		if (metrics[i].b != RAW_NONE)
			assert_int_equal(raw_kinds[metrics[i].a], raw_kinds[metrics[i].b]);
	}
}

/* provides, of rungs, and provided, of groups, are masks of 64 bits. */
static void raw_values_fit_into_a_mask(void **state)
{
	(void)state;
	assert_true(RAW_COUNT <= 64);
}

static void what_the_dead_leave_behind(void **state)
{
	(void)state;
	assert_true(raw_is_kept(RAW_FD_OPENS));
	assert_true(raw_is_kept(RAW_CPU_NS));
	assert_true(raw_is_kept(RAW_FD_UNATTRIBUTED));
	assert_false(raw_is_kept(RAW_RSS_BYTES));
	assert_false(raw_is_kept(RAW_OPEN_FDS_LIMIT));
}

static void a_cleared_row_knows_nothing(void **state)
{
	struct raw_row row = { { 0 } };
	size_t i;

	(void)state;
	raw_row_clear(&row);
	for (i = 0; i < RAW_COUNT; i++)
		assert_true(row.v[i] == RAW_UNKNOWN);
}

static void the_public_table_is_the_same(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(ktally_metric_count(), METRIC_COUNT);
	for (i = 0; i < METRIC_COUNT; i++) {
		assert_string_equal(ktally_metric_at(i)->name, metrics[i].name);
		assert_string_equal(ktally_metric_at(i)->unit, metrics[i].unit);
		assert_string_equal(ktally_metric_at(i)->help, metrics[i].help);
	}
	assert_null(ktally_metric_at(METRIC_COUNT));
	assert_null(ktally_metric_at(SIZE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(names_are_unique_and_found),
		cmocka_unit_test(derivations_fit_their_raw_values),
		cmocka_unit_test(raw_values_fit_into_a_mask),
		cmocka_unit_test(what_the_dead_leave_behind),
		cmocka_unit_test(a_cleared_row_knows_nothing),
		cmocka_unit_test(the_public_table_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
