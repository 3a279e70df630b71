// SPDX-License-Identifier: BSD-2-Clause
/*
 * Processes whose threads all end at the same moment, on all CPUs, as exit_group(2) makes them.
 *
 *   together [OPTIONS]
 *     -n N       children, one after the other (97)
 *     -t N       threads of each (2)
 *     --ms N     CPU time that each of them burns in milliseconds (10)
 *     --before N further threads of each child that burn as much and have ended long before (0)
 *     --maps N   mappings of 64 MiB that each child has to tear down, 1 ms for each (0)
 *     --hold     wait to be watched when those have ended
 *
 * Prints one JSON line: of each child what wait4(2) said of its CPU time, in microseconds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "workload.h"

#define STACK_BYTES (64 << 10)
#define MAP_BYTES   (64UL << 20)

struct together {
	uint64_t children, threads, ms, before, maps, hold;
	int memory; /* what is mapped: the same pages, however often */
	atomic_uint done;
	pthread_attr_t attr;
};

struct child {
	pid_t pid;
	int gate; /* a byte here lets it go on */
};

static void burn(uint64_t ms)
{
	uint64_t end_ns = thread_cpu_ns() + ms * 1000000;

	while (thread_cpu_ns() < end_ns)
		;
}

static void *burn_and_end(void *arg)
{
	burn(((struct together *)arg)->ms);
	return NULL;
}

/* On its CPU until it is killed by whoever finds that all are done. */
static void *burn_and_stay(void *arg)
{
	struct together *t = arg;

	burn(t->ms);
	atomic_fetch_add(&t->done, 1);
	while (atomic_load(&t->done) < t->threads)
		;
	_exit(0);
}

static void start(struct together *t, pthread_t *id, void *(*body)(void *))
{
	if (pthread_create(id, &t->attr, body, t))
		die("pthread_create: %s", strerror(errno));
}

static void map(const struct together *t)
{
	uint64_t i;

	for (i = 0; i < t->maps; i++)
		if (mmap(NULL, MAP_BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, t->memory, 0) ==
		    MAP_FAILED)
			die("mmap: %s", strerror(errno));
}

static void __attribute__((noreturn)) live(struct together *t, int gate, int ready)
{
	pthread_t id;
	uint64_t i;
	char c;

	map(t);
	for (i = 0; i < t->before; i++) {
		start(t, &id, burn_and_end);
		pthread_join(id, NULL);
	}
	if (write(ready, "r", 1) != 1 || read(gate, &c, 1) != 1)
		_exit(1);
	for (i = 1; i < t->threads; i++)
		start(t, &id, burn_and_stay);
	burn_and_stay(t);
	_exit(0);
}

static struct child begin(struct together *t)
{
	int gate[2], ready[2];
	struct child child;
	char c;

	if (pipe2(gate, O_CLOEXEC) || pipe2(ready, O_CLOEXEC))
		die("pipe2: %s", strerror(errno));
	child.pid = fork();
	if (child.pid < 0)
		die("fork: %s", strerror(errno));
	if (!child.pid)
		live(t, gate[0], ready[1]);
	close(gate[0]);
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		die("a child has ended early");
	close(ready[0]);
	child.gate = gate[1];
	return child;
}

static long long end(const struct child *child)
{
	struct rusage ru;

	if (write(child->gate, "g", 1) != 1 || wait4(child->pid, NULL, 0, &ru) != child->pid)
		die("wait4: %s", strerror(errno));
	close(child->gate);
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000LL + ru.ru_utime.tv_usec +
	       ru.ru_stime.tv_usec;
}

static void run(struct together *t, struct child *children)
{
	struct line out = { .len = 0 };
	long long us, sum = 0;
	uint64_t i;

	put(&out, "{\"children\":[");
	for (i = 0; i < t->children; i++) {
		if (!t->hold)
			children[i] = begin(t);
		us = end(&children[i]);
		sum += us;
		put(&out, "%s{\"pid\":%d,\"cpu_us\":%lld}", i ? "," : "", children[i].pid, us);
	}
	put(&out, "],\"cpu_us\":%lld}", sum);
	put_line(&out);
}

int main(int argc, char **argv)
{
	struct together t = { .children = 97, .threads = 2, .ms = 10 };
	const struct option_u64 options[] = {
		{ "-n", &t.children, false },	   { "-t", &t.threads, false },
		{ "--ms", &t.ms, false },	   { "--before", &t.before, false },
		{ "--maps", &t.maps, false },	   { "--hold", &t.hold, true },
		{ NULL, NULL, false },
	};
	struct child *children;
	uint64_t i;

	argc = parse_options(argv, options);
	children = calloc(t.children, sizeof(*children));
	if (argc || !children || !t.threads)
		die("usage: together [-n N] [-t N] [--ms N] [--before N] [--maps N] [--hold]");
	t.memory = memfd_create("maps", MFD_CLOEXEC);
	if (t.memory < 0 || ftruncate(t.memory, MAP_BYTES))
		die("memfd: %s", strerror(errno));
	hold_init();
	pthread_attr_init(&t.attr);
	pthread_attr_setstacksize(&t.attr, STACK_BYTES);
	for (i = 0; i < t.children && t.hold; i++)
		children[i] = begin(&t);
	if (t.hold)
		hold_ready();
	run(&t, children);
	if (t.hold)
		hold();
	free(children);
	return 0;
}
