// SPDX-License-Identifier: BSD-2-Clause
/* Sums and extremes of tally.h. */
#include "rules/tally.h"

#include <math.h>

void tally_add(struct tally *t, double v, bool judged)
{
	if (isnan(v))
		return;
	t->total += v;
	t->total_cnt++;
	if (t->judged && !judged)
		return;
	if (judged && !t->judged)
		*t = (struct tally){ .judged = true, .total = t->total, .total_cnt = t->total_cnt };
	if (!t->cnt++)
		t->min = t->max = t->first = v;
	t->min = fmin(t->min, v);
	t->max = fmax(t->max, v);
	t->sum += v;
	t->last = v;
}

double tally_min(const struct tally *t)
{
	return t->cnt ? t->min : NAN;
}

double tally_max(const struct tally *t)
{
	return t->cnt ? t->max : NAN;
}

double tally_avg(const struct tally *t)
{
	return t->cnt ? t->sum / (double)t->cnt : NAN;
}

double tally_sum(const struct tally *t)
{
	return t->total_cnt ? t->total : NAN;
}

double tally_first(const struct tally *t)
{
	return t->cnt ? t->first : NAN;
}

double tally_last(const struct tally *t)
{
	return t->cnt ? t->last : NAN;
}
