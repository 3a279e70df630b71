/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* First and last sight of a process: what its table has then. The same on every rung. */
#ifndef KTALLY_FD_LIFE_BPF_H
#define KTALLY_FD_LIFE_BPF_H

#include <bpf/bpf_tracing.h>

#include "fd_count.bpf.h"

/* A level that is not known leaves its process out, and so their residual unknown. */
static __always_inline void add_level(s64 *levels, u64 *count, s64 level)
{
	if (level == FD_LEVEL_UNKNOWN)
		return;
	__sync_fetch_and_add(levels, level);
	__sync_fetch_and_add(count, 1);
}

static __always_inline void untracked_fork(u8 watch, struct task_struct *child)
{
	struct fd_untracked *u = &fd_untracked[WATCH_SLOT(watch)];

	add_level(&u->levels_first, &u->first_cnt, fds_open_between(child, 0, ~0U));
}

static __always_inline void untracked_exit(u8 watch, struct task_struct *task)
{
	struct fd_untracked *u = &fd_untracked[WATCH_SLOT(watch)];

	if (own_table(task))
		add_level(&u->levels_exit, &u->exit_cnt, fds_open_between(task, 0, ~0U));
}

static __always_inline void fd_first_sight(struct task_struct *task)
{
	u64 id = process_id(task);
	struct fd_process fresh = { .level_exit = FD_LEVEL_UNKNOWN,
				    .start_high = FD_LEVEL_UNKNOWN,
				    .left_open = FD_LEVEL_UNKNOWN };
	struct fd_process *there;

	if (watched_as(task->tgid) != WATCH_MEMBER)
		return;
	fresh.level_first = fds_open_between(task, 0, ~0U);
	fresh.start_low = fds_low(task);
	if (fresh.level_first != FD_LEVEL_UNKNOWN)
		fresh.start_high = fresh.level_first - popcount64(fresh.start_low);
	if (fd_process_insert(id, &fresh))
		return;
	there = bpf_map_lookup_elem(&fd_processes, &id);
	if (!there) {
		__sync_fetch_and_add(&fd_lost, 1);
		return;
	}
	there->start_low = fresh.start_low;
	there->start_high = fresh.start_high;
	there->level_exit = there->left_open = FD_LEVEL_UNKNOWN;
}

/* A child starts with a copy of its parent's table. Attached after the program that marks it
 * watched, and where that one is. */
SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(fd_fork, struct task_struct *child)
{
	u8 watch = watched_as(child->tgid);

	if (child->pid != child->tgid)
		return 0;
	if (watch >= WATCH_UNTRACKED)
		untracked_fork(watch, child);
	else
		fd_first_sight(child);
	return 0;
}

/* A command that was held at its gate is watched from here on; for others a program begins. */
SEC("?tp_btf/sched_process_exec")
int BPF_PROG(fd_exec, struct task_struct *task)
{
	fd_first_sight(task);
	return 0;
}

/* Descriptors by number: a standard stream that was closed, or replaced, is no leak. Above the
 * first 64, of which a program rarely starts with any, only their count is compared. */
static __always_inline s32 left_open(const struct fd_process *p, u64 low)
{
	s64 left = popcount64(low & ~p->start_low);
	s64 high = p->level_exit - (s64)popcount64(low);

	return high > p->start_high ? left + high - p->start_high : left;
}

static __always_inline void fd_last_sight(struct task_struct *task, const struct table_users *users)
{
	struct fd_process *p = fd_process_get(process_id(task));

	if (!p)
		return;
	p->level_exit = fds_open_between(task, 0, ~0U);
	if (p->level_exit == FD_LEVEL_UNKNOWN || p->start_high == FD_LEVEL_UNKNOWN)
		return;
	p->left_open = is_used_elsewhere(users) ? 0 : left_open(p, fds_low(task));
}

/* do_exit() calls this before exit_files(): the table is still whole. Its process may go on without
 * it, with threads that have others. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(fd_exit, struct task_struct *task)
{
	u8 watch = watched_as(task->tgid);
	struct table_users users;

	if (watch == WATCH_NONE)
		return 0;
	users = table_users(task);
	note_left_table(task, users.here);
	if (watch == WATCH_MEMBER && may_be_last_user(&users) && own_table(task))
		fd_last_sight(task, &users);
	if (watch >= WATCH_UNTRACKED && !users.alive && is_last_untracked(task, process_id(task)))
		untracked_exit(watch, task);
	return 0;
}

#endif
