/* SPDX-License-Identifier: BSD-2-Clause */
/* Stretches of an interval in which a process was in a target: what it counts in them is the
 * target's. */
#ifndef KTALLY_TARGETS_STAYS_H
#define KTALLY_TARGETS_STAYS_H

#include "targets/targets.h"

struct stay {
	const struct raw_row *from, *to; /* of the process */
	bool moved_in;	/* it begins with a move, else with the interval or the process */
	bool moved_out; /* it ends with one, else with the interval or the process */
};

/* Was it in the target at any time since the last tick? */
bool target_had(const struct target *target, const struct process *p);
/* The next of them; *at is 0 before the first. False: there is none. */
bool stay_next(const struct target *target, const struct process *p, uint32_t *at,
	       struct stay *ret);
/* What it counted in all of them together. */
void stays_sum(const struct target *target, const struct process *p, struct raw_row *ret);
/* False: it was not in the target. */
bool stay_last(const struct target *target, const struct process *p, struct stay *ret);

#endif
