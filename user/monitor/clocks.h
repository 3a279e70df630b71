/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the machine slept or its clock was set between two ticks: what then parts the timestamps
 * of the stream from its intervals. Pure, except clocks_read(). */
#ifndef KTALLY_MONITOR_CLOCKS_H
#define KTALLY_MONITOR_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The clocks of one moment, in ns; all 0: none yet. */
struct clocks {
	uint64_t monotonic_ns; /* stands still in suspend */
	uint64_t boottime_ns;  /* goes on in it */
	int64_t realtime_ns;   /* and is set */
};

/* False: they could not be read at one moment, since this thread did not run meanwhile. */
bool clocks_read(struct clocks *ret);

/* What happened between two moments, as one sentence into text; false: nothing. */
bool clocks_parted(const struct clocks *before, const struct clocks *now, char *text, size_t size);

#endif
