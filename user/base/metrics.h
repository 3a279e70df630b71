/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two tables that every stage reads, so that a new number is a new row:
 *   RAW    what instruments deliver, one integer per process and tick;
 *   METRIC what snapshots show, each derived from one or two raw values.
 */
#ifndef KTALLY_BASE_METRICS_H
#define KTALLY_BASE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RAW_COUNTER only grows, from 0 when a process comes under watch, and a target keeps what its dead
 * members counted; RAW_LIFETIME likewise, but from 0 when the process started; RAW_BALANCE is kept
 * like a counter and may go either way; RAW_GAUGE is summed over live members; RAW_OWN belongs to
 * one process and is unknown for a target of several. */
enum raw_kind { RAW_COUNTER, RAW_LIFETIME, RAW_BALANCE, RAW_GAUGE, RAW_OWN };

#define RAW_UNKNOWN INT64_MIN

enum raw_id {
#define RAW(id, kind) RAW_##id,
#define METRIC(...)
#include "base/metrics.def"
#undef RAW
#undef METRIC
	RAW_COUNT
};

struct raw_row {
	int64_t v[RAW_COUNT]; /* RAW_UNKNOWN where nobody could say */
};

/* How a metric follows from raw values a and b (b may be RAW_NONE) of this tick and the last. */
enum derive {
	DERIVE_VALUE,   /* (a + b) * scale */
	DERIVE_DELTA,   /* change of (a + b) in this interval, * scale */
	DERIVE_RATE,    /* the same per second */
	DERIVE_OF_HOST, /* a * scale / host memory */
};

#define RAW_NONE (-1)

enum metric_id {
#define RAW(...)
#define METRIC(id, ...) METRIC_##id,
#include "base/metrics.def"
#undef RAW
#undef METRIC
	METRIC_COUNT
};

struct metric {
	const char *name;
	const char *unit;
	int decimals;
	enum derive derive;
	int a; /* enum raw_id */
	int b; /* enum raw_id or RAW_NONE */
	double scale;
	const char *help;
};

extern const struct metric metrics[METRIC_COUNT];
extern const enum raw_kind raw_kinds[RAW_COUNT];

/* METRIC_COUNT when there is none of this name. */
size_t metric_find(const char *name);
/* Does it tell of one interval, as a rate does? */
bool metric_is_of_interval(size_t metric);
/* Does a target keep what its ended members counted? */
static inline bool raw_is_kept(int raw)
{
	return raw_kinds[raw] != RAW_GAUGE && raw_kinds[raw] != RAW_OWN;
}
/* Is its value taken down when a process changes its groups? What is not counts for those that it
 * is in afterwards. */
static inline bool raw_is_told_at_moves(int raw)
{
	return (raw_kinds[raw] == RAW_LIFETIME || raw_kinds[raw] == RAW_COUNTER) &&
	       raw != RAW_FD_LEAKED;
}
/* Sets every value to RAW_UNKNOWN. */
void raw_row_clear(struct raw_row *row);

#endif
