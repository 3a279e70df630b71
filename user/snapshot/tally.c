// SPDX-License-Identifier: BSD-2-Clause
/* Sums, means and extremes of tally.h. */
#include "snapshot/tally.h"

#include <math.h>

#include "snapshot/record.h"

/* By steps from mean to mean, so that what never changes is its own mean to the last bit. Where no
 * interval is known, as in old recordings, all weigh the same. */
static void add_to_all(struct tally *t, double v, double seconds)
{
	bool timed;

	t->total += v;
	t->total_cnt++;
	t->seconds += seconds;
	timed = t->seconds > 0;
	t->mean += (v - t->mean) * (timed ? seconds : 1) /
		   (timed ? t->seconds : (double)t->total_cnt);
}

static void add_to_counted(struct tally *t, double v, double seconds)
{
	if (!t->cnt++)
		t->min = t->max = t->first = v;
	t->min = fmin(t->min, v);
	t->max = fmax(t->max, v);
	t->last = v;
	t->cnt_seconds += seconds;
}

void tally_add(struct tally *t, const struct snapshot *s, size_t metric, double v)
{
	double seconds = s->interval_seconds > 0 ? s->interval_seconds : 0;
	bool judged = !snapshot_is_chance(s, metric);

	if (isnan(v))
		return;
	t->amount = metric < METRIC_COUNT && metrics[metric].derive == DERIVE_DELTA;
	add_to_all(t, v, seconds);
	if (t->judged && !judged)
		return;
	if (judged && !t->judged) {
		t->judged = true;
		t->cnt = 0;
		t->cnt_seconds = 0;
	}
	add_to_counted(t, v, seconds);
}

double tally_avg(const struct tally *t)
{
	if (!t->cnt)
		return NAN;
	if (!t->amount || !(t->seconds > 0))
		return t->mean;
	return t->total / (double)t->cnt * (t->cnt_seconds / t->seconds);
}

double tally_min(const struct tally *t)
{
	return t->cnt ? t->min : NAN;
}

double tally_max(const struct tally *t)
{
	return t->cnt ? t->max : NAN;
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
