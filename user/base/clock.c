// SPDX-License-Identifier: BSD-2-Clause
/* The clocks that ktally reads. */
#include "base/clock.h"

#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts = {};

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SECOND + (uint64_t)ts.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_boottime_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

int64_t clock_realtime_ns(void)
{
	return (int64_t)read_ns(CLOCK_REALTIME);
}

double clock_realtime_seconds(void)
{
	struct timespec ts = {};

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

uint64_t clock_own_cpu_ns(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* USER_HZ, which is 100 on every architecture but alpha and ia64, where it is 1024. */
static uint64_t ticks_per_second(void)
{
	return (uint64_t)sysconf(_SC_CLK_TCK);
}

/* The two forms of the kernel's nsec_to_clock_t(), so that both sides name one start time alike. */
uint64_t clock_ns_to_ticks(uint64_t ns)
{
	uint64_t hz = ticks_per_second();

	if (NS_PER_SECOND % hz == 0)
		return ns / (NS_PER_SECOND / hz);
	return (uint64_t)((unsigned __int128)ns * hz / NS_PER_SECOND);
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * NS_PER_SECOND / ticks_per_second());
}
