// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/*
 * Context switches, per thread while it lives, folded into its process at its last switch. The
 * counts are the kernel's own: __schedule() has incremented nvcsw or nivcsw before it calls the
 * tracepoint (5.10 to 7.2), so they are copied, not guessed from the task's state. Times are the
 * kernel's, too, which keeps how long each thread ran and how long it waited for a CPU; they are
 * fetched when somebody reads, so a switch costs one look into one map.
 */
#include "targets.bpf.h"

#include <bpf/bpf_tracing.h>

#include "read.bpf.h"
#include "sched_map.bpf.h"
#include "threads.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* As sched_processes, of those that are counted together. */
struct sched_process sched_untracked[UNTRACKED_MAX] = {};

__u64 sched_changes = 0; /* of sched_processes */
__u64 sched_lost = 0; /* switches of threads and ends of processes that found their map full */

/* Set by the reader around the first run of sched_now: what the ended threads of processes that had
 * started by then, in ns of CLOCK_MONOTONIC, had counted before is taken from the kernel. */
__u64 sched_prime = 0;

static __always_inline struct sched_thread *thread_new(u64 key, struct task_struct *task,
						       u64 process)
{
	struct sched_thread t = {};

	t.process = process;
	t.tid = task->pid;
	t.voluntary = task->nvcsw;
	t.involuntary = task->nivcsw;
	t.start_ns = task->start_time;
	bpf_map_update_elem(&sched_threads, &key, &t, BPF_NOEXIST);
	return bpf_map_lookup_elem(&sched_threads, &key);
}

static __always_inline struct sched_process *process_get(u64 id)
{
	struct sched_process zero = {};
	struct sched_process *p;

	if (IS_UNTRACKED(id))
		return &sched_untracked[UNTRACKED_SLOT(id)];
	p = bpf_map_lookup_elem(&sched_processes, &id);
	if (p)
		return p;
	bpf_map_update_elem(&sched_processes, &id, &zero, BPF_NOEXIST);
	p = bpf_map_lookup_elem(&sched_processes, &id);
	if (!p)
		__sync_fetch_and_add(&sched_lost, 1);
	return p;
}

/* A thread that executes becomes its process's first: it gets that one's TID and start time
 * (de_thread, fs/exec.c), and with it the life that the other has lived already. */
static __always_inline bool has_executed(const struct sched_thread *t, struct task_struct *task,
					 u8 watch)
{
	return task->pid == task->tgid && t->process == leader_counted_id(watch, task);
}

static __noinline void take_over(struct sched_thread *t, struct task_struct *task)
{
	struct sched_process *p = process_get(t->process);

	t->tid = task->pid;
	if (!p)
		return;
	__sync_fetch_and_add(&p->clocks.lifetime_ns, task->start_time - t->start_ns);
	__sync_fetch_and_add(&sched_changes, 1);
}

/* NULL also for another thread's, which is then taken away. */
static __always_inline struct sched_thread *thread_find(u64 key, struct task_struct *task, u8 watch)
{
	struct sched_thread *t = bpf_map_lookup_elem(&sched_threads, &key);

	if (!t || t->tid == task->pid)
		return t;
	if (has_executed(t, task, watch)) {
		take_over(t, task);
		return t;
	}
	bpf_map_delete_elem(&sched_threads, &key);
	return NULL;
}

/* The kernel sums a thread's counters into its process when it is released (__exit_signal(), which
 * takes its sighand). That is before its last switch, but for one whose parent or tracer has yet to
 * wait for it: what a released thread still switches is in nobody's count. */
static __always_inline bool is_released(struct task_struct *task)
{
	return task->flags & PF_EXITING && !BPF_CORE_READ(task, sighand);
}

/* A first thread is released by whoever waits for it, which may be between the count of its last
 * switch and this program. By then the others have been, and the kernel's sum is final. */
static __always_inline bool has_last_switch(struct task_struct *task, u8 watch,
					    const struct sched_process *p)
{
	if (watch != WATCH_MEMBER || task->pid != task->tgid || !p)
		return false;
	return BPF_CORE_READ(task, signal, nvcsw) - p->voluntary == task->nvcsw;
}

/* The last switch, out of a dead task. Of a released one its entry says what it had before; one
 * without an entry found the map full. */
static __always_inline void thread_fold(u64 key, struct task_struct *task, u8 watch)
{
	struct sched_process *p = process_get(counted_id(watch, task));
	struct sched_thread *t = thread_find(key, task, watch);
	bool released = is_released(task) && !has_last_switch(task, watch, p);
	u64 voluntary = task->nvcsw - released, involuntary = task->nivcsw;

	/* The verifier knows an instruction with one kind of pointer only: no load for both. */
	asm volatile("" ::: "memory");
	if (released && t) {
		voluntary = t->voluntary;
		involuntary = t->involuntary;
	}
	if (p) {
		__sync_fetch_and_add(&p->voluntary, voluntary);
		__sync_fetch_and_add(&p->involuntary, involuntary);
		__sync_fetch_and_add(&p->clocks.lifetime_ns, bpf_ktime_get_ns() - task->start_time);
		__sync_fetch_and_add(&p->clocks.runtime_ns, task->se.sum_exec_runtime);
		__sync_fetch_and_add(&p->clocks.run_delay_ns, task->sched_info.run_delay);
		__sync_fetch_and_add(&sched_changes, 1);
	}
	bpf_map_delete_elem(&sched_threads, &key);
	/* Last: whoever sees it finds what the thread left, and in one place only. */
	if (p) {
		__sync_fetch_and_add(&p->ended, 1);
		__sync_fetch_and_add(&sched_changes, 1);
	}
}

/* PID 0, the idle task, is never watched: its switches are nobody's. */
SEC("?tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev)
{
	struct sched_thread *t;
	u64 key = (u64)prev;
	u8 watch = watched_as(prev->tgid);

	if (watch == WATCH_NONE)
		return 0;
	if (!preempt && task_is_dead(prev)) {
		thread_fold(key, prev, watch);
		return 0;
	}
	if (is_released(prev))
		return 0;
	t = thread_find(key, prev, watch);
	if (!t)
		t = thread_new(key, prev, counted_id(watch, prev));
	if (!t) {
		__sync_fetch_and_add(&sched_lost, 1);
		return 0;
	}
	t->voluntary = prev->nvcsw;
	t->involuntary = prev->nivcsw;
	return 0;
}

static __always_inline u64 above(u64 x, u64 y)
{
	return x > y ? x - y : 0;
}

/* What the kernel has, and was not folded here since the programs were attached, is from before:
 * threads whose lifetimes nobody knows. */
static __always_inline void add_before(struct task_struct *leader)
{
	struct signal_struct *signal = leader->signal;
	struct sched_process *p = process_get(leader_process_id(leader));
	u64 runtime_ns;

	if (!p)
		return;
	runtime_ns = above(signal->sum_sched_runtime, p->clocks.runtime_ns);
	__sync_fetch_and_add(&p->voluntary, above(signal->nvcsw, p->voluntary));
	__sync_fetch_and_add(&p->involuntary, above(signal->nivcsw, p->involuntary));
	__sync_fetch_and_add(&p->clocks.lifetime_ns, runtime_ns);
	__sync_fetch_and_add(&p->clocks.runtime_ns, runtime_ns);
	__sync_fetch_and_add(&sched_changes, 1);
}

/* A thread that has not switched since it was born, or since ktally came, gets its entry here. If
 * it died meanwhile, its last switch found none to take away: it is taken away here. */
static __always_inline void thread_ensure(struct task_struct *task, u64 process, u8 watch)
{
	u64 key = (u64)task;

	if (thread_find(key, task, watch))
		return;
	thread_new(key, task, process);
	if (task_is_dead(task))
		bpf_map_delete_elem(&sched_threads, &key);
}

SEC("?iter/task")
int sched_now(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct sched_now_rec rec = {};
	u8 watch;

	if (!task)
		return 0;
	watch = watched_as(task->tgid);
	if (watch == WATCH_NONE)
		return 0;
	if (watch == WATCH_MEMBER && task->pid == task->tgid && task->start_time < sched_prime)
		add_before(task); /* a first thread that is dead, too */
	if (task_is_dead(task))
		return 0;
	rec.process = counted_id(watch, task);
	thread_ensure(task, rec.process, watch);
	rec.clocks.lifetime_ns = bpf_ktime_get_ns() - task->start_time;
	rec.clocks.runtime_ns = task->se.sum_exec_runtime;
	rec.clocks.run_delay_ns = task->sched_info.run_delay + task_waiting_ns(task);
	bpf_seq_write(seq, &rec, sizeof(rec));
	return 0;
}

MAP_READER_ONCE(sched_threads, struct sched_thread)
MAP_READER_ONCE(sched_processes, struct sched_process)
MAP_FINDER(sched_processes, struct sched_process)
