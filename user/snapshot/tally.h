/* SPDX-License-Identifier: BSD-2-Clause */
/* One number of one target over many snapshots, for trailers, averages and assertions alike. Pure.
 */
#ifndef KTALLY_SNAPSHOT_TALLY_H
#define KTALLY_SNAPSHOT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;

struct tally {
	uint64_t cnt; /* snapshots that count: known, and of an interval long enough */
	bool judged;  /* there was one; until then the short ones have to do */
	bool amount;  /* of an interval, such as seconds on a CPU; else a rate or a level */
	double min, max, first, last;
	double cnt_seconds; /* their intervals */
	/* Of the short ones too: what adds up is complete. */
	uint64_t total_cnt;
	double total, seconds;
	double mean; /* over time: each value for as long as its interval */
};

/* v: value of metric in s; METRIC_COUNT: of one that is not in the table. NaN is let pass. */
void tally_add(struct tally *t, const struct snapshot *s, size_t metric, double v);

/* NaN: no value was known. The average of an amount is that of a whole interval, of which a short
 * one is a part; it times the intervals, as a rate times its seconds, is the total. */
typedef double tally_fn(const struct tally *t);
tally_fn tally_min, tally_max, tally_avg, tally_sum, tally_first, tally_last;

#endif
