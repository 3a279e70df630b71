/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What a process has counted so far, taken down when its groups change: until then it was one
 * target's, from then on it is another's. */
#ifndef KTALLY_MOVES_BPF_H
#define KTALLY_MOVES_BPF_H

#include "fd_map.bpf.h"
#include "sched_map.bpf.h"
#include "targets.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct member);
} members SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOVES_MIN);
	__type(key, struct move_key);
	__type(value, struct move);
} moves SEC(".maps");

/* task: by its address, as a walk over a list finds it. Of one that has had its last switch the
 * sched instrument has the clocks. */
static __always_inline void add_thread(struct move *mv, struct task_struct *task, u64 now_ns)
{
	mv->base.utime_ns += BPF_CORE_READ(task, utime);
	mv->base.stime_ns += BPF_CORE_READ(task, stime);
	mv->base.runtime_ns += BPF_CORE_READ(task, se.sum_exec_runtime);
	mv->base.voluntary += BPF_CORE_READ(task, nvcsw);
	mv->base.involuntary += BPF_CORE_READ(task, nivcsw);
	if (task_state(task) & TASK_DEAD)
		return;
	mv->lifetime_ns += now_ns - BPF_CORE_READ(task, start_time);
	if (bpf_core_field_exists(task->sched_info.run_delay))
		mv->run_delay_ns += BPF_CORE_READ(task, sched_info.run_delay);
}

/* The list is the kernel's under RCU, which a program on a tracepoint is run under. */
static __always_inline void add_threads(struct move *mv, struct signal_struct *signal)
{
	void *head = (void *)signal + bpf_core_field_offset(signal->thread_head);
	void *node = BPF_CORE_READ(signal, thread_head.next);
	u64 now_ns = bpf_ktime_get_ns();
	struct task_struct *task;
	u32 i;

	for (i = 0; i < MOVE_THREADS_MAX && node != head; i++) {
		task = node - bpf_core_field_offset(struct task_struct, thread_node);
		add_thread(mv, task, now_ns);
		node = BPF_CORE_READ(task, thread_node.next);
	}
	mv->known = node == head;
}

/* Those that ended before it was watched are in the kernel's sum alone: as add_before() has them,
 * in sched.bpf.c. */
static __always_inline void add_ended_threads(struct move *mv, u64 id, struct signal_struct *signal)
{
	struct sched_process *ended = bpf_map_lookup_elem(&sched_processes, &id);
	u64 runtime_ns = BPF_CORE_READ(signal, sum_sched_runtime);

	mv->base.utime_ns += BPF_CORE_READ(signal, utime);
	mv->base.stime_ns += BPF_CORE_READ(signal, stime);
	mv->base.runtime_ns += runtime_ns;
	mv->base.voluntary += BPF_CORE_READ(signal, nvcsw);
	mv->base.involuntary += BPF_CORE_READ(signal, nivcsw);
	mv->lifetime_ns += ended ? ended->clocks.lifetime_ns : runtime_ns;
	mv->run_delay_ns += ended ? ended->clocks.run_delay_ns : 0;
}

static __always_inline void add_descriptors(struct move *mv, u64 id)
{
	struct fd_process *p = bpf_map_lookup_elem(&fd_processes, &id);
	u32 i;

	if (!p)
		return;
	mv->fd_opens = p->opens;
	mv->fd_closes = p->closes;
	mv->fd_other_table = p->other_table;
	for (i = 0; i < FD_ERROR_CNT; i++)
		mv->fd_errors[i] = p->errors[i];
}

/* Not 0: there is no room. A global function, so that the verifier walks its loop once. */
__noinline int move_put_signal(u64 signal_at, u64 id, u64 groups, u64 number)
{
	struct signal_struct *signal = (struct signal_struct *)signal_at;
	struct move_key key = { .process = id, .number = number };
	struct move mv = { .groups = groups };

	add_ended_threads(&mv, id, signal);
	add_threads(&mv, signal);
	add_descriptors(&mv, id);
	return bpf_map_update_elem(&moves, &key, &mv, BPF_ANY);
}

static __always_inline void move_take_back(u64 id, u64 number)
{
	struct move_key key = { .process = id, .number = number };

	bpf_map_delete_elem(&moves, &key);
}

struct move taken_move = {}; /* for the reader, which is one */

/* Attached to nothing, run by user space with a process and a number: 1 if there is such a move. */
SEC("?raw_tp")
int targets_take_move(u64 *args)
{
	struct move_key key = { .process = args[0], .number = args[1] };
	struct member *m = bpf_map_lookup_elem(&members, &key.process);
	struct move *there = bpf_map_lookup_elem(&moves, &key);

	if (m)
		m->moves_taken = args[1] + 1;
	if (!there)
		return 0;
	taken_move = *there;
	bpf_map_delete_elem(&moves, &key);
	return 1;
}

/* Of one that joins: what its ended threads had counted before, whose lifetimes nobody knows.
 * Before it is watched, since then the sched instrument adds to it. */
static __always_inline void ended_put(struct task_struct *leader, u64 id)
{
	struct signal_struct *signal = leader->signal;
	struct sched_process before = {};

	before.voluntary = signal->nvcsw;
	before.involuntary = signal->nivcsw;
	before.clocks.lifetime_ns = before.clocks.runtime_ns = signal->sum_sched_runtime;
	if (before.clocks.runtime_ns)
		bpf_map_update_elem(&sched_processes, &id, &before, BPF_NOEXIST);
}

/* By a helper, which makes a number of the pointer: such functions take no other. */
static __always_inline int move_put(struct task_struct *leader, u64 groups, u64 number)
{
	u64 signal = (u64)BPF_CORE_READ(leader, signal);

	return move_put_signal(signal, leader_process_id(leader), groups, number);
}

#endif
