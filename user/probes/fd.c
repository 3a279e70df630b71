// SPDX-License-Identifier: BSD-2-Clause
/* Instrument `fd`: descriptors opened and closed, calls that failed to open, and what none of it
 * explains. */
#include <stdbool.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "bpf/fd.h"
#include "bpf/targets.h"
#include "fd.skel.h"
#include "probes/fd_internal.h"

static void *make(struct probe_env *env)
{
	struct fd *f = calloc(1, sizeof(*f));

	if (f)
		f->env = env;
	return f;
}

static void destroy(void *self)
{
	struct fd *f = self;

	if (!f)
		return;
	fd_close_bpf(f);
	free(f);
}

/* Nobody has an entry before its first event: a watched process without one has opened nothing. Its
 * table may be gone while threads go on with others. */
static void set_counts(struct process *p, const struct fd_process *v)
{
	bool is_left = process_is_ending(p) && v->left_open != FD_LEVEL_UNKNOWN;
	size_t i;

	p->now.v[RAW_FD_OPENS] = v->opens;
	p->now.v[RAW_FD_CLOSES] = v->closes;
	p->now.v[RAW_FD_OTHER_TABLE] = v->other_table;
	p->now.v[RAW_FD_LEAKED] = is_left ? v->left_open : RAW_UNKNOWN;
	p->now.v[RAW_FD_OPEN_EAGAIN] = v->errors[FD_EAGAIN];
	p->now.v[RAW_FD_OPEN_ENOENT] = v->errors[FD_ENOENT];
	p->now.v[RAW_FD_OPEN_EACCES] = v->errors[FD_EACCES];
	p->now.v[RAW_FD_OPEN_EMFILE] = v->errors[FD_EMFILE];
	p->now.v[RAW_FD_OPEN_ENFILE] = v->errors[FD_ENFILE];
	p->now.v[RAW_FD_OPEN_ERRORS] = 0;
	for (i = 0; i < FD_ERROR_CNT; i++)
		p->now.v[RAW_FD_OPEN_ERRORS] += v->errors[i];
	if (v->level_first != FD_LEVEL_UNKNOWN)
		p->fd_base = v->level_first;
}

static const struct fd_untracked *untracked_of(const struct fd *f, const struct process *p)
{
	return &f->skel->bss->fd_untracked[UNTRACKED_SLOT(p->id)];
}

static void set_untracked(struct process *p, const struct fd_untracked *u)
{
	set_counts(p, &u->counts);
	p->now.v[RAW_FD_LEAKED] = RAW_UNKNOWN;
	p->fd_base = RAW_UNKNOWN;
}

/* A level of them all is of no one moment: the residual is known once all have ended. */
static void settle_untracked(struct process *p, const struct fd_untracked *u)
{
	int64_t flow = (int64_t)(u->counts.opens - u->counts.closes);

	p->now.v[RAW_FD_UNATTRIBUTED] = p->last.v[RAW_FD_UNATTRIBUTED];
	if (u->first_cnt == p->born_cnt && u->exit_cnt == p->born_cnt)
		p->now.v[RAW_FD_UNATTRIBUTED] = u->levels_exit - u->levels_first - flow;
}

static int read_bpf(void *self)
{
	static const struct fd_process none = { .level_first = FD_LEVEL_UNKNOWN,
						.left_open = FD_LEVEL_UNKNOWN };
	struct fd *f = self;
	struct process *p, *next;
	size_t i;
	int err;

	HASH_ITER(hh, f->env->table->by_id, p, next)
		if (p->untracked)
			set_untracked(p, untracked_of(f, p));
		else
			set_counts(p, &none);
	err = bpf_reader_read(&f->counts);
	for (i = 0; i < f->counts.count && !err; i++) {
		p = process_find(f->env->table, *(const uint64_t *)bpf_reader_key(&f->counts, i));
		if (p)
			set_counts(p, bpf_reader_value(&f->counts, i));
	}
	return err;
}

/* Level and counts are read at different moments, so the residual is taken only when nothing was
 * counted in between: a process that does not rest keeps the last one, or none. At its end it
 * rests, and the level is known if the program at its exit ran: the kernel may have skipped it. */
static void settle(struct process *p, const struct fd_process *v)
{
	int64_t level = process_is_ending(p) ? v->level_exit : p->now.v[RAW_OPEN_FDS];
	int64_t flow = (int64_t)(v->opens - v->closes);
	bool still = p->now.v[RAW_FD_OPENS] == (int64_t)v->opens &&
		     p->now.v[RAW_FD_CLOSES] == (int64_t)v->closes;

	if (level < 0 || !still)
		return;
	if (p->fd_base == RAW_UNKNOWN)
		p->fd_base = level - flow;
	p->now.v[RAW_FD_UNATTRIBUTED] = level - p->fd_base - flow;
}

static int confirm(void *self)
{
	static const struct fd_process none = { .level_first = FD_LEVEL_UNKNOWN,
						.level_exit = FD_LEVEL_UNKNOWN };
	struct fd *f = self;
	struct process *p, *next;
	uint64_t seen_id;
	size_t i;
	int err;

	if (!f->skel)
		return 0;
	err = bpf_reader_read(&f->counts);
	if (err)
		return err;
	for (i = 0; i < f->counts.count; i++) {
		seen_id = *(const uint64_t *)bpf_reader_key(&f->counts, i);
		p = process_find(f->env->table, seen_id);
		if (p)
			settle(p, bpf_reader_value(&f->counts, i));
	}
	HASH_ITER(hh, f->env->table->by_id, p, next)
		if (p->untracked)
			settle_untracked(p, untracked_of(f, p));
		else if (p->now.v[RAW_FD_UNATTRIBUTED] == RAW_UNKNOWN)
			settle(p, &none);
	return 0;
}

static int read_proc(void *self)
{
	(void)self;
	return 0; /* the level is the task instrument's; flow nobody knows */
}

static void forget(void *self, const struct forgotten *gone)
{
	struct fd *f = self;

	if (f->skel)
		bpf_reader_forget(&f->counts, gone->ended, gone->ended_cnt);
}

static const struct bpf_object *object(const void *self)
{
	const struct fd *f = self;

	return f->skel ? f->skel->obj : NULL;
}

static uint64_t lost(const void *self)
{
	const struct fd *f = self;

	return f->skel ? f->skel->bss->fd_lost : 0;
}

static size_t skips(const void *self, struct bpf_skip *list, size_t max)
{
	const struct fd *f = self;
	size_t n;

	if (!f->skel)
		return 0;
	n = bpfload_skips(f->skel->obj, list, max);
	n += bpfload_multi_skip(f->skel->links.fd_multi_result, "fd_multi_result (unprobed)",
				list + n, max - n);
	n += bpfload_multi_skip(f->skel->links.fd_multi_accepted, "fd_multi_accepted (unprobed)",
				list + n, max - n);
	return n;
}

#define FLOW                                                                           \
	(RAW_BIT(FD_OPENS) | RAW_BIT(FD_OTHER_TABLE) | RAW_BIT(FD_CLOSES) |            \
	 RAW_BIT(FD_OPEN_ERRORS) | RAW_BIT(FD_OPEN_EAGAIN) | RAW_BIT(FD_OPEN_ENOENT) | \
	 RAW_BIT(FD_OPEN_EACCES) | RAW_BIT(FD_OPEN_EMFILE) | RAW_BIT(FD_OPEN_ENFILE) | \
	 RAW_BIT(FD_UNATTRIBUTED))

static const struct rung rungs[] = {
	{ .name = "kprobe.multi",
	  .bpf = true,
	  .exact = true,
	  .open = fd_open_multi,
	  .read = read_bpf,
	  .provides = FLOW,
	  .sees = "Every way in and out of a descriptor table, at the kernel's own functions." },
	{ .name = "fentry",
	  .bpf = true,
	  .exact = true,
	  .preempted = true,
	  .open = fd_open_fentry,
	  .read = read_bpf,
	  .provides = FLOW,
	  .sees = "The same; on a kernel that preempts itself a hit can be skipped, and is "
		  "counted as lost." },
	{ .name = "syscall",
	  .bpf = true,
	  .open = fd_open_syscall,
	  .read = read_bpf,
	  .provides = FLOW,
	  .sees = "Every system call that opens or closes by its number and arguments; not "
		  "SCM_RIGHTS, "
		  "io_uring, CLONE_PIDFD, ioctls that return descriptors, nor close-on-exec." },
	{ .name = "/proc",
	  .open = rung_open_nothing,
	  .read = read_proc,
	  .sees = "The level only, no opens and closes." },
};

const struct instrument instrument_fd = {
	.name = "fd",
	.rungs = rungs,
	.rung_cnt = sizeof(rungs) / sizeof(*rungs),
	.make = make,
	.destroy = destroy,
	.confirm = confirm,
	.forget = forget,
	.lost = lost,
	.skips = skips,
	.object = object,
};
