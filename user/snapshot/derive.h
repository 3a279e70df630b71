/* SPDX-License-Identifier: BSD-2-Clause */
/* Two raw rows into the values of a snapshot. Pure. */
#ifndef KTALLY_SNAPSHOT_DERIVE_H
#define KTALLY_SNAPSHOT_DERIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metrics.h"

/* values: METRIC_COUNT doubles, rounded as they are printed, so that a rule judges the same number
 * live and in a recording; NaN where unknown. prev_zero: what prev does not know counts as 0,
 * since the process was born after it. total: what is shown of now as it is, which may be less than
 * what is known of its difference to prev. */
void snapshot_derive(const struct raw_row *prev, bool prev_zero, const struct raw_row *now,
		     const struct raw_row *total, double interval_seconds,
		     uint64_t host_memory_bytes, double *values);

/* A target of many processes, over ticks: what it keeps of members that have ended or left. */
struct group {
	struct raw_row total; /* this tick */
	struct raw_row prev;  /* the tick before; unknown before the first */
	uint32_t processes;   /* alive */
	uint64_t lacking;     /* bits of raw values that are incomplete at this tick, */
	uint64_t unknown;     /* and of those whose sum is from now on */
	uint64_t untold;      /* and of those to which members that have ended may have added */
	uint64_t told;	      /* of those that some member had a value for: levels at this tick */
};

/* Sets the values of these bits to RAW_UNKNOWN. */
void raw_row_without(struct raw_row *row, uint64_t bits);

void group_init(struct group *g);
/* provided: bits of raw values that somebody delivers, which are therefore 0 and not unknown in a
 * target without members. keep_gauges: so too levels. */
void group_begin(struct group *g, uint64_t provided, bool keep_gauges);
struct group_member {
	const struct raw_row *now; /* or when it moved out */
	const struct raw_row *last; /* or when it moved in */
	const struct raw_row *first; /* with what it came in at this interval; or NULL */
	bool moved_in; /* else all that it ever counted is the target's */
	bool moved_out;
	uint32_t alive; /* processes: 1, or 0 of one that has ended */
	bool whole; /* without what it does not know the target's would be too low */
	bool closes_balance; /* it has one, and this is the last that will be known of it */
	uint64_t untold; /* bits of raw values that it had beyond what now says */
};
void group_add(struct group *g, const struct group_member *m);
/* After the last member of this tick: the total as far as it is complete, */
void group_total(const struct group *g, struct raw_row *ret);
/* and as far as its difference to prev is. */
void group_now(const struct group *g, struct raw_row *ret);

#endif
