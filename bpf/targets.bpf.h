/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* Is this task watched: one byte load, so that a task that is not watched costs next to nothing.
 * The maps are made once, by targets.bpf.c's object, and handed to every instrument's. */
#ifndef KTALLY_TARGETS_BPF_H
#define KTALLY_TARGETS_BPF_H

#include "compat.bpf.h"
#include "targets.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(u32));
	__uint(value_size, WATCHED_MIN_BYTES);
} watched SEC(".maps");

/* Of untracked processes that have ended, by process id: the thread that was taken for the last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, u64);
	__type(value, u64);
} last_threads SEC(".maps");

/* Size of the table less one; set before load, so that the verifier knows the bound. */
const volatile __u32 watched_mask = WATCHED_MIN_BYTES - 1;

/* A fault for tests: one event in so many is lost, and must show up as lost. 0: none. */
const volatile __u32 simulate_loss = 0;
__u32 simulated = 0;

static __always_inline bool lose_this_one(__u64 *lost)
{
	if (!simulate_loss || ++simulated % simulate_loss)
		return false;
	__sync_fetch_and_add(lost, 1);
	return true;
}

static __always_inline u8 *watched_byte(u32 tgid)
{
	u32 zero = 0;
	u8 *table = bpf_map_lookup_elem(&watched, &zero);

	return table ? table + (tgid & watched_mask) : NULL;
}

/* enum watch */
static __always_inline u8 watched_as(u32 tgid)
{
	u8 *byte = watched_byte(tgid);

	return byte ? *byte : WATCH_NONE;
}

static __always_inline bool is_watched(u32 tgid)
{
	return watched_as(tgid) != WATCH_NONE;
}

/* Threads that end at the same moment may all find that none is alive, since signal->live falls
 * long before sched_process_exit (do_exit(), kernel/exit.c). One of them is the last for all
 * programs: what ends untracked is added up, and must not be twice. A member's end may be told
 * again. */
static __always_inline bool is_last_untracked(struct task_struct *task, u64 process)
{
	u64 *last, thread = (u64)task;

	bpf_map_update_elem(&last_threads, &process, &thread, BPF_NOEXIST);
	last = bpf_map_lookup_elem(&last_threads, &process);
	return !last || *last == thread;
}

/* For BTF pointers (tp_btf arguments, iterators) to a process's first thread. */
static __always_inline u64 leader_process_id(struct task_struct *leader)
{
	return PROCESS_ID(leader->tgid, leader->start_boottime / USER_HZ_NS);
}

/*
 * To any thread. By helpers: for a pointer that is read from a program's argument itself, such as
 * task->group_leader, the verifier searches all of the kernel's types by name, some times over
 * (btf_nested_type_is_trusted, kernel/bpf/btf.c, since 6.3): a millisecond for each at load, and
 * again on each path that leads there. Programs that run often take such pointers once, first.
 */
static __always_inline u64 process_id(struct task_struct *task)
{
	u64 start = BPF_CORE_READ(task, group_leader, start_boottime);

	return PROCESS_ID(task->tgid, start / USER_HZ_NS);
}

/* thread: as bpf_get_current_pid_tgid tells. */
static __always_inline bool leads(u64 thread)
{
	return thread >> 32 == (u32)thread;
}

/* Of the current task, which is this thread. */
static __always_inline u64 current_process_id(u64 thread)
{
	struct task_struct *task;
	u64 start;

	if (leads(thread)) {
		start = CURRENT(start_boottime);
	} else {
		task = (void *)bpf_get_current_task();
		start = BPF_CORE_READ(task, group_leader, start_boottime);
	}
	return PROCESS_ID(thread >> 32, start / USER_HZ_NS);
}

/* The ids under which a watched task is counted. */
static __always_inline u64 leader_counted_id(u8 watch, struct task_struct *leader)
{
	return watch < WATCH_UNTRACKED ? leader_process_id(leader) : UNTRACKED_ID(watch);
}

static __always_inline u64 counted_id(u8 watch, struct task_struct *task)
{
	return watch < WATCH_UNTRACKED ? process_id(task) : UNTRACKED_ID(watch);
}

static __always_inline u64 current_counted_id(u8 watch, u64 thread)
{
	return watch < WATCH_UNTRACKED ? current_process_id(thread) : UNTRACKED_ID(watch);
}

#endif
