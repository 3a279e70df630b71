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

/* One window with memory of its own. */
static struct window_block *open_window(struct window *w, uint64_t range_ns, uint64_t interval_ns,
					enum window_keep keep, uint32_t phase)
{
	struct window_block *block;

	window_init(w, range_ns, interval_ns, keep, phase);
	assert_int_equal(windows_alloc(w, 1, &block), 0);
	assert_non_null(block);
	assert_non_null(w->points);
	return block;
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
	struct window_block *blocks[3];
	const size_t n = 60;

	(void)state;
	srand(1);
	for (size_t i = 0; i < RUN; i++)
		v[i] = 1e10 + (double)(rand() % 1000) + 3.0 * (double)i;
	blocks[0] = open_window(&last, n * S, S, KEEP_LINE, 3);
	blocks[1] = open_window(&mean, n * S, S, KEEP_MEAN, 17);
	blocks[2] = open_window(&most, n * S, S, KEEP_MAX, 0);
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
	for (size_t i = 0; i < 3; i++)
		free(blocks[i]);
}

/* Ten samples a point: extremes and means are still those of every sample. */
static void test_dense_samples(void **state)
{
	struct window most, least, mean, rate, line;
	struct window_block *blocks[5];
	double sum = 0;

	(void)state;
	blocks[0] = open_window(&most, 3600 * S, 0, KEEP_MAX, 0);
	blocks[1] = open_window(&least, 3600 * S, 0, KEEP_MIN, 0);
	blocks[2] = open_window(&mean, 3600 * S, 0, KEEP_MEAN, 0);
	blocks[3] = open_window(&rate, 3600 * S, 0, KEEP_RATE, 0);
	blocks[4] = open_window(&line, 3600 * S, 0, KEEP_LINE, 0);
	assert_true(most.cap <= WINDOW_POINTS_MAX);
	for (size_t i = 0; i < 3600; i++) {
		double v = i == 1234 ? 1e6 : i == 2345 ? -5 : (double)(i % 10);

		sum += v;
		window_push(&most, START + i * S, v);
		window_push(&least, START + i * S, v);
		window_push(&mean, START + i * S, v);
		window_push(&rate, START + i * S, (double)i * 7);
		window_push(&line, START + i * S, (double)i * 7);
		assert_true(rate.cnt <= rate.cap && line.cnt <= line.cap);
	}
	assert_true(ask(window_extreme, &most, START + 3599 * S, 0) == 1e6);
	assert_true(ask(window_extreme, &least, START + 3599 * S, 0) == -5);
	assert_near(ask(window_avg, &mean, START + 3599 * S, 0), sum / 3600, 1e-9);
	assert_near(ask(window_rate, &rate, START + 3599 * S, 0), 7, 1e-3);
	assert_near(ask(window_deriv, &line, START + 3599 * S, 0), 7, 1e-9);
	for (size_t i = 0; i < 5; i++)
		free(blocks[i]);
}

static void test_unknown_and_gaps(void **state)
{
	static const double v[] = { 1, NAN, NAN, 4 };
	struct window_block *blocks[3];
	struct window w, mean, rate;
	double got = 4711;

	(void)state;
	blocks[0] = open_window(&w, 10 * S, S, KEEP_LINE, 0);
	blocks[1] = open_window(&mean, 10 * S, S, KEEP_MEAN, 0);
	blocks[2] = open_window(&rate, 10 * S, S, KEEP_RATE, 0);
	assert_false(window_avg(&mean, START, 0, &got));
	window_push(&rate, START, NAN);
	window_push(&w, START, NAN);
	assert_false(window_rate(&rate, START, 0, &got));
	assert_false(window_deriv(&w, START, 0, &got));
	assert_true(got == 4711 || isnan(got));
	push_all(&w, v, 4, S);
	assert_near(ask(window_deriv, &w, START + 3 * S, 0), 1, 1e-12);
	/* Nothing but old samples: they leave also when what comes is unknown. */
	window_push(&w, START + 12 * S, NAN);
	assert_int_equal(w.cnt, 1);
	window_push(&w, START + 13 * S, NAN);
	assert_int_equal(w.cnt, 0);
	for (size_t i = 0; i < 3; i++)
		free(blocks[i]);
}

/* What an outlier or an infinity did to the sums is gone with it. */
static void test_recovers(void **state)
{
	static const double spikes[] = { 1e300, INFINITY, -INFINITY, -1e200 };

	(void)state;
	for (size_t i = 0; i < sizeof(spikes) / sizeof(spikes[0]); i++) {
		double v[] = { 3, spikes[i], 1, 2, 3, 4 };
		struct window w, mean;
		struct window_block *blocks[] = {
			open_window(&w, 4 * S, S, KEEP_LINE, 0),
			open_window(&mean, 4 * S, S, KEEP_MEAN, 0),
		};

		push_all(&w, v, 6, S);
		push_all(&mean, v, 6, S);
		assert_near(ask(window_deriv, &w, START + 5 * S, 0), 1, 1e-12);
		assert_near(ask(window_predict, &w, START + 5 * S, 10), 14, 1e-12);
		assert_near(ask(window_avg, &mean, START + 5 * S, 0), 2.5, 1e-12);
		free(blocks[0]);
		free(blocks[1]);
	}
}

/* A counter that falls from a large number: when that fall has left the range, nothing of it is in
 * what the smaller ones add up to. */
static void test_rate_after_a_large_fall(void **state)
{
	static const double v[] = { 1e300, 1, 0.25, 0.5, 0.75, 1, 1.25 };
	struct window w;
	struct window_block *block = open_window(&w, 4 * S, S, KEEP_RATE, 0);

	(void)state;
	push_all(&w, v, 4, S);
	for (size_t i = 4; i < 7; i++)
		window_push(&w, START + i * S, v[i]);
	assert_near(ask(window_rate, &w, START + 6 * S, 0), 0.25, 1e-12);
	free(block);
}

/* The same moment twice, and time that jumps by a day, as after a suspend. */
static void test_odd_times(void **state)
{
	struct window w;
	struct window_block *block = open_window(&w, 60 * S, S, KEEP_RATE, 0);
	double got;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		window_push(&w, START, (double)i);
	assert_true(w.cnt <= w.cap);
	window_rate(&w, START, 0, &got);
	window_push(&w, START + 86400 * S, 1);
	assert_int_equal(w.cnt, 1);
	free(block);
}

#define TOGETHER 9

/* Of three lengths and every kind; the second is not to be used. */
static void init_together(struct window *v)
{
	for (size_t i = 0; i < TOGETHER; i++) {
		v[i] = (struct window){};
		if (i != 1)
			window_init(&v[i], (10 + i % 3 * 50) * S, S, (enum window_keep)(i % 5), 7);
	}
}

static window_fn *const reduces[] = {
	[KEEP_RATE] = window_rate,   [KEEP_LINE] = window_deriv,  [KEEP_MEAN] = window_avg,
	[KEEP_MAX] = window_extreme, [KEEP_MIN] = window_extreme,
};

static void assert_same(const struct window *a, const struct window *b, uint64_t now_ns)
{
	double x = 0, y = 0;
	bool known = reduces[a->keep](a, now_ns, 0, &x);

	assert_int_equal(reduces[b->keep](b, now_ns, 0, &y), known);
	if (known)
		assert_true(x == y);
}

/* Side by side in one block, some of them with values that others lack, they give what each gives
 * alone. */
static void test_side_by_side(void **state)
{
	struct window v[TOGETHER], alone[TOGETHER];
	struct window_block *block, *blocks[TOGETHER] = {};

	(void)state;
	srand(2);
	init_together(v);
	init_together(alone);
	assert_int_equal(windows_alloc(v, TOGETHER, &block), 0);
	assert_null(v[1].points);
	for (size_t i = 0; i < TOGETHER; i++)
		assert_int_equal(windows_alloc(&alone[i], 1, &blocks[i]), 0);
	assert_null(blocks[1]);
	for (size_t t = 0; t < 700; t++) {
		for (size_t i = 0; i < TOGETHER; i++) {
			double x = rand() % 9 ? rand() % 1000 : NAN;

			if (i == 1)
				continue;
			window_push(&v[i], START + t * S, x);
			window_push(&alone[i], START + t * S, x);
			assert_same(&v[i], &alone[i], START + t * S);
		}
	}
	for (size_t i = 0; i < TOGETHER; i++)
		free(blocks[i]);
	free(block);
}

/* A copy goes on as the original does; a smaller one has the newest points. */
static void test_copy(void **state)
{
	struct window from, same, small;
	struct window_block *blocks[] = {
		open_window(&from, 60 * S, S, KEEP_LINE, 5),
		open_window(&same, 60 * S, S, KEEP_LINE, 5),
		open_window(&small, 60 * S, 20 * S, KEEP_LINE, 5),
	};

	(void)state;
	for (size_t i = 0; i < 200; i++)
		window_push(&from, START + i * S, (double)(i * i % 97));
	window_copy(&same, &from);
	window_copy(&small, &from);
	assert_same(&same, &from, START + 199 * S);
	assert_int_equal(small.cnt, small.cap);
	for (size_t i = 200; i < 400; i++) {
		window_push(&from, START + i * S, (double)(i * i % 97));
		window_push(&same, START + i * S, (double)(i * i % 97));
		assert_near(ask(window_deriv, &same, START + i * S, 0),
			    ask(window_deriv, &from, START + i * S, 0), 1e-9);
	}
	for (size_t i = 0; i < 3; i++)
		free(blocks[i]);
}

static void test_none(void **state)
{
	struct window_block *block = (void *)state;

	assert_int_equal(windows_alloc(NULL, 0, &block), 0);
	assert_null(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_definition),
		cmocka_unit_test(test_dense_samples),
		cmocka_unit_test(test_unknown_and_gaps),
		cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_rate_after_a_large_fall),
		cmocka_unit_test(test_odd_times),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("rules_window", tests, NULL, NULL);
}
