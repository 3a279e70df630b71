// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/*
 * What the kernel itself knows of the watched processes, read in one pass over all tasks: nothing
 * is counted here and nothing runs between two reads, except once when a process ends.
 */
#include "targets.bpf.h"

#include <bpf/bpf_tracing.h>

#include "fds.bpf.h"
#include "read.bpf.h"
#include "task.h"
#include "threads.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct task_exit);
} task_exits SEC(".maps");

/* Likewise of those that are counted together, summed. */
struct task_account task_untracked[UNTRACKED_MAX] = {};

/* Set by the reader: what the sched instrument counted comes along. */
__u32 task_counted = 0;

__u64 task_ended = 0; /* ended processes that are or were in the map */
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

static __always_inline s64 rss_bytes(struct mm_struct *mm)
{
	if (!mm)
		return TASK_UNKNOWN;
	return mm_resident_pages(mm) << PAGE_SHIFT;
}

static __always_inline bool is_regular(u32 mode)
{
	return (mode & S_IFMT) == S_IFREG;
}

/* Open descriptors and, of them, regular files: in one number, as a global function returns one. */
#define OPEN_ONE (1ULL << 32)

/* Of the 8 descriptors whose bits these are, as fds_filled() finds them. Global, as all of these
 * are, so that the verifier walks it once and not for each part of a table, which took it most of
 * the time that all of ktally's programs take. (bpf_rdonly_cast(), with which plain loads would do
 * from 6.2 on, cannot be called from an object that 5.13 to 5.15 are to take: they look up kernel
 * functions in code that is never run, too.) */
__noinline u64 count_in_eight(u64 slots_at, u32 bits)
{
	struct file *slots[8] = {};
	u64 sum = 0;
	u32 i;

	bpf_probe_read_kernel(slots, sizeof(slots), (void *)slots_at);
	for (i = 0; i < 8; i++) {
		if (!(bits & (1U << i)))
			continue;
		sum += ((u64)slots[i] >> 63) * OPEN_ONE;
		sum += is_regular(BPF_CORE_READ(slots[i], f_inode, i_mode));
	}
	return sum;
}

__noinline u64 count_in_word(u64 slots_at, u64 bits_at, u32 i)
{
	u64 sum = 0, word = fds_word((unsigned long *)bits_at, i);
	u32 j;

	slots_at += i * FD_WORD_SLOTS_BYTES;
	for (j = 0; j < 64; j += 8) {
		u32 bits = (word >> j) & 0xff;

		if (bits)
			sum += count_in_eight(slots_at + j * sizeof(struct file *), bits);
	}
	return sum;
}

/* Of so many words of a table, FD_BLOCK_WORDS at most. */
__noinline u64 count_in_block(u64 slots_at, u64 bits_at, u32 words)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < FD_BLOCK_WORDS && i < words; i++)
		sum += count_in_word(slots_at, bits_at, i);
	return sum;
}

/* The table that every process starts with is part of its files_struct: its files are read without
 * the calls of helpers, which would be two for each descriptor. Unrolled, since the verifier knows
 * an element of an array of pointers by its number alone. */
static __always_inline bool read_first_table(struct files_struct *files,
					     struct task_leader_rec *rec)
{
	s64 open = 0, regular = 0;
	u64 bits;
	u32 i;

	if (!LOADS_MAY_FAULT || files->fdt != &files->fdtab)
		return false;
	bits = files->open_fds_init[0];
#pragma unroll
	for (i = 0; i < 64; i++) {
		u32 mode;

		if (!(bits & (1ULL << i)))
			continue;
		mode = files->fd_array[i]->f_inode->i_mode;
		open += (mode + 0xffff) >> 16; /* no file, no mode: a load through NULL is 0 */
		regular += is_regular(mode);
	}
	rec->fds = open;
	rec->regular_files = regular;
	return true;
}

/* Tables are of whole words, 64 descriptors at least. */
static __always_inline void read_fds(struct files_struct *files, struct task_leader_rec *rec)
{
	/* By helpers: there may be none of it any more; and since 6.17 the fields are pointers to
	 * the verifier, and no arguments of global functions. */
	struct fdtable *fdt = BPF_CORE_READ(files, fdt);
	u32 words = BPF_CORE_READ(fdt, max_fds) / 64;
	struct file **slots = BPF_CORE_READ(fdt, fd);
	unsigned long *bits = BPF_CORE_READ(fdt, open_fds);
	u64 sum = 0;
	u32 i;

	rec->fds = rec->regular_files = TASK_UNKNOWN;
	if (!slots || !bits || !words || words > FD_WORDS_MAX)
		return;
	for (i = 0; i < FD_WORDS_MAX && i < words; i += FD_BLOCK_WORDS)
		sum += count_in_block((u64)(slots + i * 64), (u64)(bits + i), words - i);
	rec->fds = sum / OPEN_ONE;
	rec->regular_files = sum % OPEN_ONE;
}

/* May sum_exec_runtime be behind? The kernel brings it up to date when a task leaves its CPU. */
static __always_inline bool may_run(struct task_struct *task)
{
	return bpf_core_field_exists(task->on_cpu) ? task->on_cpu : !task_state(task);
}

/* Of a process, by its first thread. Taken before anything that branches: see process_id(). */
struct process_parts {
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct files_struct *files;
};

static __always_inline void write_leader(struct seq_file *seq, struct task_struct *leader,
					 const struct process_parts *p)
{
	struct task_leader_rec rec = {};

	account_add_ended(&rec.ended, p->signal);
	rec.rss_bytes = rss_bytes(p->mm);
	if (!read_first_table(p->files, &rec))
		read_fds(p->files, &rec);
	/* A table that its process has left meanwhile may be another's already. */
	asm volatile("" ::: "memory");
	if (leader->files != p->files)
		rec.fds = rec.regular_files = TASK_UNKNOWN;
	rec.fds_limit = p->signal->rlim[RLIMIT_NOFILE].rlim_cur;
	rec.threads = p->signal->nr_threads;
	bpf_seq_write(seq, &rec, sizeof(rec));
}

/* Whatever its TID was then: a thread that executes takes its leader's. */
static __always_inline void read_counted(struct task_thread_rec *rec, struct task_struct *task)
{
	u64 key = (u64)task;
	struct sched_thread *t = bpf_map_lookup_elem(&sched_threads, &key);

	if (!t || t->process != rec->process)
		return;
	rec->counted_voluntary = t->voluntary;
	rec->counted_involuntary = t->involuntary;
}

SEC("?iter/task")
int task_read(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_thread_rec rec = {};
	struct seq_file *seq = ctx->meta->seq;
	struct process_parts parts;
	bool leads;
	u8 watch;

	if (!task)
		return 0;
	watch = watched_as(task->tgid);
	if (watch == WATCH_NONE)
		return 0;
	parts = (struct process_parts){ task->signal, task->mm, task->files };
	if (watch >= WATCH_UNTRACKED && !parts.signal->live.counter)
		return 0; /* it has ended, and is in task_untracked */
	leads = task->pid == task->tgid;
	rec.process = leads ? leader_counted_id(watch, task) : counted_id(watch, task);
	rec.kind = leads ? TASK_REC_LEADER : TASK_REC_THREAD;
	if (task_counted)
		read_counted(&rec, task); /* before the kernel's own, which is never behind it */
	rec.may_run = may_run(task); /* before its account, which then has what it runs next */
	account_add_thread(&rec.account, task);
	if (!task_is_dead(task)) {
		rec.lifetime_ns = bpf_ktime_get_ns() - task->start_time;
		rec.run_delay_ns = task_run_delay_ns(task);
	}
	bpf_seq_write(seq, &rec, sizeof(rec));
	if (leads)
		write_leader(seq, task, &parts);
	return 0;
}

static __always_inline void untracked_add(struct task_account *sum, const struct task_account *a)
{
	__sync_fetch_and_add(&sum->utime_ns, a->utime_ns);
	__sync_fetch_and_add(&sum->stime_ns, a->stime_ns);
	__sync_fetch_and_add(&sum->runtime_ns, a->runtime_ns);
	__sync_fetch_and_add(&sum->voluntary, a->voluntary);
	__sync_fetch_and_add(&sum->involuntary, a->involuntary);
}

/* The last thread of a process ends: the others are summed in signal_struct, except a leader that
 * ended first and waits for its parent, and those that end at this moment on other CPUs and have
 * yet to be released. The sched instrument has those. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = leader->signal;
	u8 watch = watched_as(task->tgid);
	struct task_exit e = {};
	u64 id;

	if (watch == WATCH_NONE || signal->live.counter || lose_this_one(&task_lost))
		return 0;
	account_add_ended(&e.account, signal);
	account_add_thread(&e.account, task);
	if (task->pid != task->tgid)
		account_add_thread(&e.account, leader);
	id = leader_process_id(leader);
	if (watch >= WATCH_UNTRACKED) {
		if (is_last_untracked(task, id))
			untracked_add(&task_untracked[WATCH_SLOT(watch)], &e.account);
		return 0;
	}
	if (bpf_map_update_elem(&task_exits, &id, &e, BPF_ANY))
		__sync_fetch_and_add(&task_lost, 1);
	else
		__sync_fetch_and_add(&task_ended, 1);
	return 0;
}

MAP_READER(task_exits, struct task_exit)
MAP_FINDER(task_exits, struct task_exit)
