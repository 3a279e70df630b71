// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/*
 * Who is watched, decided in the kernel at the moment a process is born, executes, is renamed,
 * changes its cgroup or ends, so that no race with user space can miss one. Counts nothing.
 */
#include "targets.bpf.h"

#include <bpf/bpf_tracing.h>

#include "glob.h"
#include "moves.bpf.h"
#include "read.bpf.h"
#include "threads.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Which groups a slot of `untracked` is for: whoever comes first. A map, since 5.10 has no other
 * operation that tests and sets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UNTRACKED_MAX);
	__type(key, u32);
	__type(value, u64);
} untracked_groups SEC(".maps");

const volatile __u64 tree_groups = 0;	/* inherited by children */
const volatile __u64 all_group = 0;	/* 0 or one bit: everything but kernel threads */
const volatile pid_t gate_tgid = 0;	/* command held at its gate: watched from its exec */
const volatile __u64 gate_group = 0;
const volatile __u32 cgroup_cnt = 0;
const volatile struct cgroup_group cgroups[GROUPS_MAX] = {};
const volatile __u64 cgroup_groups = 0;	/* all bits of cgroups[] */
const volatile __u64 comm_groups = 0;	/* all bits of globs.group[] */
const volatile struct comm_globs globs = {};

struct untracked untracked[UNTRACKED_MAX] = {};
__u32 gate_opened = 0; /* the command has begun */
__u64 members_lost = 0; /* events that could not be followed */
__u64 members_changes = 0; /* of the map: while it stands still user space need not read it */

/* First, since some kernels refuse it and all is loaded again without it. */
MAP_READER(members, struct member)

/* After the change: whoever sees the new number sees the change too. */
static __always_inline void members_changed(void)
{
	__sync_fetch_and_add(&members_changes, 1);
}

static __always_inline u64 groups_by_comm(const char *comm)
{
	u64 accepted, groups = 0;
	int i;

	if (!comm_groups)
		return 0;
	accepted = glob_run(&globs, comm);
	if (!accepted)
		return 0;
	for (i = 0; i < 64; i++)
		if (accepted & (1ULL << i))
			groups |= globs.group[i];
	return groups;
}

static __always_inline u64 groups_of_cgroup_id(u64 id)
{
	u64 groups = 0;
	u32 i;

	for (i = 0; i < GROUPS_MAX; i++) {
		if (i >= cgroup_cnt)
			break;
		if (cgroups[i].id == id)
			groups |= cgroups[i].group;
	}
	return groups;
}

/* A global function, so that the verifier walks its loops once, and knows nothing of the result. */
__noinline u64 groups_by_cgroup_at(u64 cgroup_at)
{
	struct cgroup *cgrp = (struct cgroup *)cgroup_at;
	struct cgroup_ancestry ancestry;
	u64 groups = 0;
	int level, i;

	level = BPF_CORE_READ(cgrp, level);
	ancestry = cgroup_ancestry(cgrp);
	for (i = 0; i < CGROUP_DEPTH_MAX; i++) {
		if (i > level)
			break;
		groups |= groups_of_cgroup_id(cgroup_ancestor_id(&ancestry, i));
	}
	return groups;
}

static __always_inline u64 groups_by_cgroup(struct task_struct *task)
{
	return cgroup_cnt ? groups_by_cgroup_at((u64)BPF_CORE_READ(task, cgroups, dfl_cgrp)) : 0;
}

/* The slot of these groups; UNTRACKED_MAX: there is none left. A global function, so that the
 * verifier walks its loop once. */
__noinline u32 untracked_slot(u64 groups)
{
	u64 *there;
	u32 i;

	for (i = 0; i < UNTRACKED_MAX; i++) {
		u32 key = i;

		if (untracked[i].groups == groups)
			return i;
		if (untracked[i].groups)
			continue;
		bpf_map_update_elem(&untracked_groups, &key, &groups, BPF_NOEXIST);
		there = bpf_map_lookup_elem(&untracked_groups, &key);
		if (there && *there == groups) {
			untracked[i].groups = groups;
			return i;
		}
	}
	return UNTRACKED_MAX;
}

/* Of one that is not new: what it had used before is taken off again. Its ended threads are in some
 * of the counts and not in others. */
static __always_inline void untracked_add_base(struct untracked *u, u64 id,
					       struct task_struct *leader)
{
	struct move_key key = { .process = id };
	struct move *in = bpf_map_lookup_elem(&moves, &key);

	if (!in || !in->known || leader->signal->sum_sched_runtime) {
		__sync_fetch_and_add(&u->unknown, 1);
		return;
	}
	__sync_fetch_and_add(&u->base.utime_ns, in->base.utime_ns);
	__sync_fetch_and_add(&u->base.stime_ns, in->base.stime_ns);
	__sync_fetch_and_add(&u->base.runtime_ns, in->base.runtime_ns);
	__sync_fetch_and_add(&u->base.voluntary, in->base.voluntary);
	__sync_fetch_and_add(&u->base.involuntary, in->base.involuntary);
	__sync_fetch_and_add(&u->lifetime_ns, in->lifetime_ns);
	__sync_fetch_and_add(&u->run_delay_ns, in->run_delay_ns);
}

/* There is no room for it: its new byte. */
static __always_inline u8 watch_untracked(u64 groups, u64 id, struct task_struct *leader,
					  bool has_past)
{
	u32 slot = untracked_slot(groups);
	struct untracked *u;

	if (slot >= UNTRACKED_MAX) {
		__sync_fetch_and_add(&members_lost, 1);
		return WATCH_NONE;
	}
	u = &untracked[slot];
	if (has_past)
		untracked_add_base(u, id, leader);
	__sync_fetch_and_add(&u->born, 1);
	return WATCH_UNTRACKED + slot;
}

/* What it did before it came in is its first move: unless it is new. */
static __always_inline void watch(struct task_struct *leader, u64 groups, u32 flags, u32 ppid)
{
	u8 as = WATCH_MEMBER;
	struct member m = {};
	u64 id = leader_process_id(leader);
	u8 *byte = watched_byte(leader->tgid);
	bool has_past = !(flags & MEMBER_NEW);

	m.groups = groups;
	m.groups_first = flags & MEMBER_BORN ? groups : 0;
	m.flags = flags;
	m.ppid = ppid;
	m.threads = 1;
	m.moves = has_past;
	bpf_probe_read_kernel_str(m.comm, sizeof(m.comm), leader->comm);
	if (has_past)
		ended_put(leader, id);
	if (has_past && !move_put(leader, groups, 0))
		__sync_fetch_and_add(&members_lost, 1);
	if (bpf_map_update_elem(&members, &id, &m, BPF_ANY)) {
		as = watch_untracked(groups, id, leader, has_past);
		if (has_past)
			past_take_back(id);
	}
	if (byte)
		*byte = as;
	members_changed();
}

static __always_inline struct member *member_of(struct task_struct *leader)
{
	u64 id = leader_process_id(leader);

	return watched_as(leader->tgid) == WATCH_MEMBER ? bpf_map_lookup_elem(&members, &id) : NULL;
}

static __always_inline u64 groups_of_untracked(u8 watch)
{
	return untracked[WATCH_SLOT(watch)].groups;
}

static __always_inline u64 groups_of(u8 watch, u64 id)
{
	struct member *m;

	if (watch == WATCH_NONE)
		return 0;
	if (watch >= WATCH_UNTRACKED)
		return groups_of_untracked(watch);
	m = bpf_map_lookup_elem(&members, &id);
	return m ? m->groups : 0;
}

static __always_inline u64 groups_of_current(void)
{
	u64 thread = bpf_get_current_pid_tgid();
	u8 watch = watched_as(thread >> 32);

	return watch == WATCH_NONE ? 0 : groups_of(watch, current_process_id(thread));
}

static __always_inline u64 groups_of_parent(struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent, group_leader);
	u64 start = BPF_CORE_READ(parent, start_boottime);
	u32 tgid = BPF_CORE_READ(parent, tgid);

	return groups_of(watched_as(tgid), PROCESS_ID(tgid, start / USER_HZ_NS));
}

/* The command, before its exec: nothing that it is or does counts yet. */
static __always_inline bool is_at_gate(struct task_struct *leader)
{
	return gate_tgid && leader->tgid == gate_tgid && !gate_opened;
}

static __always_inline u32 parent_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, real_parent, tgid);
}

/* What it does from now on counts for other targets. The move first: whoever sees the number finds
 * it. */
static __always_inline void move(struct task_struct *leader, struct member *m, u64 groups)
{
	if (m->moves - m->moves_taken >= MOVES_OF_ONE_MAX ||
	    !move_put(leader, groups, m->moves))
		__sync_fetch_and_add(&members_lost, 1);
	m->groups = groups;
	__sync_fetch_and_add(&m->moves, 1);
	members_changed();
}

/* Of the groups in mask it is in these, as of now. Who lived before and now matches joins, with a
 * history that ktally did not see; one that is untracked stays where it is counted. */
static __always_inline void regroup(struct task_struct *leader, u64 mask, u64 groups)
{
	u8 as = watched_as(leader->tgid);
	struct member *m = member_of(leader);

	if (is_at_gate(leader))
		return;
	if (as >= WATCH_UNTRACKED) {
		if (groups != (groups_of_untracked(as) & mask))
			__sync_fetch_and_add(&members_lost, 1);
	} else if (m) {
		groups |= m->groups & ~mask;
		if (groups != m->groups)
			move(leader, m, groups);
	} else if (groups) {
		watch(leader, groups, 0, parent_of(leader));
	}
}

/* By a thread of the same process, so that all are counted once it has ended. */
static __always_inline void count_thread(struct task_struct *thread)
{
	struct member *m;
	u64 id;

	if (watched_as(thread->tgid) != WATCH_MEMBER)
		return;
	id = process_id(thread);
	m = bpf_map_lookup_elem(&members, &id);
	if (m)
		__sync_fetch_and_add(&m->threads, 1);
}

/* Runs in the parent, before the child runs for the first time, as sched_process_fork does. That
 * one can be missed on 7.x, where a program on a tracepoint can be preempted and is skipped
 * meanwhile; this one is under the run queue's lock, with interrupts off. */
SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(targets_fork, struct task_struct *child)
{
	u32 parent = bpf_get_current_pid_tgid() >> 32;
	u64 groups;
	u8 *byte;

	if (child->flags & PF_KTHREAD)
		return 0;
	if (child->pid != child->tgid) {
		count_thread(child);
		return 0;
	}
	groups = all_group | (groups_of_current() & tree_groups) | groups_by_cgroup(child) |
		 groups_by_comm(child->comm);
	if (groups) {
		watch(child, groups, MEMBER_BORN | MEMBER_NEW, parent);
		return 0;
	}
	byte = watched_byte(child->tgid);
	if (byte && *byte)
		*byte = 0; /* left behind by a dead process of this PID */
	return 0;
}

/* Whichever thread called execve, it is the first one by now (de_thread, fs/exec.c). */
SEC("?tp_btf/sched_process_exec")
int BPF_PROG(targets_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct member *m;
	u64 groups;

	if (is_at_gate(task)) {
		gate_opened = 1;
		groups = gate_group | all_group | (groups_of_parent(task) & tree_groups) |
			 groups_by_cgroup(task) | groups_by_comm(task->comm);
		watch(task, groups, MEMBER_BORN, parent_of(task));
	}
	m = member_of(task);
	if (!m)
		return 0;
	m->execs++;
	bpf_probe_read_kernel_str(m->comm, sizeof(m->comm), task->comm);
	members_changed();
	return 0;
}

/* exec and prctl(PR_SET_NAME) both end here. A process goes by its leader's name. */
SEC("?tp_btf/task_rename")
int BPF_PROG(targets_rename, struct task_struct *task, const char *comm)
{
	char name[COMM_LEN] = {};
	struct member *m;

	if (task->pid != task->tgid || task->flags & PF_KTHREAD)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), comm);
	if (comm_groups)
		regroup(task, comm_groups, groups_by_comm(name));
	m = member_of(task); /* who has joined has its old name */
	if (m) {
		__builtin_memcpy(m->comm, name, sizeof(name));
		members_changed();
	}
	return 0;
}

/* Attached to nothing, run by user space with a process and how many moves of it were read: 1 if it
 * is in no group. Then it is watched no more, and what was counted of it is gone: in one step with
 * the look, since it may come back, and then begins anew. */
SEC("?raw_tp")
int targets_leave(u64 *args)
{
	u64 id = args[0];
	struct member *m = bpf_map_lookup_elem(&members, &id);
	u8 *byte = watched_byte(PROCESS_ID_PID(id));

	if (!m || !byte || m->groups || m->moves != args[1] || m->flags & MEMBER_EXITED)
		return 0;
	*byte = WATCH_NONE;
	bpf_map_delete_elem(&sched_processes, &id);
	bpf_map_delete_elem(&fd_processes, &id);
	bpf_map_delete_elem(&members, &id);
	members_changed();
	return 1;
}

/* As a number, which is what global functions take. */
static __always_inline u64 address_of(void *pointer)
{
	u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

/* Fires for every hierarchy; the task's own v2 cgroup, after the move, says what counts. A first
 * thread that has ended stays behind when the others go (cgroup_migrate_add_task). */
SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(targets_attach, struct cgroup *dst, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	struct task_struct *leader = task->group_leader;

	if (leader->flags & PF_KTHREAD)
		return 0;
	if (!(leader->flags & PF_EXITING))
		regroup(leader, cgroup_groups, groups_by_cgroup(leader));
	else if (!BPF_CORE_READ(dst, root, hierarchy_id)) /* v2's, and no other's, is 0 */
		regroup(leader, cgroup_groups, groups_by_cgroup_at(address_of(dst)));
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(targets_exit, struct task_struct *task)
{
	u8 as = watched_as(task->tgid);
	u64 id = process_id(task);
	struct signal_struct *signal;
	struct member *m;

	if (as == WATCH_NONE || BPF_CORE_READ(task, signal, live.counter))
		return 0;
	if (as >= WATCH_UNTRACKED) {
		if (is_last_untracked(task, id))
			__sync_fetch_and_add(&untracked[WATCH_SLOT(as)].ended, 1);
		return 0;
	}
	m = bpf_map_lookup_elem(&members, &id);
	if (!m || lose_this_one(&members_lost))
		return 0;
	signal = task->signal;
	m->exit_status = signal->flags & SIGNAL_GROUP_EXIT ?
				 signal->group_exit_code :
				 BPF_CORE_READ(task, group_leader, exit_code);
	m->flags |= MEMBER_EXITED;
	members_changed();
	return 0;
}
