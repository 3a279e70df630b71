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
 *     --fail      by opening what is not there
 *     -b N        threads of the first process wait in accept(2) meanwhile (0)
 *     --hold      wait to be watched before and after
 *
 * Prints one JSON line with what the whole tree must have counted.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "workload.h"

struct openers {
	uint64_t processes, threads, times, dup, fail, blocked, hold;
};

static void *opener(void *arg)
{
	const struct openers *o = arg;
	uint64_t i;
	int fd;

	for (i = 0; i < o->times && o->fail; i++)
		if (open("/dev/there is no such file", O_RDONLY) >= 0)
			die("what is not there was opened");
	for (i = 0; i < o->times && !o->fail; i++) {
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

static void *waiter(void *arg)
{
	accept(*(int *)arg, NULL, NULL);
	return NULL;
}

/* A listener without an address: nobody ever comes. */
static void block(uint64_t cnt)
{
	const struct sockaddr any = { .sa_family = AF_UNIX }; /* the kernel finds a name */
	static int listener;
	pthread_attr_t small;
	pthread_t id;

	if (!cnt)
		return;
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, &any, sizeof(any.sa_family)) || listen(listener, 1))
		die("a socket to wait at: %s", strerror(errno));
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	while (cnt--)
		if (pthread_create(&id, &small, waiter, &listener))
			die("pthread_create: %s", strerror(errno));
	sleep_ns(500000000);
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
		{ "--fail", &o.fail, true },   { "-b", &o.blocked, false },
		{ "--hold", &o.hold, true },   { NULL, NULL, false },
	};
	struct line out = { .len = 0 };
	uint64_t total;

	argc = parse_options(argv, options);
	if (argc || !o.threads)
		die("usage: openers [-p N] [-t N] [-k N] [--dup | --fail] [-b N] [--hold]");
	hold_init();
	if (o.hold)
		hold_ready();
	block(o.blocked);
	run(&o);
	total = o.processes * o.threads * o.times;
	put(&out, "{\"processes\":%ju,\"opens\":%ju,\"closes\":%ju,\"open_errors\":%ju}",
	    (uintmax_t)o.processes + 1, (uintmax_t)(o.fail ? !!o.blocked : total),
	    (uintmax_t)(o.fail ? 0 : total), (uintmax_t)(o.fail ? total : 0));
	put_line(&out);
	if (o.hold)
		hold();
	return 0;
}
