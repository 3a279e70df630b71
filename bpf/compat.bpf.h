/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* Every difference between kernels that ktally reads across, each under one name, with the commit
 * and the version that made it. Programs below read as if there were one kernel. */
#ifndef KTALLY_COMPAT_BPF_H
#define KTALLY_COMPAT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* Values of kernel macros, which BTF does not carry. */
#define PF_EXITING	    0x00000004
#define PF_KTHREAD	    0x00200000
#define TASK_DEAD	    0x00000080
#define SIGNAL_GROUP_EXIT   0x00000004
#define TS_COMPAT	    0x0002 /* arch/x86/include/asm/thread_info.h */
#define S_IFMT		    00170000
#define S_IFREG		    0100000
#define RLIMIT_NOFILE	    7
#define MM_FILEPAGES	    0
#define MM_ANONPAGES	    1
#define MM_SHMEMPAGES	    3
#define PAGE_SHIFT	    12
#define USER_HZ_NS	    10000000ULL /* one tick of /proc/PID/stat */

/* 5.14, commit 2f064a59a11f: task_struct.state became __state. */
struct task_struct___old_state {
	long state;
} __attribute__((preserve_access_index));

static __always_inline unsigned int task_state(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return (unsigned int)BPF_CORE_READ((struct task_struct___old_state *)task, state);
}

/* The same without a helper's call, for BTF pointers (tp_btf arguments, iterators). */
static __always_inline bool task_is_dead(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state & TASK_DEAD;
	return ((struct task_struct___old_state *)task)->state & TASK_DEAD;
}

/* How long it has been waiting for a CPU now; the kernel adds it to run_delay when it gets one
 * (sched_info_arrive, kernel/sched/stats.h). rq->clock stands still while its CPU is idle, and then
 * nobody waits for that. */
static __always_inline u64 task_waiting_ns(struct task_struct *task)
{
	u64 since = task->sched_info.last_queued;
	u64 clock;

	if (!since || !bpf_core_field_exists(task->se.cfs_rq))
		return 0; /* CONFIG_FAIR_GROUP_SCHED */
	clock = BPF_CORE_READ(task, se.cfs_rq, rq, clock);
	return clock > since ? clock - since : 0;
}

/* 6.2, commit f1a7941243c1: rss_stat became four per-CPU counters; before, it was a struct of four
 * plain ones. The common part is read, as /proc/PID/statm does; each CPU holds back below 64
 * pages. */
struct mm_rss_stat___old {
	s64 count[4];
} __attribute__((preserve_access_index));

struct mm_struct___old {
	struct mm_rss_stat___old rss_stat;
} __attribute__((preserve_access_index));

static __always_inline s64 mm_pages(struct mm_struct *mm, u32 member)
{
	void *stat = (void *)mm;
	s64 pages = 0;

	if (bpf_core_field_exists(struct mm_struct, rss_stat))
		stat += bpf_core_field_offset(struct mm_struct, rss_stat) +
			member * bpf_core_type_size(struct percpu_counter) +
			bpf_core_field_offset(struct percpu_counter, count);
	else
		stat += bpf_core_field_offset(struct mm_struct___old, rss_stat) +
			member * sizeof(s64);
	bpf_probe_read_kernel(&pages, sizeof(pages), stat);
	return pages < 0 ? 0 : pages;
}

/* 6.1, commit 7f203bc89eb6: cgroup.ancestor_ids[] became ancestors[]. */
struct cgroup___old_ancestors {
	int level;
	u64 ancestor_ids[];
} __attribute__((preserve_access_index));

/* Ids of a cgroup and its ancestors by level. Chosen once, outside of any loop: a compiler that
 * hoists the offset of the field that this kernel lacks out of its branch makes a program that the
 * kernel refuses. */
struct cgroup_ancestry {
	void *slots;   /* u64 ids, or pointers to cgroups */
	bool pointers;
};

static __always_inline struct cgroup_ancestry cgroup_ancestry(struct cgroup *cgrp)
{
	struct cgroup___old_ancestors *old = (void *)cgrp;
	struct cgroup_ancestry a = {};

	if (bpf_core_field_exists(cgrp->ancestors)) {
		a.slots = (void *)cgrp + bpf_core_field_offset(cgrp->ancestors);
		a.pointers = true;
	} else {
		a.slots = (void *)cgrp + bpf_core_field_offset(old->ancestor_ids);
	}
	return a;
}

static __always_inline u64 cgroup_ancestor_id(const struct cgroup_ancestry *a, u32 level)
{
	u64 slot = 0;

	bpf_probe_read_kernel(&slot, sizeof(slot), a->slots + level * sizeof(slot));
	return a->pointers ? BPF_CORE_READ((struct cgroup *)slot, kn, id) : slot;
}

/* The bitmap of a table with up to this many words is read; above, the level is unknown here and
 * the user side asks /proc. 128 words are 8,192 descriptors; each word more is paid for at every
 * load, since the verifier walks the loop (bpf_loop, which it does not walk, needs 5.17). */
#define FD_WORDS_MAX 128

static __always_inline u64 popcount64(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}

static __always_inline u64 fds_word(unsigned long *bits, u32 i)
{
	u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), bits + i);
	return word;
}

/* Open descriptors of a task in [first, last], as /proc/PID/fd counts them: bits of the table. -1
 * when the table is larger than is read here, or gone. Whole words first, then what sticks out at
 * both ends is taken off: a loop without branches is one that old verifiers can follow. */
static __always_inline s64 fds_open_between(struct task_struct *task, u32 first, u32 last)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	unsigned long *bits = BPF_CORE_READ(fdt, open_fds);
	u32 max_fds = BPF_CORE_READ(fdt, max_fds);
	s64 open = 0;
	u32 i, words;

	if (!fdt || !bits || !max_fds)
		return -1;
	if (last >= max_fds)
		last = max_fds - 1;
	if (first > last)
		return 0;
	words = last / 64 - first / 64 + 1;
	if (words > FD_WORDS_MAX)
		return -1;
	for (i = 0; i < FD_WORDS_MAX; i++) {
		if (i >= words)
			break;
		open += popcount64(fds_word(bits, first / 64 + i));
	}
	open -= popcount64(fds_word(bits, first / 64) & ~(~0ULL << (first & 63)));
	open -= popcount64(fds_word(bits, last / 64) & ~(~0ULL >> (63 - (last & 63))));
	return open;
}

/* The first 64 of a table, which no table is smaller than. */
static __always_inline u64 fds_low(struct task_struct *task)
{
	unsigned long *bits = BPF_CORE_READ(task, files, fdt, open_fds);

	return bits ? fds_word(bits, 0) : 0;
}

/* Is this descriptor open: 1 or 0; -1 when the table is gone. */
static __always_inline s64 fd_open_at(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	unsigned long *bits = BPF_CORE_READ(fdt, open_fds);

	if (!fdt || !bits)
		return -1;
	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	return (fds_word(bits, fd / 64) >> (fd & 63)) & 1;
}

#endif
