// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/*
 * What the kernel itself knows of the watched processes, read in one pass over all tasks: nothing
 * is counted here and nothing runs between two reads, except once when a process ends.
 */
#include "targets.bpf.h"

#include <bpf/bpf_tracing.h>

#include "read.bpf.h"
#include "task.h"

#define FILES_MAX \
	512 /* descriptors whose kind is looked up here; larger tables are listed from /proc */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct task_exit);
} task_exits SEC(".maps");

__u64 task_lost = 0; /* ended processes that found the map full */

static __always_inline void account_add_thread(struct task_account *a, struct task_struct *task)
{
	a->utime_ns += task->utime;
	a->stime_ns += task->stime;
	a->runtime_ns += task->se.sum_exec_runtime;
	a->voluntary += task->nvcsw;
	a->involuntary += task->nivcsw;
}

static __always_inline void account_add_ended(struct task_account *a, struct signal_struct *signal)
{
	a->utime_ns += signal->utime;
	a->stime_ns += signal->stime;
	a->runtime_ns += signal->sum_sched_runtime;
	a->voluntary += signal->nvcsw;
	a->involuntary += signal->nivcsw;
}

static __always_inline s64 rss_bytes(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;

	if (!mm)
		return TASK_UNKNOWN;
	return (mm_pages(mm, MM_FILEPAGES) + mm_pages(mm, MM_ANONPAGES) +
		mm_pages(mm, MM_SHMEMPAGES))
	       << PAGE_SHIFT;
}

static __always_inline bool is_regular(struct file **slot)
{
	struct file *file = NULL;

	bpf_probe_read_kernel(&file, sizeof(file), slot);
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFREG;
}

/* Of the 64 descriptors whose bits these are. */
static __always_inline s64 regular_in_word(struct file **fds, u64 word)
{
	s64 regular = 0;
	u32 i;

	for (i = 0; i < 64; i++) {
		if (!word)
			break;
		regular += is_regular(fds + popcount64((word & -word) - 1));
		word &= word - 1;
	}
	return regular;
}

static __always_inline s64 regular_files(struct task_struct *task)
{
	struct fdtable *fdt = task->files->fdt;
	struct file **fds = fdt->fd;
	unsigned long *bits = fdt->open_fds;
	u32 i, max_fds = fdt->max_fds;
	s64 regular = 0;

	if (!fds || max_fds > FILES_MAX)
		return TASK_UNKNOWN;
	for (i = 0; i < FILES_MAX / 64; i++) {
		if (i * 64 >= max_fds)
			break;
		regular += regular_in_word(fds + i * 64, fds_word(bits, i));
	}
	return regular;
}

/* May sum_exec_runtime be behind? The kernel brings it up to date when a task leaves its CPU. */
static __always_inline bool may_run(struct task_struct *task)
{
	return bpf_core_field_exists(task->on_cpu) ? task->on_cpu : !task_state(task);
}

static __always_inline void write_leader(struct seq_file *seq, struct task_struct *task)
{
	struct task_leader_rec rec = {};

	account_add_ended(&rec.ended, task->signal);
	rec.rss_bytes = rss_bytes(task);
	rec.fds = fds_open_between(task, 0, ~0U);
	rec.regular_files = regular_files(task);
	rec.fds_limit = task->signal->rlim[RLIMIT_NOFILE].rlim_cur;
	rec.threads = task->signal->nr_threads;
	bpf_seq_write(seq, &rec, sizeof(rec));
}

SEC("?iter/task")
int task_read(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_thread_rec rec = {};
	bool leader;

	if (!task || !is_watched(task->tgid))
		return 0;
	leader = task->pid == task->tgid;
	rec.process = process_id(task);
	rec.kind = leader ? TASK_REC_LEADER : TASK_REC_THREAD;
	rec.may_run = may_run(task); /* before its account, which then has what it runs next */
	account_add_thread(&rec.account, task);
	bpf_seq_write(ctx->meta->seq, &rec, sizeof(rec));
	if (leader)
		write_leader(ctx->meta->seq, task);
	return 0;
}

/* The last thread of a process ends: all others are summed in signal_struct, except a leader that
 * ended first and waits for its parent. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	struct task_exit e = {};
	u64 id;

	if (!is_watched(task->tgid) || task->signal->live.counter || lose_this_one(&task_lost))
		return 0;
	account_add_ended(&e.account, task->signal);
	account_add_thread(&e.account, task);
	if (task->pid != task->tgid)
		account_add_thread(&e.account, task->group_leader);
	id = process_id(task);
	if (bpf_map_update_elem(&task_exits, &id, &e, BPF_ANY))
		__sync_fetch_and_add(&task_lost, 1);
	return 0;
}

MAP_READER(task_exits, struct task_exit)
