/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a window's points are, and how time is told between them. */
#ifndef KTALLY_RULES_WINDOW_RING_H
#define KTALLY_RULES_WINDOW_RING_H

#include "rules/window.h"

#define NS_PER_US 1000
#define T_MASK    ((1ULL << 44) - 1)

/* Point i, the oldest first. */
static inline struct point *at(const struct window *w, uint32_t i)
{
	i += w->head;
	return &w->points[(i < w->cap ? i : i - w->cap) * w->stride];
}

static inline uint64_t age_us(const struct point *p, uint64_t now_us)
{
	return (now_us - p->t_us) & T_MASK;
}

static inline double seconds_after(uint64_t t_us, uint64_t ref_us)
{
	uint64_t us = (t_us - ref_us) & T_MASK;

	return us > T_MASK / 2 ? -(double)(T_MASK + 1 - us) / 1e6 : (double)us / 1e6;
}

#endif
