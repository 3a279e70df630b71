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
#include "bpf/targets.h"
#include "probes/probe.h"
#include "probes/sched_internal.h"
#include "sched.skel.h"

struct sched {
	struct probe_env *env;
	struct sched_bpf *skel;
	struct bpf_reader processes;
	struct bpf_reader threads;
	struct bpf_reader now; /* struct sched_now_rec */
	struct sched_process untracked[UNTRACKED_MAX]; /* as of the read of `processes` */
	uint64_t attached_ns; /* CLOCK_MONOTONIC; 0 once targets have been primed */
	bool has_left; /* since the last walk over `threads`: it may hold what nobody wants */
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
	bpf_reader_close(&s->now);
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

/* Runs the iterator once for its effect: each thread of new targets gets its entry. What their
 * ended threads had counted before is taken from the kernel: at the first time here, for one that
 * joins later by the program that sees it do so. */
static int prime(void *self)
{
	struct sched *s = self;
	int err;

	if (!s->skel)
		return 0;
	s->skel->bss->sched_prime = s->attached_ns;
	err = bpf_reader_read(&s->now);
	s->skel->bss->sched_prime = s->attached_ns = 0;
	__atomic_fetch_add(&s->skel->bss->sched_changes, 1, __ATOMIC_SEQ_CST);
	return err;
}

static int start_bpf(struct sched *s, char *reason)
{
	static const char *const programs[] = { "sched_switch", "sched_now", NULL };
	const struct bpf_shared *shared = &s->env->shared;
	int err;

	err = bpfload_share(shared, s->skel->obj,
			    (uint32_t *)&s->skel->rodata->watched_mask, reason);
	if (err)
		return err;
	bpf_reader_enable(shared, s->skel->progs.sched_threads_read,
			  s->skel->progs.sched_threads_forget);
	bpf_reader_enable(shared, s->skel->progs.sched_processes_read,
			  s->skel->progs.sched_processes_forget);
	bpf_reader_enable_find(shared, s->skel->progs.sched_processes_find);
	bpf_program__set_autoattach(s->skel->progs.sched_now, false);
	err = bpfload_start(s->skel->skeleton, programs, reason);
	if (!err)
		err = bpf_reader_open_tasks(&s->now, s->skel->progs.sched_now, shared->only_pid,
					    sizeof(struct sched_now_rec), reason);
	if (err)
		return err;
	bpf_reader_open(&s->threads, s->skel->maps.sched_threads,
			s->skel->progs.sched_threads_read, s->skel->progs.sched_threads_forget);
	bpf_reader_open(&s->processes, s->skel->maps.sched_processes,
			s->skel->progs.sched_processes_read,
			s->skel->progs.sched_processes_forget);
	bpf_reader_find(&s->processes, shared->wanted, s->skel->progs.sched_processes_find);
	bpf_reader_count(&s->processes, &s->skel->bss->sched_changes, true);
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
	s->attached_ns = clock_monotonic_ns();
	return err;
}

static void add_clocks(struct process *p, const struct sched_clocks *c)
{
	process_add_clocks(p, c->lifetime_ns, c->runtime_ns, c->run_delay_ns);
}

static void add_ended(struct process *p, const struct sched_process *v)
{
	add_clocks(p, &v->clocks);
	process_add_switches(p, v->voluntary, v->involuntary);
}

/* Of processes that have threads alive, of those that have none, or of both. */
static void add_all_ended(struct sched *s, bool alive, bool ended)
{
	const struct bpf_reader *r = &s->processes;
	struct process *p, *next;
	size_t i;

	for (i = 0; i < r->count; i++) {
		p = process_find(s->env->table, *(const uint64_t *)bpf_reader_key(r, i));
		if (p && (p->live_threads ? alive : ended))
			add_ended(p, bpf_reader_value(r, i));
	}
	if (!s->env->has_untracked)
		return;
	HASH_ITER(hh, s->env->table->by_id, p, next)
		if (p->untracked && (p->live_threads ? alive : ended))
			add_ended(p, &s->untracked[UNTRACKED_SLOT(p->id)]);
}

static int read_ended(struct sched *s)
{
	memcpy(s->untracked, s->skel->bss->sched_untracked, sizeof(s->untracked));
	return bpf_reader_read(&s->processes);
}

/* Has a process ended of which this may be the last read? An untracked entry is read for ever. */
static bool has_last_read(const struct sched *s)
{
	struct process *p, *next;

	if (!s->env->has_exited)
		return false;
	HASH_ITER(hh, s->env->table->by_id, p, next)
		if (p->exited && !p->live_threads && !p->untracked)
			return true;
	return false;
}

/* Has it ended, and is it known without a walk how many of its threads have yet to have their last
 * switch? */
static bool knows_live(const struct process *p)
{
	return p->exited && !p->untracked && p->born_threads != BORN_THREADS_UNKNOWN;
}

/* False: some thread of an ended process has yet to have its last switch, or may have. */
static bool all_settled(struct sched *s)
{
	const struct bpf_reader *r = &s->processes;
	struct process *p, *next;
	bool settled = true;
	size_t i;

	HASH_ITER(hh, s->env->table->by_id, p, next)
		if (knows_live(p))
			p->live_threads = p->born_threads;
	for (i = 0; i < r->count; i++) {
		const struct sched_process *v = bpf_reader_value(r, i);

		p = process_find(s->env->table, *(const uint64_t *)bpf_reader_key(r, i));
		if (p && knows_live(p))
			p->live_threads -= v->ended < p->live_threads ? v->ended : p->live_threads;
	}
	HASH_ITER(hh, s->env->table->by_id, p, next)
		if (p->exited && !p->untracked)
			settled &= knows_live(p) && !p->live_threads;
	return settled;
}

static bool is_watched(const struct bpf_shared *shared, uint64_t id)
{
	return IS_UNTRACKED(id) || shared->watched[PROCESS_ID_PID(id) & shared->watched_mask];
}

/* A process that left its target takes its threads' entries along here. A thread that has never
 * switched has none, so that what is known of a process without them stays. */
static void add_live(const struct probe_env *env, struct bpf_reader *r)
{
	size_t i;

	for (i = 0; i < r->count; i++) {
		const struct sched_thread *v = bpf_reader_value(r, i);
		struct process *p = process_find(env->table, v->process);

		if (!p && !is_watched(&env->shared, v->process))
			bpf_reader_forget(r, bpf_reader_key(r, i), 1);
		if (!p)
			continue;
		process_add_switches(p, v->voluntary, v->involuntary);
		p->live_threads += !knows_live(p);
	}
}

/* By the task instrument's records, unless only the map tells: have all threads of a process that
 * has ended had their last switch, and is there anything left of those that are watched no more? */
static int read_live(struct sched *s)
{
	bool settled = !s->env->has_exited || all_settled(s);
	int err;

	s->env->wants_counts = s->env->reads_threads && !s->has_left && settled;
	if (s->env->wants_counts)
		return 0;
	err = bpf_reader_read(&s->threads);
	if (!err)
		add_live(s->env, &s->threads);
	s->has_left = err;
	return err;
}

static void add_now(struct process_table *table, const struct bpf_reader *r)
{
	size_t i;

	for (i = 0; i < r->count; i++) {
		const struct sched_now_rec *v = bpf_reader_value(r, i);
		struct process *p = process_find(table, v->process);

		if (p)
			add_clocks(p, &v->clocks);
	}
}

/* Ended threads first: one that ends meanwhile is then missing from this read and in the next one,
 * where the other order would count it twice and take it back. There is no next one of a process
 * that has ended and has none alive: what its threads left is read again, after they were missing
 * among the live ones. The clocks of those come with the task instrument's records where that reads
 * the kernel's: one pass over all tasks is most of what a tick costs. */
static int read_tp_btf(void *self)
{
	struct sched *s = self;
	int err;

	s->env->wants_clocks = s->env->reads_threads;
	err = read_ended(s);
	if (!err && !s->env->wants_clocks)
		err = bpf_reader_read(&s->now);
	if (!err)
		err = read_live(s);
	if (err)
		return err;
	if (!s->env->wants_clocks)
		add_now(s->env->table, &s->now);
	if (!has_last_read(s)) {
		add_all_ended(s, true, true);
		return 0;
	}
	add_all_ended(s, true, false);
	err = read_ended(s);
	add_all_ended(s, false, true);
	return err;
}

static int confirm(void *self)
{
	struct sched *s = self;
	struct process *p, *next;

	if (!s->skel)
		return 0;
	HASH_ITER(hh, s->env->table->by_id, p, next) {
		sched_settle_clocks(p);
		if (p->seen && !process_ended(p))
			sched_check(p);
	}
	return 0;
}

static void read_dir(struct process *p, int dir)
{
	uint64_t oncpu_ns, runqueue_ns;
	struct proc_switches sw;

	if (!proc_read_switches(dir, &sw)) {
		raw_max(&p->now, RAW_VOLUNTARY, sw.voluntary);
		raw_max(&p->now, RAW_INVOLUNTARY, sw.involuntary);
	}
	if (!proc_cpu_ns(p->pid, &oncpu_ns))
		sched_set_clock(p, RAW_ONCPU_NS, oncpu_ns);
	if (!proc_read_schedstat(dir, &oncpu_ns, &runqueue_ns))
		sched_set_clock(p, RAW_RUNQUEUE_NS, runqueue_ns);
}

static void read_process(const struct probe_env *env, struct process *p)
{
	int dir = process_dir(env->table, p, env->proc_fd);

	if (dir >= 0)
		read_dir(p, dir);
	process_dir_done(p, dir);
}

static int read_proc(void *self)
{
	struct sched *s = self;
	struct process *p, *next;

	HASH_ITER(hh, s->env->table->by_id, p, next)
		if (!process_ended(p) && !p->untracked)
			read_process(s->env, p);
	return 0;
}

static void forget(void *self, const struct forgotten *f)
{
	struct sched *s = self;
	size_t i;

	for (i = 0; i < f->cnt; i++)
		s->has_left |= !process_ended(f->list[i]);
	if (s->skel)
		bpf_reader_forget(&s->processes, f->ended, f->ended_cnt);
}

static const struct bpf_object *object(const void *self)
{
	const struct sched *s = self;

	return s->skel ? s->skel->obj : NULL;
}

static uint64_t lost(const void *self)
{
	const struct sched *s = self;

	return s->skel ? s->skel->bss->sched_lost : 0;
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
	  .sees = "Every switch of every watched thread; times are the kernel's accounts." },
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
	.object = object,
};
