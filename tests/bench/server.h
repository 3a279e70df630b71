/* SPDX-License-Identifier: BSD-2-Clause */
/* What the measured programs share: they stay the same processes while tools come and go beside
 * them, and measure when a line with a number of milliseconds comes on standard input. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <sched.h>

#include "tests/workloads/workload.h"

/* Returns false at the end of the input. */
static inline bool next_request(uint64_t *ret_ms)
{
	char text[32];
	size_t len = 0;

	while (len < sizeof(text) - 1 && read(STDIN_FILENO, &text[len], 1) == 1) {
		if (text[len] == '\n') {
			text[len] = '\0';
			*ret_ms = parse_u64("request", text);
			return true;
		}
		len++;
	}
	return false;
}

/* In slices of 5 ms. What disturbs only ever adds: the answer is the slice that nine in ten are
 * slower than, for every tool alike. */
#define SLICE_MS   5
#define SLICES_MAX 400

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline void answer(uint64_t ms, double (*measure)(const void *ctx, double seconds),
			  const void *ctx)
{
	static double slices[SLICES_MAX]; /* a stack that is walked should be a common one */
	static struct line l;
	size_t i, cnt = ms / SLICE_MS;

	if (!cnt || cnt > SLICES_MAX)
		die("from %d to %d ms", SLICE_MS, SLICE_MS * SLICES_MAX);
	for (i = 0; i < cnt; i++)
		slices[i] = measure(ctx, SLICE_MS * 1e-3);
	qsort(slices, cnt, sizeof(*slices), by_value);
	put(&l, "%.3f", slices[cnt / 10]);
	put_line(&l);
}

static inline void pin_to(uint64_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("CPU %llu: %s", (unsigned long long)cpu, strerror(errno));
}

/* CPU time: what others do on the same CPU is not in it. */
static inline double cpu_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

#endif
