/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What a process has counted so far, taken down when its groups change: until then it was one
 * target's, from then on it is another's. */
#ifndef KTALLY_MOVES_BPF_H
#define KTALLY_MOVES_BPF_H

#include "fd_map.bpf.h"
#include "sched_map.bpf.h"
#include "targets.bpf.h"

#define MOVE_THREADS_BLOCK 32

__u64 moves_made = 0;

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

/* Adds a thread, by its node in the list of its process's; returns the next one. Of one that has
 * had its last switch the sched instrument has the clocks. A global function, so that the verifier
 * walks it once, and not for each turn of the loop. */
__noinline u64 move_add_thread(u64 process, u64 number, u64 node)
{
	u64 address = node - bpf_core_field_offset(struct task_struct, thread_node);
	struct task_struct *task = (struct task_struct *)address;
	struct move_key key = { .process = process, .number = number };
	struct move *mv = bpf_map_lookup_elem(&moves, &key);

	if (!mv)
		return 0;
	mv->base.utime_ns += BPF_CORE_READ(task, utime);
	mv->base.stime_ns += BPF_CORE_READ(task, stime);
	mv->base.runtime_ns += BPF_CORE_READ(task, se.sum_exec_runtime);
	mv->base.voluntary += BPF_CORE_READ(task, nvcsw);
	mv->base.involuntary += BPF_CORE_READ(task, nivcsw);
	if (!(task_state(task) & TASK_DEAD)) {
		mv->lifetime_ns += bpf_ktime_get_ns() - BPF_CORE_READ(task, start_time);
		if (bpf_core_field_exists(task->sched_info.run_delay))
			mv->run_delay_ns += BPF_CORE_READ(task, sched_info.run_delay);
	}
	return (u64)BPF_CORE_READ(task, thread_node.next);
}

/* A block of them; returns the node that was reached. */
__noinline u64 move_add_block(u64 process, u64 number, u64 node, u64 head)
{
	u32 i;

	for (i = 0; i < MOVE_THREADS_BLOCK && node && node != head; i++)
		node = move_add_thread(process, number, node);
	return node;
}

/* Were they all? The list is the kernel's under RCU, which a program on a tracepoint is run
 * under. */
static __always_inline bool add_threads(const struct move_key *key, struct signal_struct *signal)
{
	u64 head = (u64)signal + bpf_core_field_offset(signal->thread_head);
	u64 node = (u64)BPF_CORE_READ(signal, thread_head.next);
	u32 i;

	for (i = 0; i < MOVE_THREADS_MAX / MOVE_THREADS_BLOCK && node && node != head; i++)
		node = move_add_block(key->process, key->number, node, head);
	return node == head;
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

/* False: there is no room. A global function, so that the verifier walks its loop once. */
__noinline int move_put_signal(u64 signal_at, u64 id, u64 groups, u64 number)
{
	struct signal_struct *signal = (struct signal_struct *)signal_at;
	struct move_key key = { .process = id, .number = number };
	struct move fresh = { .groups = groups }, *mv;
	bool all;

	if (bpf_map_update_elem(&moves, &key, &fresh, BPF_ANY))
		return false;
	all = add_threads(&key, signal);
	mv = bpf_map_lookup_elem(&moves, &key);
	if (!mv)
		return false;
	mv->known = all;
	add_ended_threads(mv, id, signal);
	add_descriptors(mv, id);
	__sync_fetch_and_add(&moves_made, 1);
	return true;
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

/* There was no room for it among the members. */
static __always_inline void past_take_back(u64 id)
{
	struct move_key first = { .process = id };

	bpf_map_delete_elem(&moves, &first);
	bpf_map_delete_elem(&sched_processes, &id);
}

/* By a helper, which makes a number of the pointer: such functions take no other. */
static __always_inline bool move_put(struct task_struct *leader, u64 groups, u64 number)
{
	u64 signal = (u64)BPF_CORE_READ(leader, signal);

	return move_put_signal(signal, leader_process_id(leader), groups, number);
}

#endif
