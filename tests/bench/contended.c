// SPDX-License-Identifier: BSD-2-Clause
/*
 * Nanoseconds of CPU time per context switch while threads of one process switch on many CPUs at
 * once: contended CPUS. On each CPU two threads hand a byte to and fro, from the start to the end.
 * Prints the PID; then one figure per request (see server.h).
 */
#include <pthread.h>

#include "tests/bench/server.h"

struct player {
	int from, to;
	uint64_t cpu;
	bool serves;
};

static void *play(void *arg)
{
	const struct player *p = arg;
	char ball = 0;

	pin_to(p->cpu);
	if (p->serves && write(p->to, &ball, 1) != 1)
		return NULL;
	while (read(p->from, &ball, 1) == 1 && write(p->to, &ball, 1) == 1)
		;
	return NULL;
}

/* Two threads of this CPU; what they are given lives as long as the process. */
static void start_table(uint64_t cpu)
{
	struct player *players = calloc(2, sizeof(*players));
	pthread_t thread;
	int there[2], back[2], i;

	if (!players || pipe(there) || pipe(back))
		die("pipe: %s", strerror(errno));
	players[0] = (struct player){ back[0], there[1], cpu, true };
	players[1] = (struct player){ there[0], back[1], cpu, false };
	for (i = 0; i < 2; i++)
		if (pthread_create(&thread, NULL, play, &players[i]))
			die("a thread cannot be started");
}

static long switches(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_nvcsw + ru.ru_nivcsw;
}

static double measure(const void *ctx, double seconds)
{
	struct timespec slice = { .tv_nsec = (long)(seconds * 1e9) };
	double ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	long count = switches();

	(void)ctx;
	nanosleep(&slice, NULL);
	return (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - ns) / (switches() - count);
}

int main(int argc, char **argv)
{
	struct line l = { .len = 0 };
	uint64_t cpu, ms;

	if (argc != 2)
		die("usage: contended CPUS");
	for (cpu = parse_u64("CPUS", argv[1]); cpu; cpu--)
		start_table(cpu - 1);
	put(&l, "%d", getpid());
	put_line(&l);
	while (next_request(&ms))
		answer(ms, measure, NULL);
	return 0;
}
