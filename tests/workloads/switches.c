// SPDX-License-Identifier: BSD-2-Clause
/*
 * Context switches in known numbers, with the kernel's own count beside them.
 *
 *   switches [OPTIONS] sleep|yield|futex|pipe|spin
 *     -t N        threads (8); they end before the report
 *     -k N        sleeps, yields or round trips of each (499)
 *     --ms N      spin: so many milliseconds of CPU time each (200)
 *     --stay      threads wait for the release instead of ending
 *     --hold      wait to be watched before and after
 *
 * Prints one JSON line: nvcsw and nivcsw of getrusage(2), ended threads included, and the same
 * summed over /proc/self/task, which has only live threads. With --hold a second line follows on
 * release: what the kernel counted until then, the last sleep included.
 */
#include <dirent.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "workload.h"

struct work {
	void (*step)(struct work *w);
	uint64_t steps;
	uint64_t cpu_ns;
	bool stay;
	atomic_uint turn;    /* futex: whose; pipe: unused */
	int to[2], from[2];  /* pipe */
	pthread_barrier_t done;
	pthread_mutex_t *leave; /* locked until the release */
};

static void step_sleep(struct work *w)
{
	(void)w;
	sleep_ns(20000);
}

static void step_yield(struct work *w)
{
	(void)w;
	sched_yield();
}

static void step_spin(struct work *w)
{
	while (thread_cpu_ns() < w->cpu_ns)
		;
}

static void wait_turn(struct work *w, unsigned int mine)
{
	while (atomic_load(&w->turn) != mine)
		syscall(SYS_futex, &w->turn, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
}

static void give_turn(struct work *w, unsigned int to)
{
	atomic_store(&w->turn, to);
	syscall(SYS_futex, &w->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *futex_partner(void *arg)
{
	struct work *w = arg;
	uint64_t i;

	for (i = 0; i < w->steps; i++) {
		wait_turn(w, 1);
		give_turn(w, 0);
	}
	return NULL;
}

static void *pipe_partner(void *arg)
{
	struct work *w = arg;
	char c;

	while (read(w->to[0], &c, 1) == 1)
		if (write(w->from[1], &c, 1) != 1)
			break;
	return NULL;
}

static void play(struct work *w, void *(*partner)(void *), void (*round)(struct work *w))
{
	pthread_t thread;
	uint64_t i;

	if (pthread_create(&thread, NULL, partner, w))
		die("pthread_create: %s", strerror(errno));
	for (i = 0; i < w->steps; i++)
		round(w);
	close(w->to[1]);
	pthread_join(thread, NULL);
}

static void futex_round(struct work *w)
{
	give_turn(w, 1);
	wait_turn(w, 0);
}

static void pipe_round(struct work *w)
{
	char c = 0;

	if (write(w->to[1], &c, 1) != 1 || read(w->from[0], &c, 1) != 1)
		die("pipe: %s", strerror(errno));
}

static void *worker(void *arg)
{
	struct work *w = arg;
	uint64_t i;

	for (i = 0; i < w->steps; i++)
		w->step(w);
	if (!w->stay)
		return NULL;
	pthread_barrier_wait(&w->done);
	pthread_mutex_lock(w->leave);
	pthread_mutex_unlock(w->leave);
	return NULL;
}

static void run_threads(struct work *w, pthread_t *threads, uint64_t cnt)
{
	uint64_t i;

	pthread_barrier_init(&w->done, NULL, cnt + 1);
	for (i = 0; i < cnt; i++)
		if (pthread_create(&threads[i], NULL, worker, w))
			die("pthread_create: %s", strerror(errno));
	if (w->stay)
		pthread_barrier_wait(&w->done);
	else
		for (i = 0; i < cnt; i++)
			pthread_join(threads[i], NULL);
}

/* ---- the report ---- */

static void add_status(const char *tid, uint64_t *voluntary, uint64_t *involuntary)
{
	char path[300], text[4096], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return;
	text[n] = 0;
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	*voluntary += at ? strtoull(strchr(at, ':') + 1, NULL, 10) : 0;
	at = strstr(text, "\nnonvoluntary_ctxt_switches:");
	*involuntary += at ? strtoull(strchr(at, ':') + 1, NULL, 10) : 0;
}

static void report(uint64_t threads, uint64_t steps)
{
	uint64_t voluntary = 0, involuntary = 0;
	struct line out = { .len = 0 };
	struct dirent *e;
	DIR *dir = opendir("/proc/self/task");

	while (dir && (e = readdir(dir)))
		if (*e->d_name != '.')
			add_status(e->d_name, &voluntary, &involuntary);
	if (dir)
		closedir(dir);
	put(&out, "{\"threads\":%ju,\"steps\":%ju,", (uintmax_t)threads, (uintmax_t)steps);
	put_rusage(&out);
	put(&out, ",\"live_voluntary\":%ju,\"live_involuntary\":%ju}", (uintmax_t)voluntary,
	    (uintmax_t)involuntary);
	put_line(&out);
}

static void report_release(void)
{
	struct line out = { .len = 0 };

	put(&out, "{\"released\":true,");
	put_rusage(&out);
	put(&out, "}");
	put_line(&out);
}

static const struct mode {
	const char *name;
	void (*step)(struct work *w);	 /* in -t threads */
	void *(*partner)(void *arg);	 /* or the main thread with one partner */
	void (*round)(struct work *w);
} modes[] = {
	{ "sleep", step_sleep, NULL, NULL },
	{ "yield", step_yield, NULL, NULL },
	{ "spin", step_spin, NULL, NULL },
	{ "futex", NULL, futex_partner, futex_round },
	{ "pipe", NULL, pipe_partner, pipe_round },
	{ NULL, NULL, NULL, NULL },
};

static const struct mode *mode_find(const char *name)
{
	const struct mode *m = modes;

	while (m->name && strcmp(m->name, name))
		m++;
	if (!m->name)
		die("%s: expected sleep, yield, spin, futex or pipe", name);
	return m;
}

int main(int argc, char **argv)
{
	static pthread_mutex_t leave = PTHREAD_MUTEX_INITIALIZER;
	uint64_t threads = 8, steps = 499, ms = 200, stay = 0, hold_wanted = 0, i;
	const struct option_u64 options[] = {
		{ "-t", &threads, false }, { "-k", &steps, false },
		{ "--ms", &ms, false },	   { "--stay", &stay, true },
		{ "--hold", &hold_wanted, true }, { NULL, NULL, false },
	};
	const struct mode *mode;
	struct work w = { .leave = &leave, .to = { -1, -1 } };
	pthread_t *ids;

	argc = parse_options(argv, options);
	mode = mode_find(argc ? argv[1] : "sleep");
	ids = calloc(threads ? threads : 1, sizeof(*ids));
	if (!ids)
		die("out of memory");
	w.step = mode->step;
	w.steps = mode->step == step_spin ? 1 : steps;
	w.cpu_ns = ms * 1000000;
	w.stay = stay;
	pthread_mutex_lock(&leave);
	hold_init();
	if (hold_wanted)
		hold_ready();
	if (mode->round && (pipe(w.to) || pipe(w.from)))
		die("pipe: %s", strerror(errno));
	if (mode->round)
		play(&w, mode->partner, mode->round);
	else
		run_threads(&w, ids, threads);
	report(mode->round ? 1 : threads, w.steps);
	if (hold_wanted) {
		hold();
		report_release();
	}
	pthread_mutex_unlock(&leave);
	for (i = 0; stay && mode->step && i < threads; i++)
		pthread_join(ids[i], NULL);
	free(ids);
	return 0;
}
