// SPDX-License-Identifier: BSD-2-Clause
/* Instrument `fd`: descriptors opened and closed, calls that failed to open, and what none of it
 * explains. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfread.h"
#include "base/procfs.h"
#include "bpf/fd.h"
#include "bpf/targets.h"
#include "fd.skel.h"
#include "probes/fd_selftest.h"
#include "probes/probe.h"

struct fd {
	struct probe_env *env;
	struct fd_bpf *skel;
	struct bpf_reader counts;
};

static void *make(struct probe_env *env)
{
	struct fd *f = calloc(1, sizeof(*f));

	if (f)
		f->env = env;
	return f;
}

static void close_bpf(struct fd *f)
{
	bpf_reader_close(&f->counts);
	fd_bpf__destroy(f->skel);
	f->skel = NULL;
}

static void destroy(void *self)
{
	struct fd *f = self;

	if (!f)
		return;
	close_bpf(f);
	free(f);
}

static const char *const install_symbols[] = { "fd_install", NULL };
static const char *const dup2_symbols[] = { "do_dup2", NULL };
static const char *const flush_symbols[] = { "filp_flush", NULL };
static const char *const close_symbols[] = { "filp_close", NULL };

/* System calls that open, in every kernel that has kprobe.multi (5.18); rarer ones fail unseen. */
static const char *const result_symbols[] = {
	"__x64_sys_open",	   "__x64_sys_openat",	     "__x64_sys_openat2",
	"__x64_sys_creat",	   "__x64_sys_socket",	     "__x64_sys_socketpair",
	"__x64_sys_pipe",	   "__x64_sys_pipe2",	     "__x64_sys_dup",
	"__x64_sys_dup2",	   "__x64_sys_dup3",	     "__x64_sys_eventfd",
	"__x64_sys_eventfd2",	   "__x64_sys_epoll_create", "__x64_sys_epoll_create1",
	"__x64_sys_timerfd_create", "__x64_sys_signalfd4",   "__x64_sys_inotify_init1",
	"__x64_sys_memfd_create",  "__x64_sys_pidfd_open",   "__x64_sys_pidfd_getfd",
	NULL,
};

/* And those of them that wait for somebody. */
static const char *const accept_symbols[] = { "__x64_sys_accept", "__x64_sys_accept4", NULL };

static int start_bpf(struct fd *f, const char *const *programs, char *reason)
{
	const struct bpf_shared *shared = &f->env->shared;
	int err;

	err = bpfload_share(shared, f->skel->obj,
			    (uint32_t *)&f->skel->rodata->watched_mask, reason);
	if (err)
		return err;
	*(uint32_t *)&f->skel->rodata->simulate_loss = shared->simulate_loss;
	bpf_map__set_max_entries(f->skel->maps.fd_processes, shared->capacity);
	bpf_reader_enable(shared, f->skel->progs.fd_processes_read,
			  f->skel->progs.fd_processes_forget);
	bpf_reader_enable_find(shared, f->skel->progs.fd_processes_find);
	err = bpfload_start(f->skel->skeleton, programs, reason);
	if (err)
		return err;
	bpf_reader_open(&f->counts, f->skel->maps.fd_processes, f->skel->progs.fd_processes_read,
			f->skel->progs.fd_processes_forget);
	bpf_reader_find(&f->counts, shared->wanted, f->skel->progs.fd_processes_find);
	bpf_reader_share(&f->counts, shared->room);
	bpf_reader_count(&f->counts, &f->skel->bss->fd_came, false);
	return 0;
}

static int open_bpf(struct fd *f, const char *const *programs, char *reason)
{
	int err;

	f->skel = fd_bpf__open();
	if (!f->skel) {
		snprintf(reason, LADDER_REASON_LEN, "open: %s", strerror(errno));
		return -errno;
	}
	err = start_bpf(f, programs, reason);
	if (err)
		close_bpf(f);
	return err;
}

static void count_of_trial(void *self, uint64_t process, struct fd_tally *ret)
{
	struct bpf_reader *counts = &((struct fd *)self)->counts;
	const struct fd_process *p;
	size_t i, error;

	if (bpf_reader_read(counts))
		return;
	for (i = 0; i < counts->count; i++) {
		if (*(const uint64_t *)bpf_reader_key(counts, i) != process)
			continue;
		p = bpf_reader_value(counts, i);
		ret->opens += p->opens;
		ret->closes += p->closes;
		for (error = 0; error < FD_ERROR_CNT; error++)
			ret->failed += p->errors[error];
	}
}

static void forget_trial(void *self, uint64_t process)
{
	bpf_reader_forget(&((struct fd *)self)->counts, &process, 1);
}

/* Trust comes from a known set of calls in a child of our own, counted right. */
static int selftest(struct fd *f, enum fd_sight sight, char *reason)
{
	struct fd_counter counter = { .sight = sight, .ctx = f, .count = count_of_trial,
				      .forget = forget_trial };

	return fd_selftest(&f->env->shared, &counter, f->env->proc_fd, reason);
}

static int attach_multi(struct fd *f, const char *const *closes, char *reason)
{
	const struct bpf_object *obj = f->skel->obj;
	int err;

	err = bpfload_attach_multi(obj, "fd_multi_install", install_symbols, 0,
				   &f->skel->links.fd_multi_install, reason);
	if (!err)
		err = bpfload_attach_multi(obj, "fd_multi_dup2", dup2_symbols, 0,
					   &f->skel->links.fd_multi_dup2, reason);
	if (!err)
		err = bpfload_attach_multi(obj, "fd_multi_result", result_symbols, 1,
					   &f->skel->links.fd_multi_result, reason);
	if (!err)
		err = bpfload_attach_multi(obj, "fd_multi_accepted", accept_symbols, 1,
					   &f->skel->links.fd_multi_accepted, reason);
	if (!err)
		err = bpfload_attach_multi(obj, "fd_multi_close", closes, 0,
					   &f->skel->links.fd_multi_close, reason);
	return err;
}

static int try_multi(struct fd *f, const char *const *closes, char *reason)
{
	static const char *const programs[] = { "fd_multi_install", "fd_multi_dup2",
						"fd_multi_close",   "fd_multi_result",
						"fd_multi_accepted", "fd_fork",
						"fd_exec",          "fd_exit",
						NULL };
	int err = open_bpf(f, programs, reason);

	if (err)
		return err;
	err = attach_multi(f, closes, reason);
	if (!err)
		err = selftest(f, FD_SEES_ALL, reason);
	if (err)
		close_bpf(f);
	return err;
}

/* Would the other hook for closes make a difference? */
static bool worth_another(int err)
{
	return err && err != -EPERM && err != -ENOTSUP && err != -ENOMEM;
}

static int open_multi(void *self, char *reason)
{
	int err = bpfload_try_kprobe_multi(reason);

	if (err)
		return err;
	err = try_multi(self, flush_symbols, reason);
	return worth_another(err) ? try_multi(self, close_symbols, reason) : err;
}

static int try_with_selftest(struct fd *f, const char *const *programs, enum fd_sight sight,
			     char *reason)
{
	int err = open_bpf(f, programs, reason);

	if (err)
		return err;
	err = selftest(f, sight, reason);
	if (err)
		close_bpf(f);
	return err;
}

static int open_fentry(void *self, char *reason)
{
	static const char *const flush[] = { "fd_entry_install", "fd_entry_dup2",
					     "fd_entry_flush",   "fd_sys_exit_failed",
					     "fd_fork",          "fd_exec",
					     "fd_exit",          NULL };
	static const char *const close[] = { "fd_entry_install", "fd_entry_dup2",
					     "fd_entry_close",   "fd_sys_exit_failed",
					     "fd_fork",          "fd_exec",
					     "fd_exit",          NULL };
	int err = bpfload_try_fentry(reason);

	if (err)
		return err;
	err = try_with_selftest(self, flush, FD_SEES_ALL, reason);
	return worth_another(err) ? try_with_selftest(self, close, FD_SEES_ALL, reason) : err;
}

static int open_syscall(void *self, char *reason)
{
	static const char *const programs[] = { "fd_sys_enter", "fd_sys_exit", "fd_fork",
						"fd_exec",	"fd_exit",     NULL };

	return try_with_selftest(self, programs, FD_SEES_SYSCALLS, reason);
}

/* Nobody has an entry before its first event: a watched process without one has opened nothing. */
static void set_counts(struct process *p, const struct fd_process *v)
{
	size_t i;

	p->now.v[RAW_FD_OPENS] = v->opens;
	p->now.v[RAW_FD_CLOSES] = v->closes;
	p->now.v[RAW_FD_OTHER_TABLE] = v->other_table;
	p->now.v[RAW_FD_LEAKED] = v->left_open == FD_LEVEL_UNKNOWN ? RAW_UNKNOWN : v->left_open;
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
	int64_t level = process_ended(p) ? v->level_exit : p->now.v[RAW_OPEN_FDS];
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
		bpf_reader_forget(&f->counts, gone->ids, gone->cnt);
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
	  .open = open_multi,
	  .read = read_bpf,
	  .provides = FLOW,
	  .sees = "Every way in and out of a descriptor table, at the kernel's own functions." },
	{ .name = "fentry",
	  .bpf = true,
	  .exact = true,
	  .preempted = true,
	  .open = open_fentry,
	  .read = read_bpf,
	  .provides = FLOW,
	  .sees = "The same; on a kernel that preempts itself a hit can be skipped, and is "
		  "counted as lost." },
	{ .name = "syscall",
	  .bpf = true,
	  .open = open_syscall,
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
