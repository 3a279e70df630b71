// SPDX-License-Identifier: BSD-2-Clause
/* Instrument `sched`: context switches, and time on a CPU, waiting for one, and asleep. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfread.h"
#include "base/clock.h"
#include "base/procfs.h"
#include "bpf/sched.h"
#include "probes/probe.h"
#include "sched.skel.h"

/* Threads per process that the map has room for, on average, beyond a floor. */
#define THREADS_PER_PROCESS 2
#define THREADS_MIN	    16384

struct sched {
	struct probe_env *env;
	struct sched_bpf *skel;
	struct bpf_reader processes;
	struct bpf_reader threads;
};

static void *make(struct probe_env *env)
{
	struct sched *s = calloc(1, sizeof(*s));

	if (s)
		s->env = env;
	return s;
}

static void close_bpf(struct sched *s)
{
	bpf_reader_close(&s->processes);
	bpf_reader_close(&s->threads);
	sched_bpf__destroy(s->skel);
	s->skel = NULL;
}

static void destroy(void *self)
{
	struct sched *s = self;

	if (!s)
		return;
	close_bpf(s);
	free(s);
}

/* Runs the iterator once for its effect: entries for threads that live already. */
static int prime(void *self)
{
	struct sched *s = self;
	char sink[256];
	int fd;

	if (!s->skel || !s->skel->links.sched_prime)
		return 0;
	fd = bpf_iter_create(bpf_link__fd(s->skel->links.sched_prime));
	if (fd < 0)
		return -errno;
	while (read(fd, sink, sizeof(sink)) > 0)
		;
	close(fd);
	return 0;
}

static int start_bpf(struct sched *s, char *reason)
{
	static const char *const programs[] = { "sched_switch", "sched_wakeup", "sched_wakeup_new",
						"sched_prime", NULL };
	const struct bpf_shared *shared = &s->env->shared;
	uint32_t threads = shared->capacity * THREADS_PER_PROCESS;
	int err;

	err = bpfload_share(shared, s->skel->maps.watched,
			    (uint32_t *)&s->skel->rodata->watched_mask, reason);
	if (err)
		return err;
	bpf_map__set_max_entries(s->skel->maps.sched_processes, shared->capacity);
	bpf_map__set_max_entries(s->skel->maps.sched_threads,
				 threads < THREADS_MIN ? THREADS_MIN : threads);
	bpf_reader_enable(s->skel->progs.sched_threads_read, s->skel->progs.sched_threads_forget);
	bpf_reader_enable(s->skel->progs.sched_processes_read,
			  s->skel->progs.sched_processes_forget);
	err = bpfload_start(s->skel->skeleton, programs, reason);
	if (err)
		return err;
	bpf_reader_open(&s->threads, s->skel->maps.sched_threads,
			s->skel->progs.sched_threads_read, s->skel->progs.sched_threads_forget);
	bpf_reader_open(&s->processes, s->skel->maps.sched_processes,
			s->skel->progs.sched_processes_read,
			s->skel->progs.sched_processes_forget);
	return 0;
}

static int open_tp_btf(void *self, char *reason)
{
	struct sched *s = self;
	int err;

	s->skel = sched_bpf__open();
	if (!s->skel) {
		snprintf(reason, LADDER_REASON_LEN, "open: %s", strerror(errno));
		return -errno;
	}
	err = start_bpf(s, reason);
	if (err)
		close_bpf(s);
	return err;
}

static void add_process(struct process *p, const struct sched_process *v)
{
	raw_add(&p->now, RAW_ONCPU_NS, v->oncpu_ns);
	raw_add(&p->now, RAW_RUNQUEUE_NS, v->runqueue_ns);
	raw_add(&p->now, RAW_BLOCKED_NS, v->blocked_ns);
	raw_add(&p->now, RAW_VOLUNTARY, v->voluntary);
	raw_add(&p->now, RAW_INVOLUNTARY, v->involuntary);
	p->counted_switches += (int64_t)(v->voluntary + v->involuntary);
}

/* The state that it is in has lasted since since_ns and is not yet in its sums. */
static void add_thread(struct process *p, const struct sched_thread *v, uint64_t now_ns)
{
	struct sched_process sums = { .voluntary = v->voluntary, .involuntary = v->involuntary,
				      .oncpu_ns = v->oncpu_ns, .runqueue_ns = v->runqueue_ns,
				      .blocked_ns = v->blocked_ns };
	uint64_t since = now_ns > v->since_ns ? now_ns - v->since_ns : 0;

	if (v->state == SCHED_ON_CPU)
		sums.oncpu_ns += since;
	else if (v->state == SCHED_RUNNABLE)
		sums.runqueue_ns += since;
	else
		sums.blocked_ns += since;
	add_process(p, &sums);
	p->live_threads++;
}

/* Processes first: a thread that ends between the two reads is then missing from this read and in
 * the next one, where the other order would count it twice and take it back. */
static int read_tp_btf(void *self)
{
	struct sched *s = self;
	struct process *p, *next;
	uint64_t now_ns;
	size_t i;
	int err;

	HASH_ITER(hh, s->env->table->by_id, p, next) {
		p->live_threads = 0;
		p->counted_switches = 0;
	}
	err = bpf_reader_read(&s->processes);
	for (i = 0; i < s->processes.count && !err; i++) {
		p = process_find(s->env->table,
				 *(const uint64_t *)bpf_reader_key(&s->processes, i));
		if (p)
			add_process(p, bpf_reader_value(&s->processes, i));
	}
	if (!err)
		err = bpf_reader_read(&s->threads);
	now_ns = clock_monotonic_ns();
	for (i = 0; i < s->threads.count && !err; i++) {
		const struct sched_thread *v = bpf_reader_value(&s->threads, i);

		p = process_find(s->env->table, v->process);
		if (p)
			add_thread(p, v, now_ns);
	}
	return err;
}

/* The referee: the kernel's own count is read after ours, so it cannot be behind ours now, nor was
 * it, at the read before, ahead of ours now. */
static void check_process(struct process *p)
{
	int64_t kernel = p->kernel_voluntary + p->kernel_involuntary;
	int64_t counted = p->counted_switches, off = 0;

	if (counted > kernel)
		off = counted - kernel;
	else if (p->kernel_switches_before != RAW_UNKNOWN && p->kernel_switches_before > counted)
		off = p->kernel_switches_before - counted;
	p->now.v[RAW_SWITCHES_UNATTRIBUTED] = off;
	p->kernel_switches_before = kernel;
}

static int confirm(void *self)
{
	struct sched *s = self;
	struct process *p, *next;

	if (!s->skel)
		return 0;
	HASH_ITER(hh, s->env->table->by_id, p, next)
		if (p->seen && !process_ended(p))
			check_process(p);
	return 0;
}

/* These clocks run from the process's start; what a joiner had used before is not its target's. */
static void set_clock(struct process *p, enum raw_id id, uint64_t ns)
{
	p->now.v[id] = (int64_t)ns;
	if (p->last.v[id] == RAW_UNKNOWN && !p->born)
		p->last.v[id] = (int64_t)ns;
}

static void read_process(struct process *p, int proc_fd)
{
	uint64_t oncpu_ns, runqueue_ns;
	struct proc_switches sw;
	int fd = process_dir(p, proc_fd);

	if (fd < 0)
		return;
	if (!proc_read_switches(fd, &sw)) {
		raw_max(&p->now, RAW_VOLUNTARY, sw.voluntary);
		raw_max(&p->now, RAW_INVOLUNTARY, sw.involuntary);
	}
	if (!proc_cpu_ns(p->pid, &oncpu_ns))
		set_clock(p, RAW_ONCPU_NS, oncpu_ns);
	if (!proc_read_schedstat(fd, &oncpu_ns, &runqueue_ns))
		set_clock(p, RAW_RUNQUEUE_NS, runqueue_ns);
}

static int read_proc(void *self)
{
	struct sched *s = self;
	struct process *p, *next;

	HASH_ITER(hh, s->env->table->by_id, p, next)
		if (!process_ended(p))
			read_process(p, s->env->proc_fd);
	return 0;
}

static void forget(void *self, const struct process *p)
{
	struct sched *s = self;

	if (s->skel)
		bpf_reader_forget(&s->processes, p->id);
}

static uint64_t lost(const void *self)
{
	const struct sched *s = self;

	return s->skel ? s->skel->bss->sched_lost + bpfload_misses(s->skel->obj) : 0;
}

static size_t skips(const void *self, struct bpf_skip *list, size_t max)
{
	const struct sched *s = self;

	return s->skel ? bpfload_skips(s->skel->obj, list, max) : 0;
}

#define SWITCHES (RAW_BIT(VOLUNTARY) | RAW_BIT(INVOLUNTARY))

static const struct rung rungs[] = {
	{ .name = "tp_btf", .bpf = true, .exact = true, .open = open_tp_btf, .read = read_tp_btf,
	  .provides = SWITCHES | RAW_BIT(ONCPU_NS) | RAW_BIT(RUNQUEUE_NS) | RAW_BIT(BLOCKED_NS),
	  .sees = "Every switch, wakeup and last switch of every watched thread." },
	{ .name = "/proc", .open = rung_open_nothing, .read = read_proc,
	  .provides = SWITCHES | RAW_BIT(ONCPU_NS) | RAW_BIT(RUNQUEUE_NS),
	  .sees = "Live threads only: what ended threads counted is lost; no blocked time." },
};

const struct instrument instrument_sched = {
	.name = "sched",
	.rungs = rungs,
	.rung_cnt = sizeof(rungs) / sizeof(*rungs),
	.make = make,
	.destroy = destroy,
	.joined = prime,
	.confirm = confirm,
	.forget = forget,
	.lost = lost,
	.skips = skips,
};
