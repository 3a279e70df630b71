/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* Whose a descriptor table is. A process's own is its first thread's; another thread may have one
 * for itself (unshare(CLONE_FILES)), and other processes may share it (clone(CLONE_FILES) without
 * CLONE_THREAD). */
#ifndef KTALLY_TABLES_BPF_H
#define KTALLY_TABLES_BPF_H

#include "targets.bpf.h"

/* Of processes whose first thread has ended, by process id: the table it left to the others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, u64);
	__type(value, u64);
} left_tables SEC(".maps");

/* At sched_process_exit, where a task still has its table; threads: of its process. */
static __always_inline void note_left_table(struct task_struct *task, s64 threads)
{
	u64 process, table;

	if (task->pid != task->tgid || threads == 1)
		return;
	process = process_id(task);
	table = (u64)BPF_CORE_READ(task, files);
	bpf_map_update_elem(&left_tables, &process, &table, BPF_ANY);
}

/* Apart: for what happens in a process whose first thread has ended, and to no other. */
static __noinline u64 left_table(void)
{
	u64 process = current_process_id(bpf_get_current_pid_tgid());
	u64 *table = bpf_map_lookup_elem(&left_tables, &process);

	return table ? *table : 0;
}

/* Is the current task's table its process's? Opens and closes in another are nothing to that. Where
 * the first thread ended unseen, the others are taken to share what was its. */
static __always_inline bool own_table(struct task_struct *task)
{
	u64 table;

	if (leads(bpf_get_current_pid_tgid()))
		return true;
	table = (u64)BPF_CORE_READ(task, group_leader, files);
	if (!table)
		table = left_table();
	return !table || table == (u64)BPF_CORE_READ(task, files);
}

/* Who has the table of a thread that ends. The kernel counts a thread until it is released, which
 * comes after it has let go of its table (do_exit(), kernel/exit.c), and a first thread that ended
 * until the process has. */
struct table_users {
	s64 all;   /* of whatever process */
	s64 here;  /* threads of this process that may have it */
	s64 alive; /* threads of this process that have not begun to end */
};

/* In this order: a thread that lets go of it meanwhile is in `here`, and not in `all`. */
static __always_inline struct table_users table_users(struct task_struct *task)
{
	struct table_users u;

	u.here = BPF_CORE_READ(task, signal, nr_threads);
	if (task->pid != task->tgid && !BPF_CORE_READ(task, group_leader, files))
		u.here--;
	u.all = BPF_CORE_READ(task, files, count.counter);
	u.alive = BPF_CORE_READ(task, signal, live.counter);
	return u;
}

/* May this be the last thread of its process to have it? Of several that end at once each may. */
static __always_inline bool may_be_last_user(const struct table_users *u)
{
	return !u->alive || u->all <= u->here - u->alive;
}

/* Before 5.11 who lists /proc/PID/fd has it, too, for as long (proc_readfd_common). */
static __always_inline bool is_used_elsewhere(const struct table_users *u)
{
	return u->all > u->here;
}

#endif
