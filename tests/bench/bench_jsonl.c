// SPDX-License-Identifier: BSD-2-Clause
/* Snapshot lines per second of each format on one core: bench_jsonl [LINES]. A measurement, not a
 * test. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sinks/sink.h"

/* A busy process: every value known, none of them short. */
static void fill(struct snapshot *s)
{
	size_t i;

	*s = (struct snapshot){ .timestamp = 1700000000.123456,
				.scope = SCOPE_PROCESS,
				.pid = 31337,
				.start_ticks = 123456,
				.comm = "redis-server",
				.processes = 1,
				.interval_seconds = 1.000123 };
	for (i = 0; i < METRIC_COUNT; i++)
		s->v[i] = (double)(i * 7919 + 13) * 1.2345;
}

static void measure(const struct sink_format *format, unsigned long lines)
{
	struct sink sink = { .format = format };
	struct buf out = { 0 };
	struct snapshot s;
	uint64_t start_ns, bytes = 0;
	double seconds;
	unsigned long i;

	fill(&s);
	start_ns = clock_own_cpu_ns();
	for (i = 0; i < lines; i++) {
		s.timestamp += 1;
		s.v[METRIC_CPU_PERCENT] = (double)(i % 10000) / 100;
		buf_reset(&out);
		format->snapshot(&sink, &out, &s);
		bytes += out.len;
	}
	seconds = (double)(clock_own_cpu_ns() - start_ns) / 1e9;
	printf("%-6s %9.0f lines/s  %6.1f MB/s  %5.0f bytes/line\n", format->name, lines / seconds,
	       bytes / seconds / 1e6, (double)bytes / lines);
	buf_fini(&out);
}

int main(int argc, char **argv)
{
	unsigned long lines = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	size_t i;

	for (i = 0; sink_formats[i] && lines; i++)
		if (sink_formats[i]->snapshot) /* folded stacks have none */
			measure(sink_formats[i], lines);
	return 0;
}
