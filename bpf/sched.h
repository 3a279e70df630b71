/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel and user sides of the sched instrument share. Times in ns. */
#ifndef KTALLY_SCHED_H
#define KTALLY_SCHED_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* Value of `sched_threads`; the key is the address of the task_struct, which no other thread can
 * have before this one's last switch (a TID can be taken again before it). Written by its thread
 * alone. One whose process was no longer watched at that switch leaves its entry behind, for the
 * next thread at this address to find: that is not its own TID. */
struct sched_thread {
	__u64 process;	   /* PROCESS_ID */
	__u64 voluntary;   /* the kernel's own nvcsw at the last switch, from before ktally too */
	__u64 involuntary; /* nivcsw */
	__u64 start_ns;	   /* CLOCK_MONOTONIC, when it was born */
	__s32 tid;
	__u32 session;	   /* the reader's, see read.bpf.h */
};

/* What the kernel keeps of a thread's time. */
struct sched_clocks {
	__u64 lifetime_ns;
	__u64 runtime_ns;   /* on a CPU: sum_exec_runtime, up to date to the kernel's last tick */
	__u64 run_delay_ns; /* waiting for one: sched_info.run_delay, and the wait under way */
};

/* One per live thread, from the iterator. */
struct sched_now_rec {
	__u64 process; /* PROCESS_ID */
	struct sched_clocks clocks;
};

/* Value of `sched_processes`, key PROCESS_ID: what its ended threads left. */
struct sched_process {
	__u64 voluntary;
	__u64 involuntary;
	struct sched_clocks clocks;
	__u32 ended; /* threads that have had their last switch under watch */
	__u32 session; /* the reader's, see read.bpf.h */
};

#endif
