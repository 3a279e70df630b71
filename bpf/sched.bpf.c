// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/*
 * Context switches and where a thread's time went, per thread while it lives, folded into its
 * process at its last switch. The switch counts are the kernel's own: __schedule() has incremented
 * nvcsw or nivcsw before it calls the tracepoint (5.10 to 7.2), so they are copied, not guessed
 * from the task's state.
 */
#include "targets.bpf.h"

#include <bpf/bpf_tracing.h>

#include "read.bpf.h"
#include "sched.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct sched_thread);
} sched_threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct sched_process);
} sched_processes SEC(".maps");

__u64 sched_lost = 0; /* threads and processes that found their map full, and switches not seen */

static __always_inline struct sched_thread *thread_new(u64 key, struct task_struct *task, u32 state,
						       u64 now)
{
	struct sched_thread t = {};

	t.process = process_id(task);
	t.voluntary = task->nvcsw;
	t.involuntary = task->nivcsw;
	t.runtime_ns = task->se.sum_exec_runtime;
	t.since_ns = now;
	t.state = state;
	t.tid = task->pid;
	if (bpf_map_update_elem(&sched_threads, &key, &t, BPF_NOEXIST))
		__sync_fetch_and_add(&sched_lost, 1);
	return bpf_map_lookup_elem(&sched_threads, &key);
}

/* Ends the time spent in the present state. */
static __always_inline void thread_enter(struct sched_thread *t, u32 state, u64 now)
{
	u64 spent = now - t->since_ns;

	if (t->state == SCHED_ON_CPU)
		t->oncpu_ns += spent;
	else if (t->state == SCHED_RUNNABLE)
		t->runqueue_ns += spent;
	else
		t->blocked_ns += spent;
	t->state = state;
	t->since_ns = now;
}

/* How long it ran is the kernel's own account, brought up to date before the tracepoint. When its
 * switch in was not seen, the rest of the time is what it waited. */
static __always_inline void thread_leave_cpu(struct sched_thread *t, u64 runtime_ns, u64 now)
{
	u64 ran = runtime_ns - t->runtime_ns;
	u64 spent = now - t->since_ns;
	u64 waited = spent > ran ? spent - ran : 0;

	t->oncpu_ns += ran;
	if (t->state == SCHED_RUNNABLE)
		t->runqueue_ns += waited;
	else if (t->state == SCHED_BLOCKED)
		t->blocked_ns += waited;
	t->runtime_ns = runtime_ns;
	t->since_ns = now;
}

static __always_inline struct sched_process *process_get(u64 id)
{
	struct sched_process *p = bpf_map_lookup_elem(&sched_processes, &id);
	struct sched_process zero = {};

	if (p)
		return p;
	bpf_map_update_elem(&sched_processes, &id, &zero, BPF_NOEXIST);
	p = bpf_map_lookup_elem(&sched_processes, &id);
	if (!p)
		__sync_fetch_and_add(&sched_lost, 1);
	return p;
}

/* The last switch, out of a dead task. The kernel sums a thread's counters into its process when it
 * is released, before that switch, so the switch is in nobody's count, except a leader's, which is
 * released by its parent later. */
static __always_inline void thread_fold(u64 key, struct sched_thread *t, struct task_struct *task)
{
	struct sched_process *p = process_get(t->process);

	if (p) {
		bool leader = task->pid == task->tgid;

		__sync_fetch_and_add(&p->voluntary, task->nvcsw - !leader);
		__sync_fetch_and_add(&p->involuntary, task->nivcsw);
		__sync_fetch_and_add(&p->oncpu_ns, t->oncpu_ns);
		__sync_fetch_and_add(&p->runqueue_ns, t->runqueue_ns);
		__sync_fetch_and_add(&p->blocked_ns, t->blocked_ns);
	}
	bpf_map_delete_elem(&sched_threads, &key);
}

static __always_inline void switch_out(struct task_struct *prev, bool preempt, u64 now)
{
	u64 key = (u64)prev;
	unsigned int state = task_state(prev);
	struct sched_thread *t = bpf_map_lookup_elem(&sched_threads, &key);

	if (!t)
		t = thread_new(key, prev, SCHED_ON_CPU, now);
	if (!t)
		return;
	thread_leave_cpu(t, prev->se.sum_exec_runtime, now);
	t->state = preempt || !state ? SCHED_RUNNABLE : SCHED_BLOCKED;
	t->voluntary = prev->nvcsw;
	t->involuntary = prev->nivcsw;
	if (!preempt && state & TASK_DEAD)
		thread_fold(key, t, prev);
}

static __always_inline void runnable(struct task_struct *task, u64 now)
{
	u64 key = (u64)task;
	struct sched_thread *t = bpf_map_lookup_elem(&sched_threads, &key);

	if (!t)
		thread_new(key, task, SCHED_RUNNABLE, now);
	else if (t->state == SCHED_BLOCKED)
		thread_enter(t, SCHED_RUNNABLE, now);
}

static __always_inline void switch_in(struct task_struct *next, u64 now)
{
	u64 key = (u64)next;
	struct sched_thread *t = bpf_map_lookup_elem(&sched_threads, &key);

	if (!t) {
		thread_new(key, next, SCHED_ON_CPU, now);
	} else if (t->state == SCHED_ON_CPU) {
		t->since_ns = now; /* its switch out was missed: nobody knows where the time went */
		__sync_fetch_and_add(&sched_lost, 1);
	} else {
		thread_enter(t, SCHED_ON_CPU, now);
	}
}

/* PID 0, the idle task, is never watched: its switches are nobody's. */
SEC("?tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	bool out = is_watched(prev->tgid);
	bool in = is_watched(next->tgid);
	u64 now;

	if (!out && !in)
		return 0;
	now = bpf_ktime_get_ns();
	if (out)
		switch_out(prev, preempt, now);
	if (in)
		switch_in(next, now);
	return 0;
}

/* Also fires for a task that wakes itself before it has switched out: it is then still on its
 * CPU. */
SEC("?tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	if (is_watched(task->tgid))
		runnable(task, bpf_ktime_get_ns());
	return 0;
}

SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task)
{
	if (is_watched(task->tgid))
		runnable(task, bpf_ktime_get_ns());
	return 0;
}

static __always_inline u32 present_state(struct task_struct *task)
{
	if (task_state(task))
		return SCHED_BLOCKED;
	return bpf_core_field_exists(task->on_cpu) && !task->on_cpu ? SCHED_RUNNABLE : SCHED_ON_CPU;
}

/* Threads that lived before ktally: their state now, so that a thread which sleeps on counts as
 * blocked from the start, and what their process's ended threads had counted. Run when a process
 * joins. */
SEC("?iter/task")
int sched_prime(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct sched_process *p;
	u64 key = (u64)task, id;

	if (!task || !is_watched(task->tgid) || task_state(task) & TASK_DEAD)
		return 0;
	id = process_id(task);
	if (task->pid == task->tgid && !bpf_map_lookup_elem(&sched_processes, &id)) {
		p = process_get(id);
		if (p) {
			__sync_fetch_and_add(&p->voluntary, task->signal->nvcsw);
			__sync_fetch_and_add(&p->involuntary, task->signal->nivcsw);
		}
	}
	if (!bpf_map_lookup_elem(&sched_threads, &key))
		thread_new(key, task, present_state(task), bpf_ktime_get_ns());
	return 0;
}

MAP_READER_ONCE(sched_threads, struct sched_thread)
MAP_READER_ONCE(sched_processes, struct sched_process)
