// SPDX-License-Identifier: BSD-2-Clause
/* The regulator of budget.h: longer at once, shorter after some time of calm. */
#include "monitor/budget.h"

#include <math.h>

#define CALM_STEPS 3
/* Half the interval costs at most twice as much; so much less than the limit leaves room for it. */
#define CALM_SHARE 0.8
/* Of the limit: to save less than this is not worth a longer interval. */
#define WORTH_SHARE 0.1

uint64_t budget_interval_ns(const struct budget *b)
{
	return b->interval_ns << b->doublings;
}

static int lengthen(struct budget *b)
{
	b->calm = 0;
	if (budget_interval_ns(b) > BUDGET_INTERVAL_MAX_NS / 2)
		return 0;
	b->doublings++;
	return 1;
}

int budget_step(struct budget *b, double snapshots_percent, double events_percent)
{
	double limit = b->limit_percent;

	if (limit <= 0 || isnan(snapshots_percent))
		return 0;
	if (budget_is_beyond(b, snapshots_percent, events_percent)) {
		b->calm = 0;
		return 0;
	}
	if (snapshots_percent + events_percent > limit)
		return lengthen(b);
	if (!b->doublings || 2 * snapshots_percent + events_percent > limit * CALM_SHARE) {
		b->calm = 0;
		return 0;
	}
	if (++b->calm < CALM_STEPS)
		return 0;
	b->calm = 0;
	b->doublings--;
	return -1;
}

bool budget_is_beyond(const struct budget *b, double snapshots_percent, double events_percent)
{
	return snapshots_percent + events_percent > b->limit_percent &&
	       snapshots_percent <= b->limit_percent * WORTH_SHARE;
}
