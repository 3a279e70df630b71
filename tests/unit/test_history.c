// SPDX-License-Identifier: BSD-2-Clause
/* The ring of snapshots, and means and maxima of what is in it. */
#include "unit.h"

#include "snapshot/history.h"

static struct snapshot snapshot_at(uint64_t ns, double cpu)
{
	struct snapshot s = { .monotonic_ns = ns };
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		s.v[i] = NAN;
	s.v[METRIC_CPU_PERCENT] = cpu;
	return s;
}

static void push(struct history *h, uint64_t ns, double cpu)
{
	struct snapshot s = snapshot_at(ns, cpu);

	assert_int_equal(history_push(h, &s), 0);
}

/* All that is kept, oldest first: FIRST, FIRST + 1, ... */
static void assert_kept(const struct history *h, uint64_t first, size_t count)
{
	size_t i;

	assert_int_equal(h->count, count);
	for (i = 0; i < count; i++)
		assert_int_equal(history_at(h, i)->monotonic_ns, first + i);
	assert_null(history_at(h, count));
}

static void it_grows_to_its_limit_and_wraps(void **state)
{
	static const size_t limits[] = { 1, 2, 15, 16, 17, 31, 32, 33, 100 };
	struct history h;
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(limits); i++) {
		history_init(&h, limits[i]);
		for (n = 0; n < 3 * limits[i] + 1; n++) {
			push(&h, n, 1);
			if (n < limits[i])
				assert_kept(&h, 0, n + 1);
			else
				assert_kept(&h, n + 1 - limits[i], limits[i]);
			assert_true(h.cap <= limits[i]);
		}
		history_fini(&h);
	}
}

static void memory_grows_with_use(void **state)
{
	struct history h;

	(void)state;
	history_init(&h, 1000);
	assert_null(h.ring);
	push(&h, 0, 1);
	assert_true(h.cap < 100);
	history_fini(&h);
}

static void a_limit_of_none_keeps_none(void **state)
{
	struct history h;

	(void)state;
	history_init(&h, 0);
	push(&h, 1, 1);
	assert_kept(&h, 0, 0);
	history_fini(&h);
}

static void it_can_be_emptied_twice_and_used_again(void **state)
{
	struct history h;

	(void)state;
	history_init(&h, 4);
	push(&h, 1, 1);
	history_fini(&h);
	history_fini(&h);
	push(&h, 7, 1);
	assert_kept(&h, 7, 1);
	history_fini(&h);
}

/* The caller's array is reused for the next tick: what is kept must be a copy, also in slots that
 * held fewer or more before. */
static void custom_metrics_are_copied(void **state)
{
	struct custom_metric custom[5] = { { "a", 1 }, { "b", 2 }, { "c", 3 }, { "d", NAN },
					   { "e", 5 } };
	static const size_t counts[] = { 0, 5, 1, 3, 0, 2, 5 };
	struct history h;
	size_t i, j;

	(void)state;
	history_init(&h, 3);
	for (i = 0; i < ARRAY_LEN(counts); i++) {
		struct snapshot s = snapshot_at(i, 0);
		const struct snapshot *kept;

		s.custom = custom;
		s.custom_cnt = counts[i];
		custom[0].value = (double)i;
		assert_int_equal(history_push(&h, &s), 0);
		custom[0].value = -1;
		kept = history_at(&h, h.count - 1);
		assert_int_equal(kept->custom_cnt, counts[i]);
		for (j = 0; j < counts[i]; j++)
			assert_string_equal(kept->custom[j].name, custom[j].name);
		if (counts[i])
			assert_same_double(kept->custom[0].value, (double)i);
	}
	assert_int_equal(history_at(&h, 0)->custom_cnt, 0);
	assert_same_double(history_at(&h, 1)->custom[0].value, 5);
	history_fini(&h);
}

/* Names of firing alerts belong to the rules, which forget them. */
static void borrowed_alert_names_are_not_kept(void **state)
{
	static const char *const firing[] = { "high_cpu" };
	struct snapshot s = snapshot_at(1, 1);
	struct history h;

	(void)state;
	history_init(&h, 3);
	s.firing = firing;
	s.firing_cnt = 1;
	assert_int_equal(history_push(&h, &s), 0);
	assert_null(history_at(&h, 0)->firing);
	assert_int_equal(history_at(&h, 0)->firing_cnt, 0);
	history_fini(&h);
}

static void averages_are_by_time(void **state)
{
	struct history h;
	struct averages a;
	uint64_t n;

	(void)state;
	history_init(&h, 8);
	assert_int_equal(history_averages(&h, 0, &a), 0);
	assert_nan(averages_mean(&a, METRIC_CPU_PERCENT));
	assert_nan(averages_max(&a, METRIC_CPU_PERCENT));
	for (n = 1; n <= 20; n++)
		push(&h, n * 10, (double)n);
	assert_int_equal(history_averages(&h, 0, &a), 8);
	assert_same_double(averages_mean(&a, METRIC_CPU_PERCENT), 16.5);
	assert_int_equal(history_averages(&h, 180, &a), 3);
	assert_same_double(averages_mean(&a, METRIC_CPU_PERCENT), 19);
	assert_int_equal(history_averages(&h, 181, &a), 2);
	assert_int_equal(history_averages(&h, 201, &a), 0);
	assert_nan(averages_mean(&a, METRIC_CPU_PERCENT));
	history_fini(&h);
}

/* Means are over what was known; that nothing was known is not 0. */
static void unknown_values_do_not_count(void **state)
{
	struct history h;
	struct averages a;

	(void)state;
	history_init(&h, 8);
	push(&h, 1, 10);
	push(&h, 2, NAN);
	push(&h, 3, 20);
	assert_int_equal(history_averages(&h, 0, &a), 3);
	assert_same_double(averages_mean(&a, METRIC_CPU_PERCENT), 15);
	assert_nan(averages_mean(&a, METRIC_OPEN_FDS));
	assert_nan(averages_max(&a, METRIC_OPEN_FDS));
	history_fini(&h);
}

static void maxima_may_be_negative(void **state)
{
	struct averages a;
	struct snapshot s = snapshot_at(1, 0);

	(void)state;
	averages_init(&a);
	s.v[METRIC_FD_UNATTRIBUTED] = -7;
	averages_add(&a, &s);
	s.v[METRIC_FD_UNATTRIBUTED] = -3;
	averages_add(&a, &s);
	s.v[METRIC_FD_UNATTRIBUTED] = -5;
	averages_add(&a, &s);
	assert_same_double(averages_max(&a, METRIC_FD_UNATTRIBUTED), -3);
	assert_same_double(averages_mean(&a, METRIC_FD_UNATTRIBUTED), -5);
}

static void add(struct averages *a, double seconds, double cpu, double oncpu, double fds)
{
	struct snapshot s = snapshot_at(1, cpu);

	s.interval_asked = 1;
	s.interval_seconds = seconds;
	s.v[METRIC_ONCPU_SECONDS] = oncpu;
	s.v[METRIC_OPEN_FDS] = fds;
	averages_add(a, &s);
}

/* A run that ends between two ticks: its last interval is of milliseconds. */
static void a_snapshot_counts_for_its_interval(void **state)
{
	struct averages a;
	int i;

	(void)state;
	averages_init(&a);
	for (i = 0; i < 4; i++)
		add(&a, 1, i ? 1 : 9, i ? 0.01 : 0.09, 20);
	add(&a, 0.01, 48, 0.0048, 50);
	assert_near(averages_mean(&a, METRIC_CPU_PERCENT) * 4.01, 12.48, 1e-9);
	assert_near(averages_mean(&a, METRIC_OPEN_FDS) * 4.01, 80.5, 1e-9);
	/* An amount is that of a whole interval, of which the last one is a hundredth. */
	assert_near(averages_mean(&a, METRIC_ONCPU_SECONDS) * 4.01, 0.1248, 1e-9);
	/* A rate of milliseconds is chance, a level is not. */
	assert_same_double(averages_max(&a, METRIC_CPU_PERCENT), 9);
	assert_same_double(averages_max(&a, METRIC_ONCPU_SECONDS), 0.09);
	assert_same_double(averages_max(&a, METRIC_OPEN_FDS), 50);
}

static void a_run_of_milliseconds_has_only_those(void **state)
{
	struct averages a;

	(void)state;
	averages_init(&a);
	add(&a, 0.015, 90, 0.0135, 3);
	add(&a, 0.005, 50, 0.0025, 4);
	assert_near(averages_mean(&a, METRIC_CPU_PERCENT), 80, 1e-9);
	assert_near(averages_mean(&a, METRIC_ONCPU_SECONDS), 0.008, 1e-9);
	assert_same_double(averages_max(&a, METRIC_CPU_PERCENT), 90);
}

/* Asleep for a second, busy for the 400 ms that were left. */
static void no_maximum_is_below_its_mean(void **state)
{
	struct averages a;

	(void)state;
	averages_init(&a);
	add(&a, 1, 0, 0, 3);
	add(&a, 0.4, 100, 0.4, 3);
	assert_near(averages_mean(&a, METRIC_CPU_PERCENT) * 1.4, 40, 1e-9);
	assert_near(averages_mean(&a, METRIC_ONCPU_SECONDS) * 1.4, 0.4, 1e-9);
	assert_same_double(averages_max(&a, METRIC_CPU_PERCENT),
			   averages_mean(&a, METRIC_CPU_PERCENT));
	assert_same_double(averages_max(&a, METRIC_ONCPU_SECONDS),
			   averages_mean(&a, METRIC_ONCPU_SECONDS));
}

/* So that a condition on one, avg(threads) == 3, holds whatever the intervals were. */
static void what_never_changes_is_its_own_mean(void **state)
{
	struct averages a;
	int i;

	(void)state;
	averages_init(&a);
	for (i = 1; i < 1000; i++)
		add(&a, 1.0 / i, 12.34, NAN, 3);
	assert_same_double(averages_mean(&a, METRIC_CPU_PERCENT), 12.34);
	assert_same_double(averages_mean(&a, METRIC_OPEN_FDS), 3);
	assert_same_double(averages_max(&a, METRIC_CPU_PERCENT), 12.34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_to_its_limit_and_wraps),
		cmocka_unit_test(memory_grows_with_use),
		cmocka_unit_test(a_limit_of_none_keeps_none),
		cmocka_unit_test(it_can_be_emptied_twice_and_used_again),
		cmocka_unit_test(custom_metrics_are_copied),
		cmocka_unit_test(borrowed_alert_names_are_not_kept),
		cmocka_unit_test(averages_are_by_time),
		cmocka_unit_test(unknown_values_do_not_count),
		cmocka_unit_test(maxima_may_be_negative),
		cmocka_unit_test(a_snapshot_counts_for_its_interval),
		cmocka_unit_test(a_run_of_milliseconds_has_only_those),
		cmocka_unit_test(no_maximum_is_below_its_mean),
		cmocka_unit_test(what_never_changes_is_its_own_mean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
