// SPDX-License-Identifier: BSD-2-Clause
/* Windows beyond what promtool can ask: dense samples, gaps, large numbers, infinities, long runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "rules/window.h"

#define MS    1000000ull
#define S     (1000 * MS)
#define START (1000 * S)
#define RUN   3000

static void push_all(struct window *w, const double *v, size_t cnt, uint64_t step_ns)
{
	for (size_t i = 0; i < cnt; i++)
		window_push(w, START + i * step_ns, v[i]);
}

static void assert_near(double a, double b, double relative)
{
	if (fabs(a - b) > relative * fmax(fabs(a), fabs(b)) + 1e-12)
		fail_msg("%.17g is not near %.17g", a, b);
}

static double ask(window_fn *fn, const struct window *w, uint64_t now_ns, double arg)
{
	double v = NAN;

	assert_true(fn(w, now_ns, arg, &v));
	return v;
}

/* Over any stretch of a long noisy series the running sums give what the definition does. */
static void test_against_definition(void **state)
{
	double v[RUN];
	struct window last, mean, most;
	const size_t n = 60;

	(void)state;
	srand(1);
	for (size_t i = 0; i < RUN; i++)
		v[i] = 1e10 + (double)(rand() % 1000) + 3.0 * (double)i;
	assert_int_equal(window_init(&last, n * S, S, KEEP_LAST, 3), 0);
	assert_int_equal(window_init(&mean, n * S, S, KEEP_MEAN, 17), 0);
	assert_int_equal(window_init(&most, n * S, S, KEEP_MAX, 0), 0);
	for (size_t i = 0; i < RUN; i++) {
		double sx = 0, sy = 0, sxx = 0, sxy = 0, max = 0;
		uint64_t now = START + i * S;

		window_push(&last, now, v[i]);
		window_push(&mean, now, v[i]);
		window_push(&most, now, v[i]);
		if (i < n)
			continue;
		for (size_t k = 0; k < n; k++) {
			double x = (double)k - (double)(n - 1), y = v[i - n + 1 + k] - 1e10;

			sx += x, sy += y, sxx += x * x, sxy += x * y;
			max = fmax(max, y + 1e10);
		}
		assert_near(ask(window_deriv, &last, now, 0),
			    (sxy - sx * sy / n) / (sxx - sx * sx / n), 1e-6);
		assert_near(ask(window_avg, &mean, now, 0), 1e10 + sy / n, 1e-12);
		assert_true(ask(window_extreme, &most, now, 0) == max);
	}
	window_fini(&last);
	window_fini(&mean);
	window_fini(&most);
}

/* Ten samples a point: extremes and means are still those of every sample. */
static void test_dense_samples(void **state)
{
	struct window most, least, mean, rate;
	double sum = 0;

	(void)state;
	assert_int_equal(window_init(&most, 3600 * S, 0, KEEP_MAX, 0), 0);
	assert_int_equal(window_init(&least, 3600 * S, 0, KEEP_MIN, 0), 0);
	assert_int_equal(window_init(&mean, 3600 * S, 0, KEEP_MEAN, 0), 0);
	assert_int_equal(window_init(&rate, 3600 * S, 0, KEEP_LAST, 0), 0);
	assert_true(most.cap <= WINDOW_POINTS_MAX);
	for (size_t i = 0; i < 3600; i++) {
		double v = i == 1234 ? 1e6 : i == 2345 ? -5 : (double)(i % 10);

		sum += v;
		window_push(&most, START + i * S, v);
		window_push(&least, START + i * S, v);
		window_push(&mean, START + i * S, v);
		window_push(&rate, START + i * S, (double)i * 7);
		assert_true(rate.cnt <= rate.cap);
	}
	assert_true(ask(window_extreme, &most, START + 3599 * S, 0) == 1e6);
	assert_true(ask(window_extreme, &least, START + 3599 * S, 0) == -5);
	assert_near(ask(window_avg, &mean, START + 3599 * S, 0), sum / 3600, 1e-9);
	assert_near(ask(window_rate, &rate, START + 3599 * S, 0), 7, 1e-3);
	assert_near(ask(window_deriv, &rate, START + 3599 * S, 0), 7, 1e-9);
	window_fini(&most);
	window_fini(&least);
	window_fini(&mean);
	window_fini(&rate);
}

static void test_unknown_and_gaps(void **state)
{
	static const double v[] = { 1, NAN, NAN, 4 };
	struct window w;
	double got = 4711;

	(void)state;
	assert_int_equal(window_init(&w, 10 * S, S, KEEP_LAST, 0), 0);
	assert_false(window_avg(&w, START, 0, &got));
	window_push(&w, START, NAN);
	assert_false(window_rate(&w, START, 0, &got));
	assert_false(window_deriv(&w, START, 0, &got));
	assert_true(got == 4711 || isnan(got));
	push_all(&w, v, 4, S);
	assert_near(ask(window_deriv, &w, START + 3 * S, 0), 1, 1e-12);
	/* Nothing but old samples: they leave also when what comes is unknown. */
	window_push(&w, START + 12 * S, NAN);
	assert_int_equal(w.cnt, 1);
	window_push(&w, START + 13 * S, NAN);
	assert_int_equal(w.cnt, 0);
	window_fini(&w);
}

/* What an outlier or an infinity did to the sums is gone with it. */
static void test_recovers(void **state)
{
	static const double spikes[] = { 1e300, INFINITY, -INFINITY, -1e200 };

	(void)state;
	for (size_t i = 0; i < sizeof(spikes) / sizeof(spikes[0]); i++) {
		double v[] = { 3, spikes[i], 1, 2, 3, 4 };
		struct window w, mean;

		assert_int_equal(window_init(&w, 4 * S, S, KEEP_LAST, 0), 0);
		assert_int_equal(window_init(&mean, 4 * S, S, KEEP_MEAN, 0), 0);
		push_all(&w, v, 6, S);
		push_all(&mean, v, 6, S);
		assert_near(ask(window_deriv, &w, START + 5 * S, 0), 1, 1e-12);
		assert_near(ask(window_predict, &w, START + 5 * S, 10), 14, 1e-12);
		assert_near(ask(window_avg, &mean, START + 5 * S, 0), 2.5, 1e-12);
		window_fini(&w);
		window_fini(&mean);
	}
}

/* The same moment twice, and time that jumps by a day, as after a suspend. */
static void test_odd_times(void **state)
{
	struct window w;
	double got;

	(void)state;
	assert_int_equal(window_init(&w, 60 * S, S, KEEP_LAST, 0), 0);
	for (size_t i = 0; i < 1000; i++)
		window_push(&w, START, (double)i);
	assert_true(w.cnt <= w.cap);
	window_rate(&w, START, 0, &got);
	window_push(&w, START + 86400 * S, 1);
	assert_int_equal(w.cnt, 1);
	window_fini(&w);
	window_fini(&w);
	window_fini(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_definition), cmocka_unit_test(test_dense_samples),
		cmocka_unit_test(test_unknown_and_gaps),   cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_odd_times),
	};

	return cmocka_run_group_tests_name("rules_window", tests, NULL, NULL);
}
