// SPDX-License-Identifier: BSD-2-Clause
/* Points of trend.h, and what they say. */
#include "leaks/trend.h"

#include <math.h>
#include <stdbool.h>

/* Fewer points than two for each quarter show no trend. */
#define POINTS_MIN 8

const char *const trend_verdict_names[TREND_VERDICT_CNT] = {
	[TREND_UNCLEAR] = "unclear",
	[TREND_GROWS] = "leak",
	[TREND_WARM] = "warm",
	[TREND_STEADY] = "steady",
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void halve(struct trend *t)
{
	size_t i;

	for (i = 0; i < TREND_POINTS_MAX / 2; i++) {
		uint64_t first = t->points[2 * i].floor;

		t->points[i] = t->points[2 * i + 1];
		t->points[i].floor = least(t->points[i].floor, first);
	}
	t->cnt = TREND_POINTS_MAX / 2;
	t->merge *= 2;
	t->held = t->merge;
}

void trend_add(struct trend *t, uint64_t ts_ns, uint64_t floor)
{
	struct trend_point *last;

	if (!t->merge)
		t->merge = 1;
	if (t->held == t->merge || !t->cnt) {
		if (t->cnt == TREND_POINTS_MAX)
			halve(t);
		t->points[t->cnt++] = (struct trend_point){ ts_ns, floor };
		t->held = 1;
		return;
	}
	last = &t->points[t->cnt - 1];
	last->ts_ns = ts_ns;
	last->floor = least(last->floor, floor);
	t->held++;
}

/* The least of points [from, to). */
static double floor_of(const struct trend *t, size_t from, size_t to)
{
	uint64_t floor = t->points[from].floor;

	while (++from < to)
		floor = least(floor, t->points[from].floor);
	return (double)floor;
}

enum trend_verdict trend_judge(const struct trend *t, double *ret_per_minute)
{
	size_t n = t->cnt, half = n / 2, late = n - n / 4, last = n - n / 8;
	double second, third, fourth, minutes;
	bool still;

	*ret_per_minute = NAN;
	if (n < POINTS_MIN)
		return TREND_UNCLEAR;
	second = floor_of(t, n / 4, half);
	third = floor_of(t, half, late);
	fourth = floor_of(t, late, n);
	minutes = (double)(t->points[late].ts_ns - t->points[n / 4].ts_ns) / 60e9;
	*ret_per_minute = minutes > 0 ? (fourth - second) / minutes : NAN;
	/* Did it rise within the last quarter too, and is it above all that was before? */
	still = floor_of(t, last, n) > floor_of(t, late, last);
	if (fourth > third && third >= second && still)
		return TREND_GROWS;
	return fourth > (double)t->points[0].floor ? TREND_WARM : TREND_STEADY;
}
