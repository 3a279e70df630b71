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

/* A number in the current task. 5.11, commit 3ca1032ab7ab: the helper whose pointer is read without
 * a call, which is a third of what an event costs. (Pointers that a task has are better read by
 * helpers: see process_id().) */
#define CURRENT(field)                                                                \
	(bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf) ? \
		 bpf_get_current_task_btf()->field :                                   \
		 BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), field))

/* May a load fault? 6.4, commit 0108a4e9f358: before, the kernel kept two entries of a program with
 * several functions, one without the table of loads that may, and was lost when it found that
 * one. Nothing in BTF says so, but what came soon after does. Where it is not there, pointers that
 * may be NULL, or gone, are followed by helpers alone. */
#define LOADS_MAY_FAULT bpf_core_enum_value_exists(enum bpf_link_type, BPF_LINK_TYPE_TCX)

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

/* Of a kernel without CONFIG_SCHED_INFO, which does not count it, 0. */
static __always_inline u64 task_run_delay_ns(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->sched_info.run_delay))
		return 0;
	return task->sched_info.run_delay + task_waiting_ns(task);
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

static __always_inline s64 not_negative(s64 x)
{
	return x < 0 ? 0 : x;
}

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
	return not_negative(pages);
}

/* By plain loads where they may fault, for which an element is known by its number alone. */
static __always_inline s64 mm_resident_pages(struct mm_struct *mm)
{
	if (LOADS_MAY_FAULT)
		return not_negative(mm->rss_stat[MM_FILEPAGES].count) +
		       not_negative(mm->rss_stat[MM_ANONPAGES].count) +
		       not_negative(mm->rss_stat[MM_SHMEMPAGES].count);
	return mm_pages(mm, MM_FILEPAGES) + mm_pages(mm, MM_ANONPAGES) +
	       mm_pages(mm, MM_SHMEMPAGES);
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

#endif
