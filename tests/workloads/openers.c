// SPDX-License-Identifier: BSD-2-Clause
/*
 * Descriptors opened and closed as fast as it goes, on every CPU at once: a hook that loses events
 * under preemption loses them here.
 *
 *   openers [OPTIONS]
 *     -p N        processes (8)
 *     -t N        threads of each (1)
 *     -k N        times that each opens and closes (20011)
 *     --dup       by dup and close instead of open and close
 *     --hold      wait to be watched before and after
 *
 * Prints one JSON line with what the whole tree must have counted.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "workload.h"

struct openers {
	uint64_t processes, threads, times, dup, hold;
};

static void *opener(void *arg)
{
	const struct openers *o = arg;
	uint64_t i;
	int fd;

	for (i = 0; i < o->times; i++) {
		fd = o->dup ? dup(STDOUT_FILENO) : open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || close(fd))
			die("open and close: %s", strerror(errno));
	}
	return NULL;
}

/* Spreads the processes over the CPUs that they may use; the threads of one stay together. Not by
 * sysconf(3), which opens a file to find out. */
static void pin(uint64_t index)
{
	cpu_set_t allowed, one;
	uint64_t nth;
	int cpu;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	nth = index % CPU_COUNT(&allowed);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && !nth--)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void run_process(const struct openers *o, uint64_t index)
{
	pthread_t *ids = calloc(o->threads, sizeof(*ids));
	uint64_t i;

	if (!ids)
		die("out of memory");
	pin(index);
	for (i = 1; i < o->threads; i++)
		if (pthread_create(&ids[i], NULL, opener, (void *)o))
			die("pthread_create: %s", strerror(errno));
	opener((void *)o);
	for (i = 1; i < o->threads; i++)
		pthread_join(ids[i], NULL);
	_exit(0);
}

static void run(const struct openers *o)
{
	uint64_t i;
	int status;
	pid_t pid;

	for (i = 0; i < o->processes; i++) {
		pid = fork();
		if (pid < 0)
			die("fork: %s", strerror(errno));
		if (!pid)
			run_process(o, i);
	}
	while (wait(&status) > 0)
		if (status)
			die("an opener failed");
}

int main(int argc, char **argv)
{
	struct openers o = { .processes = 8, .threads = 1, .times = 20011 };
	const struct option_u64 options[] = {
		{ "-p", &o.processes, false }, { "-t", &o.threads, false },
		{ "-k", &o.times, false },     { "--dup", &o.dup, true },
		{ "--hold", &o.hold, true },   { NULL, NULL, false },
	};
	struct line out = { .len = 0 };
	uint64_t total;

	argc = parse_options(argv, options);
	if (argc || !o.threads)
		die("usage: openers [-p N] [-t N] [-k N] [--dup] [--hold]");
	hold_init();
	if (o.hold)
		hold_ready();
	run(&o);
	total = o.processes * o.threads * o.times;
	put(&out, "{\"processes\":%ju,\"opens\":%ju,\"closes\":%ju}", (uintmax_t)o.processes + 1,
	    (uintmax_t)total, (uintmax_t)total);
	put_line(&out);
	if (o.hold)
		hold();
	return 0;
}
