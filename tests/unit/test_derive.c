// SPDX-License-Identifier: BSD-2-Clause
/* Two raw rows into the values of a snapshot. */
#include "unit.h"

#include "snapshot/derive.h"

#define HOST_BYTES (8ULL << 30)

struct rows {
	struct raw_row prev;
	struct raw_row now;
	bool prev_zero;
	double v[METRIC_COUNT];
};

static void rows_init(struct rows *r)
{
	memset(r, 0, sizeof(*r));
	raw_row_clear(&r->prev);
	raw_row_clear(&r->now);
}

static void set(struct rows *r, enum raw_id id, int64_t prev, int64_t now)
{
	r->prev.v[id] = prev;
	r->now.v[id] = now;
}

static double derive_over(struct rows *r, double seconds, enum metric_id id)
{
	snapshot_derive(&r->prev, r->prev_zero, &r->now, &r->now, seconds, HOST_BYTES, r->v);
	return r->v[id];
}

static double derive(struct rows *r, enum metric_id id)
{
	return derive_over(r, 1, id);
}

static void nothing_known_is_nothing_said(void **state)
{
	struct rows r;
	size_t i;

	(void)state;
	rows_init(&r);
	derive(&r, METRIC_CPU_PERCENT);
	for (i = 0; i < METRIC_COUNT; i++)
		assert_nan(r.v[i]);
}

static void zero_is_known(void **state)
{
	struct rows r = { 0 };
	size_t i;

	(void)state;
	derive(&r, METRIC_CPU_PERCENT);
	for (i = 0; i < METRIC_COUNT; i++)
		assert_same_double(r.v[i], 0.0);
}

static void a_value_is_this_tick_scaled(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_RSS_BYTES, 1, 3LL << 19);
	assert_same_double(derive(&r, METRIC_MEMORY_MB), 1.5);
	assert_same_double(derive(&r, METRIC_MEMORY_RSS_BYTES), 1572864.0);
	set(&r, RAW_CPU_USER_NS, 0, 2500000000LL);
	assert_near(derive(&r, METRIC_CPU_USER_SECONDS), 2.5, 1e-12);
	set(&r, RAW_FD_UNATTRIBUTED, 0, -4);
	assert_same_double(derive(&r, METRIC_FD_UNATTRIBUTED), -4.0);
}

static void a_sum_needs_both(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_VOLUNTARY, 10, 30);
	assert_nan(derive(&r, METRIC_CONTEXT_SWITCHES));
	assert_nan(derive(&r, METRIC_CONTEXT_SWITCHES_PER_SEC));
	assert_same_double(derive(&r, METRIC_CONTEXT_SWITCHES_VOLUNTARY), 30.0);
	set(&r, RAW_INVOLUNTARY, 1, 4);
	assert_same_double(derive(&r, METRIC_CONTEXT_SWITCHES), 34.0);
	assert_same_double(derive(&r, METRIC_CONTEXT_SWITCHES_PER_SEC), 23.0);
}

static void a_delta_is_not_divided_by_time(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_ONCPU_NS, 1000000000LL, 4000000000LL);
	assert_near(derive_over(&r, 2, METRIC_ONCPU_SECONDS), 3.0, 1e-12);
}

static void a_rate_is_by_measured_time(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_CPU_NS, 0, 1500000000LL);
	assert_near(derive_over(&r, 2, METRIC_CPU_PERCENT), 75.0, 1e-9);
	assert_near(derive_over(&r, 0.5, METRIC_CPU_PERCENT), 300.0, 1e-9);
	set(&r, RAW_FD_OPENS, 7, 30);
	assert_near(derive_over(&r, 0.1, METRIC_FD_OPENS_PER_SEC), 230.0, 1e-9);
}

static void no_time_gives_no_rate(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_CPU_NS, 0, 1500000000LL);
	assert_nan(derive_over(&r, 0, METRIC_CPU_PERCENT));
	assert_nan(derive_over(&r, -1, METRIC_CPU_PERCENT));
}

/* Two years of nanoseconds are above 2^53; their difference is still exact. */
static void small_changes_of_large_counters_are_exact(void **state)
{
	const int64_t years = 63072000LL * 1000000000LL;
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_BLOCKED_NS, years + 1, years + 1001);
	assert_same_double(derive(&r, METRIC_BLOCKED_SECONDS), 1e-6);
}

/* A rule that judges it live and one that reads it from a recording see the same number. */
static void values_are_rounded_as_they_are_printed(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_CPU_NS, 0, 900049999);
	assert_same_double(derive(&r, METRIC_CPU_PERCENT), 90.00);
	set(&r, RAW_BLOCKED_NS, 0, 1499);
	assert_same_double(derive(&r, METRIC_BLOCKED_SECONDS), 1e-6);
}

static void a_share_of_the_host_needs_the_host(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_RSS_BYTES, 0, 2LL << 30);
	assert_same_double(derive(&r, METRIC_MEMORY_PERCENT), 25.0);
	snapshot_derive(&r.prev, false, &r.now, &r.now, 1, 0, r.v);
	assert_nan(r.v[METRIC_MEMORY_PERCENT]);
}

/* It was not watched before, so it had counted nothing. */
static void a_counter_starts_from_nothing(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_FD_OPENS, RAW_UNKNOWN, 23);
	assert_same_double(derive(&r, METRIC_FD_OPENS_PER_SEC), 23.0);
	assert_same_double(derive(&r, METRIC_FD_OPENS), 23.0);
}

/* It may have run for days before: none of that is this interval's, unless it was born in it. */
static void a_lifetime_starts_from_nothing_only_at_birth(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	set(&r, RAW_CPU_NS, RAW_UNKNOWN, 1000000000LL);
	assert_nan(derive(&r, METRIC_CPU_PERCENT));
	r.prev_zero = true;
	assert_near(derive(&r, METRIC_CPU_PERCENT), 100.0, 1e-9);
}

static void what_is_lost_from_sight_is_unknown(void **state)
{
	struct rows r;

	(void)state;
	rows_init(&r);
	r.prev_zero = true;
	set(&r, RAW_FD_OPENS, 5, RAW_UNKNOWN);
	set(&r, RAW_CPU_NS, 5, RAW_UNKNOWN);
	assert_nan(derive(&r, METRIC_FD_OPENS));
	assert_nan(r.v[METRIC_FD_OPENS_PER_SEC]);
	assert_nan(r.v[METRIC_CPU_PERCENT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_known_is_nothing_said),
		cmocka_unit_test(zero_is_known),
		cmocka_unit_test(a_value_is_this_tick_scaled),
		cmocka_unit_test(a_sum_needs_both),
		cmocka_unit_test(a_delta_is_not_divided_by_time),
		cmocka_unit_test(a_rate_is_by_measured_time),
		cmocka_unit_test(no_time_gives_no_rate),
		cmocka_unit_test(small_changes_of_large_counters_are_exact),
		cmocka_unit_test(values_are_rounded_as_they_are_printed),
		cmocka_unit_test(a_share_of_the_host_needs_the_host),
		cmocka_unit_test(a_counter_starts_from_nothing),
		cmocka_unit_test(a_lifetime_starts_from_nothing_only_at_birth),
		cmocka_unit_test(what_is_lost_from_sight_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
