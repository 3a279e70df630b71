/* SPDX-License-Identifier: BSD-2-Clause */
/* The most recent snapshots of one target, and means over time or over the whole run. Pure. */
#ifndef KTALLY_SNAPSHOT_HISTORY_H
#define KTALLY_SNAPSHOT_HISTORY_H

#include "snapshot/record.h"

/* A snapshot and what it points to, owned. */
struct kept_snapshot {
	struct snapshot s;
	struct custom_metric *custom;
	size_t custom_cap;
};

/* A ring; its memory grows with use up to `limit`, and is then reused. */
struct history {
	struct kept_snapshot *ring;
	size_t cap;
	size_t limit;
	size_t first;
	size_t count;
};

void history_init(struct history *h, size_t limit);
void history_fini(struct history *h);
int history_push(struct history *h, const struct snapshot *s);
/* index 0 is the oldest kept; NULL out of range. */
const struct snapshot *history_at(const struct history *h, size_t index);

void averages_init(struct averages *a);
void averages_add(struct averages *a, const struct snapshot *s);
/* NaN when no value was known. */
double averages_mean(const struct averages *a, size_t metric);
double averages_max(const struct averages *a, size_t metric);
/* Of the snapshots taken at or after since_ns (CLOCK_MONOTONIC); returns how many there were. */
size_t history_averages(const struct history *h, uint64_t since_ns, struct averages *ret);

#endif
