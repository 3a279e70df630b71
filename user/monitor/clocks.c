// SPDX-License-Identifier: BSD-2-Clause
/* The clocks of clocks.h. */
#include "monitor/clocks.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define NS_PER_SECOND 1e9
/* A clock that is disciplined is slewed by 500 ppm at most (adjtimex(2)): 30 ms in a minute, which
 * is the longest interval that ktally chooses by itself. */
#define STEP_MIN_NS 100000000
#define MOMENT_NS   1000000

#define SLEPT "the machine slept for %.1f s: intervals are of the time awake"

bool clocks_read(struct clocks *ret)
{
	ret->monotonic_ns = clock_monotonic_ns();
	ret->boottime_ns = clock_boottime_ns();
	ret->realtime_ns = clock_realtime_ns();
	return clock_monotonic_ns() - ret->monotonic_ns < MOMENT_NS;
}

bool clocks_parted(const struct clocks *before, const struct clocks *now, char *text, size_t size)
{
	int64_t awake_ns = (int64_t)(now->monotonic_ns - before->monotonic_ns);
	int64_t passed_ns = (int64_t)(now->boottime_ns - before->boottime_ns);
	int64_t slept_ns = passed_ns - awake_ns;
	int64_t set_ns = now->realtime_ns - before->realtime_ns - passed_ns;
	int len = 0;

	if (!before->monotonic_ns)
		return false;
	if (slept_ns >= STEP_MIN_NS)
		len = snprintf(text, size, SLEPT, (double)slept_ns / NS_PER_SECOND);
	if ((size_t)len < size && llabs(set_ns) >= STEP_MIN_NS)
		snprintf(text + len, size - (size_t)len,
			 "%sthe clock was set %s by %.1f s: intervals are not affected",
			 len ? "; " : "", set_ns < 0 ? "back" : "forward",
			 (double)llabs(set_ns) / NS_PER_SECOND);
	return slept_ns >= STEP_MIN_NS || llabs(set_ns) >= STEP_MIN_NS;
}
