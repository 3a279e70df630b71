/* SPDX-License-Identifier: BSD-2-Clause */
/* One field of one target over a whole run. Pure. */
#ifndef KTALLY_RULES_TALLY_H
#define KTALLY_RULES_TALLY_H

#include <stdbool.h>
#include <stdint.h>

struct tally {
	uint64_t cnt; /* snapshots in which the value was known */
	bool judged;  /* of an interval long enough; until then the short ones have to do */
	double sum, min, max, first, last;
	double total; /* of the short ones too: what adds up is complete */
	uint64_t total_cnt;
};

void tally_add(struct tally *t, double v, bool judged);

/* NaN: no value was known. */
typedef double tally_fn(const struct tally *t);
tally_fn tally_min, tally_max, tally_avg, tally_sum, tally_first, tally_last;

#endif
