/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a number of open descriptors moves over a run of any length, in a fixed number of points.
 * A point is the least that was open in its time: what comes and goes leaves the floor where it
 * is, only what stays raises it.
 */
#ifndef KTALLY_LEAKS_TREND_H
#define KTALLY_LEAKS_TREND_H

#include <stddef.h>
#include <stdint.h>

#define TREND_POINTS_MAX 64 /* even; then two become one */

struct trend_point {
	uint64_t ts_ns; /* its end */
	uint64_t floor;
};

struct trend {
	struct trend_point points[TREND_POINTS_MAX];
	size_t cnt;
	uint32_t merge; /* samples in a point */
	uint32_t held;	/* of them, in the last point so far */
};

enum trend_verdict {
	TREND_UNCLEAR, /* too short to say */
	TREND_GROWS,   /* and did so up to the end: a leak */
	TREND_WARM,    /* grew, and then stopped: a pool */
	TREND_STEADY,
	TREND_VERDICT_CNT
};

extern const char *const trend_verdict_names[TREND_VERDICT_CNT];

/* floor: the least since the sample before. */
void trend_add(struct trend *t, uint64_t ts_ns, uint64_t floor);
/* Growth of the floor per minute in the later half; NaN: unclear. */
enum trend_verdict trend_judge(const struct trend *t, double *ret_per_minute);

#endif
