/* SPDX-License-Identifier: BSD-2-Clause */
/* How far apart snapshots have to be for ktally to cost no more than it may. Pure. */
#ifndef KTALLY_MONITOR_BUDGET_H
#define KTALLY_MONITOR_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
	double limit_percent;	/* of one CPU; 0: none */
	uint64_t interval_ns;	/* as asked */
	unsigned int doublings; /* of it, now */
	unsigned int calm;	/* steps in a row that would allow half of it */
};

/* No further apart than this, or than asked. */
#define BUDGET_INTERVAL_MAX_NS 60000000000ULL

uint64_t budget_interval_ns(const struct budget *b);
/* What was spent since the last step: by snapshots, of which there are fewer in a longer interval,
 * and by what does not depend on it. 1: the interval has become longer, -1: shorter, 0: as it
 * was. */
int budget_step(struct budget *b, double snapshots_percent, double events_percent);
/* Is the limit exceeded by what no interval changes? */
bool budget_is_beyond(const struct budget *b, double snapshots_percent, double events_percent);

#endif
