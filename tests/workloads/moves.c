// SPDX-License-Identifier: BSD-2-Clause
/*
 * A process that goes from place to place, and works in each.
 *
 *   moves [OPTIONS] PLACE...
 *     PLACE        the path of a cgroup.procs, or name:NAME, which it calls itself
 *     --rounds N   times that it goes to each in turn (11)
 *     -t N         threads (1)
 *     --ms N       CPU time of each thread in the first place, in milliseconds; in the second
 *                  twice as much, and so on (7)
 *     -n N         files that it opens and closes in the first place, likewise (13)
 *     --hold       wait to be watched before and after
 *
 * Prints one JSON line: what it did in each place by getrusage(2) (cpu_us_0, switches_0, opens_0
 * and so on), from when it was there until it was in the next one, and all opens. What it did
 * before it came to the first, and its last call, are in none.
 */
#include <pthread.h>
#include <sys/prctl.h>

#include "workload.h"

#define PLACES_MAX 8

struct place {
	const char *name; /* NULL: a cgroup */
	int procs;	  /* its cgroup.procs */
	long long cpu_us;
	long switches;
	uint64_t opens;
};

struct moves {
	uint64_t rounds, threads, ms, opens, hold;
	struct place places[PLACES_MAX];
	size_t cnt, at;
	bool done;
	pthread_barrier_t begin, end; /* of the work in one place */
};

static void burn(const struct moves *m)
{
	uint64_t end_ns = thread_cpu_ns() + m->ms * (m->at + 1) * 1000000;

	while (thread_cpu_ns() < end_ns)
		;
}

static void *thread(void *arg)
{
	struct moves *m = arg;

	for (;;) {
		pthread_barrier_wait(&m->begin);
		if (m->done)
			return NULL;
		burn(m);
		pthread_barrier_wait(&m->end);
	}
}

static void add_usage(struct place *p, int sign)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	p->cpu_us += sign * ((ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000LL +
			     ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
	p->switches += sign * (ru.ru_nvcsw + ru.ru_nivcsw);
}

static void enter(struct place *p)
{
	if (p->name ? prctl(PR_SET_NAME, p->name) : write(p->procs, "0", 1) != 1)
		die("cannot go to place: %s", strerror(errno));
}

static void open_and_close(uint64_t cnt)
{
	int fd;

	while (cnt--) {
		fd = open("/dev/null", O_RDONLY);
		if (fd < 0)
			die("/dev/null: %s", strerror(errno));
		close(fd);
	}
}

static void work(struct moves *m, struct place *p)
{
	uint64_t opens = m->opens * (m->at + 1);

	pthread_barrier_wait(&m->begin);
	burn(m);
	pthread_barrier_wait(&m->end);
	open_and_close(opens);
	p->opens += opens;
}

static void run(struct moves *m)
{
	struct place *before = NULL, *p;
	uint64_t i;

	for (i = 0; i < m->rounds * m->cnt; i++) {
		m->at = i % m->cnt;
		p = &m->places[m->at];
		enter(p);
		if (before)
			add_usage(before, 1);
		add_usage(p, -1);
		work(m, p);
		before = p;
	}
	add_usage(before, 1);
}

static void start_threads(struct moves *m)
{
	pthread_t id;
	uint64_t i;

	pthread_barrier_init(&m->begin, NULL, m->threads);
	pthread_barrier_init(&m->end, NULL, m->threads);
	for (i = 1; i < m->threads; i++)
		if (pthread_create(&id, NULL, thread, m))
			die("pthread_create: %s", strerror(errno));
}

static void add_place(struct moves *m, const char *arg)
{
	struct place *p = &m->places[m->cnt++];

	if (!strncmp(arg, "name:", 5)) {
		p->name = arg + 5;
		return;
	}
	p->procs = open(arg, O_WRONLY | O_CLOEXEC);
	if (p->procs < 0)
		die("%s: %s", arg, strerror(errno));
}

static void report(const struct moves *m)
{
	struct line out = { .len = 0 };
	uint64_t opens = 0;
	size_t i;

	put(&out, "{\"pid\":%d", getpid());
	for (i = 0; i < m->cnt; i++) {
		const struct place *p = &m->places[i];

		opens += p->opens;
		put(&out, ",\"cpu_us_%zu\":%lld,\"switches_%zu\":%ld,\"opens_%zu\":%ju", i,
		    p->cpu_us, i, p->switches, i, (uintmax_t)p->opens);
	}
	put(&out, ",\"opens\":%ju}", (uintmax_t)opens);
	put_line(&out);
}

int main(int argc, char **argv)
{
	static struct moves m = { .rounds = 11, .threads = 1, .ms = 7, .opens = 13 };
	const struct option_u64 options[] = {
		{ "--rounds", &m.rounds, false }, { "-t", &m.threads, false },
		{ "--ms", &m.ms, false },	  { "-n", &m.opens, false },
		{ "--hold", &m.hold, true },	  { NULL, NULL, false },
	};
	int i;

	argc = parse_options(argv, options);
	if (argc < 1 || argc > PLACES_MAX || !m.threads || !m.rounds)
		die("usage: moves [--rounds N] [-t N] [--ms N] [-n N] [--hold] PLACE...");
	for (i = 0; i < argc; i++)
		add_place(&m, argv[i + 1]);
	hold_init();
	start_threads(&m);
	if (m.hold)
		hold_ready();
	run(&m);
	report(&m);
	if (m.hold)
		hold();
	return 0;
}
