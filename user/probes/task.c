// SPDX-License-Identifier: BSD-2-Clause
/* Instrument `task`: CPU time, memory, threads, descriptor level, and the kernel's own switch
 * counts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfread.h"
#include "base/procfs.h"
#include "bpf/task.h"
#include "probes/probe.h"
#include "probes/task_internal.h"
#include "task.skel.h"

#define READ_SIZE 65536

struct task {
	struct probe_env *env;
	struct task_bpf *skel;
	struct bpf_reader exits;
	char *buf; /* READ_SIZE: what the iterator wrote and is not yet parsed */
	struct process *at; /* that of the last record; while the iterator is read */
};

static void *make(struct probe_env *env)
{
	struct task *t = calloc(1, sizeof(*t));

	if (t)
		t->env = env;
	return t;
}

static void close_bpf(struct task *t)
{
	bpf_reader_close(&t->exits);
	task_bpf__destroy(t->skel);
	t->skel = NULL;
	free(t->buf);
	t->buf = NULL;
}

static void destroy(void *self)
{
	struct task *t = self;

	if (!t)
		return;
	close_bpf(t);
	free(t);
}

static int start_bpf(struct task *t, char *reason)
{
	static const char *const programs[] = { "task_read", "task_exit", NULL };
	int err;

	t->buf = malloc(READ_SIZE);
	if (!t->buf) {
		snprintf(reason, LADDER_REASON_LEN, "out of memory");
		return -ENOMEM;
	}
	err = bpfload_share(&t->env->shared, t->skel->obj,
			    (uint32_t *)&t->skel->rodata->watched_mask, reason);
	if (err)
		return err;
	*(uint32_t *)&t->skel->rodata->simulate_loss = t->env->shared.simulate_loss;
	bpf_map__set_max_entries(t->skel->maps.task_exits, t->env->shared.capacity);
	bpf_program__set_autoattach(t->skel->progs.task_read, false);
	bpf_reader_enable(&t->env->shared, t->skel->progs.task_exits_read,
			  t->skel->progs.task_exits_forget);
	bpf_reader_enable_find(&t->env->shared, t->skel->progs.task_exits_find);
	err = bpfload_start(t->skel->skeleton, programs, reason);
	if (err)
		return err;
	bpf_reader_open(&t->exits, t->skel->maps.task_exits, t->skel->progs.task_exits_read,
			t->skel->progs.task_exits_forget);
	bpf_reader_find(&t->exits, t->env->shared.wanted, t->skel->progs.task_exits_find);
	bpf_reader_share(&t->exits, t->env->shared.room);
	bpf_reader_count(&t->exits, &t->skel->bss->task_ended, false);
	return bpfload_attach_task_iter(t->skel->progs.task_read, t->env->shared.only_pid,
					&t->skel->links.task_read, reason);
}

static int open_iter(void *self, char *reason)
{
	struct task *t = self;
	int err;

	t->skel = task_bpf__open();
	if (!t->skel) {
		snprintf(reason, LADDER_REASON_LEN, "open: %s", strerror(errno));
		return -errno;
	}
	err = start_bpf(t, reason);
	if (err)
		close_bpf(t);
	t->env->reads_threads = !err;
	return err;
}

/* ---- rung iter ---- */

void task_add_account(struct process *p, const struct task_account *a)
{
	/* As sampled, until finish(). */
	raw_add(&p->now, RAW_CPU_NS, a->runtime_ns);
	raw_add(&p->now, RAW_CPU_USER_NS, a->utime_ns);
	raw_add(&p->now, RAW_CPU_SYSTEM_NS, a->stime_ns);
}

static void add_for_sched(const struct probe_env *env, struct process *p,
			  const struct task_thread_rec *rec)
{
	if (env->wants_clocks && rec->lifetime_ns)
		process_add_clocks(p, rec->lifetime_ns, rec->account.runtime_ns,
				   rec->run_delay_ns);
	if (env->wants_counts)
		process_add_switches(p, rec->counted_voluntary, rec->counted_involuntary);
}

static void known(struct process *p, enum raw_id id, int64_t value)
{
	if (value != TASK_UNKNOWN)
		p->now.v[id] = value;
}

static void set_leader(struct process *p, const struct task_leader_rec *rec)
{
	if (p->untracked) {
		task_add_untracked(p, rec);
		return;
	}
	task_add_account(p, &rec->ended);
	known(p, RAW_RSS_BYTES, rec->rss_bytes);
	known(p, RAW_OPEN_FDS, rec->fds);
	known(p, RAW_OPEN_FILES, rec->regular_files);
	p->now.v[RAW_OPEN_FDS_LIMIT] =
		rec->fds_limit > INT64_MAX ? INT64_MAX : (int64_t)rec->fds_limit;
	p->now.v[RAW_THREADS] = rec->threads;
	p->kernel_voluntary += rec->ended.voluntary;
	p->kernel_involuntary += rec->ended.involuntary;
	p->seen = true;
}

/* Records come by PID, as does the table, mostly: the next one is looked at before it is searched
 * for. */
static struct process *find(struct task *t, uint64_t id)
{
	struct process *next = t->at ? t->at->hh.next : t->env->table->by_id;

	if (t->at && t->at->id == id)
		return t->at;
	if (!next || next->id != id)
		next = process_find(t->env->table, id);
	if (next)
		t->at = next;
	return next;
}

/* Consumes whole records; returns the bytes used. */
static size_t parse(struct task *t, const char *data, size_t len)
{
	const struct task_thread_rec *rec;
	struct process *p;
	size_t used = 0, size;

	while (len - used >= sizeof(*rec)) {
		rec = (const void *)(data + used);
		size = sizeof(*rec) +
		       (rec->kind == TASK_REC_LEADER ? sizeof(struct task_leader_rec) : 0);
		if (len - used < size)
			break;
		p = find(t, rec->process);
		if (p) {
			task_add_account(p, &rec->account);
			add_for_sched(t->env, p, rec);
			p->kernel_voluntary += rec->account.voluntary;
			p->kernel_involuntary += rec->account.involuntary;
			p->seen_threads++;
			p->lives |= rec->lifetime_ns != 0;
			p->may_run |= rec->may_run;
			if (rec->kind == TASK_REC_LEADER)
				set_leader(p, (const void *)(rec + 1));
		}
		used += size;
	}
	return used;
}

static int run_iterator(struct task *t)
{
	size_t len = 0, used;
	ssize_t n;
	int fd;

	t->at = NULL;
	t->skel->bss->task_counted = t->env->wants_counts;
	fd = bpf_iter_create(bpf_link__fd(t->skel->links.task_read));
	if (fd < 0)
		return -errno;
	while ((n = read(fd, t->buf + len, READ_SIZE - len)) > 0 || (n < 0 && errno == EAGAIN)) {
		if (n < 0)
			continue;
		len += n;
		used = parse(t, t->buf, len);
		len -= used;
		memmove(t->buf, t->buf + used, len);
	}
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

static int read_exits(struct task *t)
{
	size_t i;
	int err;

	err = bpf_reader_read(&t->exits);
	for (i = 0; i < t->exits.count && !err; i++) {
		const struct task_exit *e = bpf_reader_value(&t->exits, i);
		struct process *p = process_find(t->env->table,
						 *(const uint64_t *)bpf_reader_key(&t->exits, i));

		if (!p || p->lives)
			continue; /* its threads' own accounts are ahead of this */
		process_set_cpu(p, e->account.runtime_ns, e->account.utime_ns, e->account.stime_ns);
		raw_max(&p->now, RAW_VOLUNTARY, e->account.voluntary);
		raw_max(&p->now, RAW_INVOLUNTARY, e->account.involuntary);
	}
	return err;
}

/* The kernel brings a thread's run time up to date when it leaves its CPU. While all threads are
 * seen and none of them runs, their sum is therefore what the process's CPU clock would say. */
static bool is_sum_exact(const struct process *p)
{
	return !p->may_run && p->now.v[RAW_THREADS] == p->seen_threads;
}

/* What the iterator leaves open: tables too large for it, and the CPU time of what runs now. */
static void finish(struct task *t, struct process *p)
{
	int dir;

	process_set_cpu_total(p, p->now.v[RAW_CPU_NS]);
	if (!is_sum_exact(p))
		process_sharpen_cpu(p);
	raw_max(&p->now, RAW_VOLUNTARY, p->kernel_voluntary);
	raw_max(&p->now, RAW_INVOLUNTARY, p->kernel_involuntary);
	if (p->exited ||
	    (p->now.v[RAW_OPEN_FILES] != RAW_UNKNOWN && p->now.v[RAW_OPEN_FDS] != RAW_UNKNOWN))
		return;
	dir = process_dir(t->env->table, p, t->env->proc_fd);
	if (dir < 0)
		return;
	if (p->now.v[RAW_RSS_BYTES] != RAW_UNKNOWN)
		task_read_levels(p, dir);
	else if (proc_has_ended(dir))
		p->gone = true; /* although no exit event came */
	else
		task_read_headless(p, dir);
	process_dir_done(p, dir);
}

static int read_iter(void *self)
{
	struct task *t = self;
	struct process *p, *next;
	int err;

	if (t->env->has_untracked)
		HASH_ITER(hh, t->env->table->by_id, p, next)
			if (p->untracked)
				task_begin_untracked(p, t->skel->bss->task_untracked);
	err = run_iterator(t);
	if (err)
		return err;
	HASH_ITER(hh, t->env->table->by_id, p, next) {
		if (p->untracked)
			task_finish_untracked(p);
		else if (p->seen)
			finish(t, p);
		else if (!p->exited && !process_there(t->env->table, p, t->env->proc_fd))
			p->gone = true; /* although no exit event came */
	}
	return read_exits(t);
}

/* ---- rung /proc ---- */

static int read_proc(void *self)
{
	struct task *t = self;
	struct process *p, *next;

	HASH_ITER(hh, t->env->table->by_id, p, next)
		if (!p->gone && !p->untracked)
			task_read_process(t->env, p);
	return 0;
}

static void forget(void *self, const struct forgotten *f)
{
	struct task *t = self;

	if (t->skel)
		bpf_reader_forget(&t->exits, f->ended, f->ended_cnt);
}

static const struct bpf_object *object(const void *self)
{
	const struct task *t = self;

	return t->skel ? t->skel->obj : NULL;
}

static uint64_t lost(const void *self)
{
	const struct task *t = self;

	return t->skel ? t->skel->bss->task_lost : 0;
}

static size_t skips(const void *self, struct bpf_skip *list, size_t max)
{
	const struct task *t = self;

	return t->skel ? bpfload_skips(t->skel->obj, list, max) : 0;
}

#define LEVELS                                                                                  \
	(RAW_BIT(CPU_NS) | RAW_BIT(CPU_USER_NS) | RAW_BIT(CPU_SYSTEM_NS) | RAW_BIT(RSS_BYTES) | \
	 RAW_BIT(THREADS) | RAW_BIT(OPEN_FDS) | RAW_BIT(OPEN_FILES) | RAW_BIT(OPEN_FDS_LIMIT))

static const struct rung rungs[] = {
	{ .name = "iter",
	  .bpf = true,
	  .exact = true,
	  .open = open_iter,
	  .read = read_iter,
	  .provides = LEVELS | RAW_BIT(VOLUNTARY) | RAW_BIT(INVOLUNTARY),
	  .sees = "One pass over all tasks in the kernel: its own accounts, ended threads "
		  "included." },
	{ .name = "/proc",
	  .open = rung_open_nothing,
	  .read = read_proc,
	  .provides = LEVELS,
	  .exact = true,
	  .sees = "The same levels, a file at a time; a process that ended has left only its "
		  "exit." },
};

const struct instrument instrument_task = {
	.name = "task",
	.rungs = rungs,
	.rung_cnt = sizeof(rungs) / sizeof(*rungs),
	.make = make,
	.destroy = destroy,
	.forget = forget,
	.lost = lost,
	.skips = skips,
	.object = object,
};
