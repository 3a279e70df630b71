/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel and user sides of the task instrument share. */
#ifndef KTALLY_TASK_H
#define KTALLY_TASK_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define TASK_UNKNOWN (-1)

/* The kernel's own accounting. utime and stime are tick samples whose ratio divides runtime, as
 * cputime_adjust() does for /proc (kernel/sched/cputime.c). */
struct task_account {
	__u64 utime_ns;
	__u64 stime_ns;
	__u64 runtime_ns; /* sum_exec_runtime: exact while it is not on a CPU */
	__u64 voluntary;
	__u64 involuntary;
};

enum task_rec_kind { TASK_REC_THREAD, TASK_REC_LEADER };

/* One per thread, from the iterator. Of a leader it is followed by a struct task_leader_rec. */
struct task_thread_rec {
	__u64 process; /* PROCESS_ID */
	__u32 kind;    /* enum task_rec_kind */
	__u32 may_run; /* it was on a CPU, so runtime_ns may be behind by up to a tick */
	struct task_account account;
	/* For the sched instrument; both 0: it is dead, and in that one's own map. */
	__u64 lifetime_ns;
	__u64 run_delay_ns;
	/* What that one has counted of it, where task_counted asks for it. */
	__u64 counted_voluntary;
	__u64 counted_involuntary;
};

struct task_leader_rec {
	struct task_account ended; /* what its ended threads left in signal_struct */
	__s64 rss_bytes;	   /* TASK_UNKNOWN: no address space, it is exiting */
	__s64 fds;		   /* TASK_UNKNOWN: too many, or exiting */
	__s64 regular_files;	   /* of them; TASK_UNKNOWN likewise */
	__u64 fds_limit;
	__u32 threads;
	__u32 unused;
};

/* Value of `task_exits`, key PROCESS_ID: the whole process's account as it ended. */
struct task_exit {
	struct task_account account;
};

#endif
