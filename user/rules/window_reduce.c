// SPDX-License-Identifier: BSD-2-Clause
/* What PromQL's range functions make of a window. */
#include <math.h>

#include "rules/window_ring.h"

bool window_avg(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	(void)now_ns, (void)arg;
	*ret = w->mean->y0 + w->mean->y / w->mean->weight;
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
	sum = last->v - first->v + *w->drops;
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

static double slope(const struct window *w)
{
	const struct line_sums *s = w->line;

	return (s->xy - s->x * s->y / w->cnt) / (s->xx - s->x * s->x / w->cnt);
}

bool window_deriv(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	(void)now_ns, (void)arg;
	if (w->cnt < 2)
		return false;
	*ret = slope(w);
	return true;
}

bool window_predict(const struct window *w, uint64_t now_ns, double arg, double *ret)
{
	const struct line_sums *s = w->line;
	double then = seconds_after(now_ns / NS_PER_US, s->ref_us) + arg;

	if (w->cnt < 2)
		return false;
	*ret = s->y0 + s->y / w->cnt + slope(w) * (then - s->x / w->cnt);
	return true;
}
