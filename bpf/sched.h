/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel and user sides of the sched instrument share. Times in ns of CLOCK_MONOTONIC. */
#ifndef KTALLY_SCHED_H
#define KTALLY_SCHED_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

enum sched_state { SCHED_BLOCKED, SCHED_RUNNABLE, SCHED_ON_CPU };

/* Value of `sched_threads`; the key is the address of the task_struct, which no other thread can
 * have before this one's last switch (a TID can be taken again before it). Written by its thread
 * alone. */
struct sched_thread {
	__u64 process;	   /* PROCESS_ID */
	__u64 voluntary;   /* the kernel's own nvcsw at the last switch, from before ktally too */
	__u64 involuntary; /* nivcsw */
	__u64 oncpu_ns;
	__u64 runqueue_ns;
	__u64 blocked_ns;
	__u64 since_ns;	  /* in this state */
	__u64 runtime_ns; /* the kernel's own sum_exec_runtime at the last switch out */
	__u64 session;	  /* the reader's, see read.bpf.h */
	__u32 state;	/* enum sched_state */
	__u32 tid;
};

/* Value of `sched_processes`, key PROCESS_ID: what its ended threads have counted. */
struct sched_process {
	__u64 voluntary;
	__u64 involuntary;
	__u64 oncpu_ns;
	__u64 runqueue_ns;
	__u64 blocked_ns;
	__u64 session; /* the reader's, see read.bpf.h */
};

#endif
