// SPDX-License-Identifier: BSD-2-Clause
/*
 * Nanoseconds of CPU time per context switch between two processes that hand a byte to and fro over
 * pipes on one CPU: pingpong CPU. Prints their PIDs; then one figure per request (see server.h).
 */
#include "tests/bench/server.h"

struct table {
	int to_child[2], to_parent[2];
	clockid_t child_clock;
};

static void play(int from, int to)
{
	char ball;

	while (read(from, &ball, 1) == 1 && write(to, &ball, 1) == 1)
		;
	_exit(0);
}

static double both_ns(const struct table *t)
{
	return cpu_ns(CLOCK_PROCESS_CPUTIME_ID) + cpu_ns(t->child_clock);
}

/* Every round is a switch out of this process and one out of the other; the kernel counts ours. */
static long switches(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return 2 * (ru.ru_nvcsw + ru.ru_nivcsw);
}

static double measure(const void *ctx, double seconds)
{
	const struct table *t = ctx;
	double end = now_seconds() + seconds, ns = both_ns(t);
	long count = switches();
	char ball = 0;
	int i;

	while (now_seconds() < end)
		for (i = 0; i < 64; i++)
			if (write(t->to_child[1], &ball, 1) != 1 ||
			    read(t->to_parent[0], &ball, 1) != 1)
				die("pipe: %s", strerror(errno));
	return (both_ns(t) - ns) / (switches() - count);
}

int main(int argc, char **argv)
{
	struct line l = { .len = 0 };
	struct table t;
	uint64_t ms;
	pid_t child;

	pin_to(parse_u64("CPU", argv[1]));
	if (pipe(t.to_child) || pipe(t.to_parent))
		die("pipe: %s", strerror(errno));
	child = fork();
	if (!child) {
		close(t.to_child[1]);
		play(t.to_child[0], t.to_parent[1]);
	}
	if (child < 0 || clock_getcpuclockid(child, &t.child_clock))
		die("fork: %s", strerror(errno));
	put(&l, "%d,%d", getpid(), child);
	put_line(&l);
	while (next_request(&ms))
		answer(ms, measure, &t);
	return 0;
}
