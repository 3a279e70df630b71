// SPDX-License-Identifier: BSD-2-Clause
/* The regulator of budget.h: longer at once, shorter after some time of calm. */
#include "monitor/budget.h"

#include <math.h>

#define CALM_STEPS 3
/* Half the interval costs at most twice as much; so much less than the limit leaves room for it. */
#define CALM_SHARE 0.4

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

int budget_step(struct budget *b, double percent)
{
	if (b->limit_percent <= 0 || isnan(percent))
		return 0;
	if (percent > b->limit_percent)
		return lengthen(b);
	if (!b->doublings || percent > b->limit_percent * CALM_SHARE) {
		b->calm = 0;
		return 0;
	}
	if (++b->calm < CALM_STEPS)
		return 0;
	b->calm = 0;
	b->doublings--;
	return -1;
}
