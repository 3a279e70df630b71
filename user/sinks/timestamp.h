/* SPDX-License-Identifier: BSD-2-Clause */
/* Epoch seconds as text. Whole microseconds, so that every form of one time agrees to the last
 * digit. */
#ifndef KTALLY_SINKS_TIMESTAMP_H
#define KTALLY_SINKS_TIMESTAMP_H

#include <stdint.h>

#include "base/buf.h"

struct timestamp {
	uint64_t seconds; /* since the epoch */
	uint32_t micros;
};

/* A time outside the years 1970 to 9999 becomes the epoch: no clock says so. */
void timestamp_split(double epoch_seconds, struct timestamp *ret);
void timestamp_render_epoch(const struct timestamp *t, struct buf *out); /* 1700000000.000000 */
void timestamp_render_rfc3339(const struct timestamp *t,
			      struct buf *out); /* 2023-11-14T22:13:20.000000Z */
void timestamp_render_clock(const struct timestamp *t, struct buf *out); /* 22:13:20, UTC */

#endif
