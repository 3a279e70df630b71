// SPDX-License-Identifier: BSD-2-Clause
/* Rings of points, and what PromQL's range functions make of them. */
#include "rules/window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define NS_PER_US 1000
#define T_MASK    ((1ULL << 44) - 1)
#define N_MAX     ((1U << 20) - 1)
/* Two more than fill the range: the point still open, and the one that is about to leave. */
#define POINTS_SPARE 2

int window_init(struct window *w, uint64_t range_ns, uint64_t interval_ns, enum window_keep keep,
		uint32_t phase)
{
	uint64_t range_us = range_ns / NS_PER_US;
	uint64_t interval_us = interval_ns / NS_PER_US;
	uint64_t cap = WINDOW_POINTS_MAX;
	struct point *points;

	/* A quarter more than the interval asks for, so that ticks that come early are not merged.
	 */
	if (interval_us && range_us / interval_us < WINDOW_POINTS_MAX / 5 * 4 - POINTS_SPARE)
		cap = range_us / interval_us * 5 / 4 + 1 + POINTS_SPARE;
	points = calloc(cap, sizeof(*points));
	if (!points)
		return -ENOMEM;
	*w = (struct window){
		.points = points,
		.cap = (uint32_t)cap,
		.slot_us = (uint32_t)(range_us / (cap - POINTS_SPARE)),
		.range_us = range_us,
		.keep = keep,
		.refresh_in = (uint32_t)(cap + phase % cap),
	};
	return 0;
}

void window_fini(struct window *w)
{
	if (!w)
		return;
	free(w->points);
	*w = (struct window){};
}

static struct point *at(const struct window *w, uint32_t i)
{
	i += w->head;
	return &w->points[i < w->cap ? i : i - w->cap];
}

static uint64_t age_us(const struct point *p, uint64_t now_us)
{
	return (now_us - p->t_us) & T_MASK;
}

/* ---- sums ---- */

static double seconds_after(uint64_t t_us, uint64_t ref_us)
{
	uint64_t us = (t_us - ref_us) & T_MASK;

	return us > T_MASK / 2 ? -(double)(T_MASK + 1 - us) / 1e6 : (double)us / 1e6;
}

/* sign: 1 when the point comes, -1 when it goes. */
static void count_point(struct window *w, const struct point *p, double sign)
{
	struct window_sums *s = &w->sums;
	double weight = w->keep == KEEP_MEAN ? sign * (double)p->n : sign;
	double x = seconds_after(p->t_us, s->ref_us);
	double y = p->v - s->y0;

	s->weight += weight;
	s->x += weight * x;
	s->y += weight * y;
	s->xx += weight * x * x;
	s->xy += weight * x * y;
}

static void count_step(struct window *w, const struct point *from, const struct point *to,
		       double sign)
{
	if (to->v < from->v)
		w->sums.drops += sign * from->v;
}

/* Point i with the step that leads to it. */
static void count_newest(struct window *w, double sign)
{
	count_point(w, at(w, w->cnt - 1), sign);
	if (w->cnt > 1)
		count_step(w, at(w, w->cnt - 2), at(w, w->cnt - 1), sign);
}

static void count_oldest_gone(struct window *w)
{
	count_point(w, at(w, 0), -1);
	if (w->cnt > 1)
		count_step(w, at(w, 0), at(w, 1), -1);
}

static void refresh(struct window *w)
{
	uint32_t cnt = w->cnt;

	w->refresh_in = w->cap;
	w->sums = (struct window_sums){};
	if (!cnt)
		return;
	w->sums.ref_us = at(w, 0)->t_us;
	w->sums.y0 = at(w, 0)->v;
	for (w->cnt = 1; w->cnt <= cnt; w->cnt++)
		count_newest(w, 1);
	w->cnt = cnt;
}

/* An infinity never leaves a sum again, and beside a number this large that has left, what remains
 * is mostly rounding. */
static bool is_spoilt(const struct window *w, double gone)
{
	return !isfinite(w->sums.xy) || !isfinite(w->sums.drops) ||
	       fabs(w->sums.y) < fabs(gone - w->sums.y0) * 1e-6;
}

/* ---- points come and go ---- */

static bool keeps_sums(const struct window *w)
{
	return w->keep == KEEP_LAST || w->keep == KEEP_MEAN;
}

/* The range is open on the left, as in Prometheus 3: a sample exactly range_us old is out. */
static void expire(struct window *w, uint64_t now_us)
{
	bool spoilt = false;

	while (w->cnt && age_us(at(w, 0), now_us) >= w->range_us) {
		double gone = at(w, 0)->v;

		if (keeps_sums(w))
			count_oldest_gone(w);
		w->head = w->head + 1 < w->cap ? w->head + 1 : 0;
		w->cnt--;
		spoilt |= keeps_sums(w) && is_spoilt(w, gone);
	}
	if (spoilt)
		refresh(w);
}

/* The newest point takes more samples until it is far enough from the one before it. */
static bool is_open(const struct window *w)
{
	if (w->cnt == w->cap)
		return true;
	return w->cnt > 1 && age_us(at(w, w->cnt - 2), at(w, w->cnt - 1)->t_us) < w->slot_us;
}

static void append(struct window *w, uint64_t now_us, double v)
{
	*at(w, w->cnt++) = (struct point){ .t_us = now_us & T_MASK, .n = 1, .v = v };
}

static void push_sums(struct window *w, uint64_t now_us, double v)
{
	if (!w->cnt || !--w->refresh_in)
		refresh(w);
	if (!w->cnt) {
		w->sums.ref_us = now_us & T_MASK;
		w->sums.y0 = v;
	}
	if (is_open(w)) {
		struct point *p = at(w, w->cnt - 1);

		count_newest(w, -1);
		p->n += p->n < N_MAX;
		p->v = w->keep == KEEP_MEAN ? p->v + (v - p->v) / (double)p->n : v;
		p->t_us = now_us & T_MASK;
	} else {
		append(w, now_us, v);
	}
	count_newest(w, 1);
}

/* Points that a later one outdoes are let go, so that the oldest left is the answer. */
static void push_extreme(struct window *w, uint64_t now_us, double v)
{
	while (w->cnt &&
	       (w->keep == KEEP_MAX ? at(w, w->cnt - 1)->v <= v : at(w, w->cnt - 1)->v >= v))
		w->cnt--;
	if (is_open(w))
		at(w, w->cnt - 1)->t_us = now_us & T_MASK;
	else
		append(w, now_us, v);
}

void window_prefetch(const struct window *w)
{
	__builtin_prefetch(at(w, 0));
	if (w->cnt)
		__builtin_prefetch(at(w, w->cnt - 1), 1);
}

void window_push(struct window *w, uint64_t now_ns, double v)
{
	uint64_t now_us = now_ns / NS_PER_US;

	expire(w, now_us);
	if (isnan(v))
		return;
	if (keeps_sums(w))
		push_sums(w, now_us, v);
	else
		push_extreme(w, now_us, v);
}

/* ---- functions ---- */

bool window_avg(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	(void)now_ns, (void)arg;
	*ret = w->sums.y0 + w->sums.y / w->sums.weight;
	return w->cnt;
}

bool window_extreme(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	(void)now_ns, (void)arg;
	*ret = at(w, 0)->v;
	return w->cnt;
}

/*
 * As Prometheus extrapolates: out to the edges of the range where a sample may be expected so near
 * to them, else by half of the mean distance; and never back beyond the moment when the counter was
 * 0.
 */
bool window_rate(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	uint64_t now_us = now_ns / NS_PER_US;
	const struct point *first, *last;
	double sum, sampled, mean, before, after;

	(void)arg;
	if (w->cnt < 2)
		return false;
	first = at(w, 0);
	last = at(w, w->cnt - 1);
	sum = last->v - first->v + w->sums.drops;
	after = (double)age_us(last, now_us);
	before = (double)(w->range_us - age_us(first, now_us));
	sampled = (double)age_us(first, last->t_us);
	mean = sampled / (w->cnt - 1);
	if (sum > 0 && first->v >= 0)
		before = fmin(before, sampled * (first->v / sum));
	before = before < mean * 1.1 ? before : mean / 2;
	after = after < mean * 1.1 ? after : mean / 2;
	*ret = sum * ((sampled + before + after) / sampled) / ((double)w->range_us / 1e6);
	return true;
}

static double slope(const struct window_sums *s)
{
	return (s->xy - s->x * s->y / s->weight) / (s->xx - s->x * s->x / s->weight);
}

bool window_deriv(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	(void)now_ns, (void)arg;
	if (w->cnt < 2)
		return false;
	*ret = slope(&w->sums);
	return true;
}

bool window_predict(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	const struct window_sums *s = &w->sums;
	double then = seconds_after(now_ns / NS_PER_US, s->ref_us) + arg;

	if (w->cnt < 2)
		return false;
	*ret = s->y0 + s->y / s->weight + slope(s) * (then - s->x / s->weight);
	return true;
}
