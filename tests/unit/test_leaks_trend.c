// SPDX-License-Identifier: BSD-2-Clause
/* A leak from a pool that is merely warm, and from what a garbage collector gives back. */
#include "unit.h"

#include <math.h>

#include "leaks/trend.h"

#define SECOND 1000000000ull

/* What was open at second i of cnt. */
typedef uint64_t (*course_fn)(int i, int cnt);

static enum trend_verdict judge(course_fn course, int cnt, double *per_minute)
{
	struct trend t = {};
	int i;

	for (i = 0; i < cnt; i++)
		trend_add(&t, (uint64_t)(i + 1) * SECOND, course(i, cnt));
	return trend_judge(&t, per_minute);
}

static uint64_t leak(int i, int cnt)
{
	return (uint64_t)(i / 2);
}

static uint64_t slow_leak(int i, int cnt)
{
	return (uint64_t)(i * 9 / cnt);
}

static uint64_t warm(int i, int cnt)
{
	return i < cnt / 3 ? (uint64_t)i : (uint64_t)cnt / 3;
}

/* Fills up shortly before the end of the third quarter. */
static uint64_t late_warm(int i, int cnt)
{
	return i < cnt * 7 / 10 ? (uint64_t)i : (uint64_t)cnt * 7 / 10;
}

static uint64_t flat(int i, int cnt)
{
	return 17;
}

static uint64_t collected(int i, int cnt)
{
	return (uint64_t)(i % 10) * 30;
}

static uint64_t collected_and_leaking(int i, int cnt)
{
	return (uint64_t)(i % 7) * 30 + (uint64_t)i;
}

static uint64_t shrinks(int i, int cnt)
{
	return (uint64_t)(cnt - i);
}

static void verdicts(void **state)
{
	static const struct {
		course_fn course;
		enum trend_verdict verdict;
		double least, most; /* a minute */
	} rows[] = {
		{ leak, TREND_GROWS, 27, 33 },
		{ slow_leak, TREND_GROWS, 0.05, 40 },
		{ warm, TREND_WARM, -0.001, 0.001 * 60 },
		{ late_warm, TREND_WARM, 0, 60 },
		{ flat, TREND_STEADY, -0.001, 0.001 },
		{ collected, TREND_STEADY, -0.001, 0.001 },
		{ collected_and_leaking, TREND_GROWS, 50, 75 },
		{ shrinks, TREND_STEADY, -70, 0 },
	};
	static const int lengths[] = { 64, 65, 100, 1000, 86400 };
	double growth;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (j = 0; j < sizeof(lengths) / sizeof(*lengths); j++) {
			if (judge(rows[i].course, lengths[j], &growth) != rows[i].verdict)
				fail_msg("row %zu over %d s", i, lengths[j]);
			if (rows[i].course == warm || rows[i].course == slow_leak ||
			    rows[i].course == late_warm)
				continue;
			if (growth < rows[i].least || growth > rows[i].most)
				fail_msg("row %zu over %d s: %f a minute", i, lengths[j], growth);
		}
}

static void too_short(void **state)
{
	double growth;

	(void)state;
	assert_int_equal(judge(leak, 7, &growth), TREND_UNCLEAR);
	assert_true(isnan(growth));
	assert_int_equal(judge(leak, 0, &growth), TREND_UNCLEAR);
}

/* However long, it fits, and its points are in order and cover all. */
static void bounded(void **state)
{
	struct trend t = {};
	size_t i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		trend_add(&t, (i + 1) * SECOND, i);
		assert_true(t.cnt && t.cnt <= TREND_POINTS_MAX);
		assert_int_equal(t.points[t.cnt - 1].ts_ns, (i + 1) * SECOND);
	}
	assert_int_equal(t.points[0].floor, 0);
	for (i = 1; i < t.cnt; i++)
		assert_true(t.points[i].ts_ns > t.points[i - 1].ts_ns &&
			    t.points[i].floor > t.points[i - 1].floor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(too_short),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
