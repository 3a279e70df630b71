/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel and user sides share about targets: who is watched, and why. */
#ifndef KTALLY_TARGETS_H
#define KTALLY_TARGETS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/*
 * A process is its PID and its start time in ticks of /proc/PID/stat field 22, packed: PIDs are
 * below 2^22 (PID_MAX_LIMIT), which leaves the start time 42 bits, 1,394 years of uptime. A reused
 * PID is therefore another process for every map and table.
 */
#define PROCESS_ID_PID_BITS 22
#define PROCESS_ID(pid, start_ticks) (((__u64)(start_ticks) << PROCESS_ID_PID_BITS) | (__u64)(pid))
#define PROCESS_ID_PID(id)	     ((__u32)((id) & ((1U << PROCESS_ID_PID_BITS) - 1)))
#define PROCESS_ID_TICKS(id)	     ((id) >> PROCESS_ID_PID_BITS)

/* One bit per target that can grow: a tree, a cgroup, a comm glob, everything. */
#define GROUPS_MAX 64

/* One byte per PID: is this process watched. Sized to pid_max, at least this, and a power of
 * two. */
#define WATCHED_MIN_BYTES 4096

enum watch {
	WATCH_NONE = 0,
	WATCH_MEMBER = 1,
	WATCH_UNTRACKED = 2, /* and above: together with others, in that slot of `untracked` */
};

enum member_flag {
	MEMBER_BORN = 1,    /* born, or first executed, under watch: all its counts started at 0 */
	MEMBER_EXITED = 2,  /* exit_status is valid */
	MEMBER_BASE = 4,    /* base is valid: it had one thread when it came in */
};

/* What a process had used before it came under watch; of a newborn nothing. */
struct member_base {
	__u64 utime_ns;
	__u64 stime_ns;
	__u64 runtime_ns;
	__u64 voluntary;
	__u64 involuntary;
};

/* Value of the map `members`, key PROCESS_ID. */
struct member {
	__u64 groups;
	__u32 flags;
	__u32 execs;	   /* execve calls that succeeded under watch */
	__s32 exit_status; /* as from waitpid(2) */
	__u32 ppid;
	char comm[16];
	struct member_base base;
	__u64 threads;	   /* of a newborn: those that it ever had */
};

/*
 * Processes that found `members` full are counted all the same, but together: all that would be in
 * the same groups as if they were one process, under one id. That has PID 0, which nobody has, and
 * their byte for a start time.
 */
#define UNTRACKED_MAX 64
#define UNTRACKED_ID(watch) PROCESS_ID(0, watch)
#define IS_UNTRACKED(id)    (!PROCESS_ID_PID(id))
#define UNTRACKED_SLOT(id)  ((PROCESS_ID_TICKS(id) - WATCH_UNTRACKED) & (UNTRACKED_MAX - 1))
#define WATCH_SLOT(watch)   UNTRACKED_SLOT(UNTRACKED_ID(watch))

struct untracked {
	__u64 groups;	 /* 0: nobody so far */
	__u64 born;	 /* processes that came in */
	__u64 ended;	 /* of them */
	__u64 unknown;	 /* of them, those of whose past nothing is known */
	struct member_base base; /* what they had used before they came in, summed */
	__u64 lifetime_ns;	 /* likewise */
	__u64 run_delay_ns;
};

#define CGROUP_DEPTH_MAX 32 /* levels looked at above a process's cgroup */

struct cgroup_group {
	__u64 id;    /* of the cgroup's directory */
	__u64 group; /* one bit */
};

/* Shell patterns as one bit-parallel automaton, the same on both sides; glob.h explains it. */
struct comm_globs {
	__u64 match[256]; /* states that this byte may leave */
	__u64 stars;	  /* states that any byte may stay in */
	__u64 start;
	__u64 accept;
	__u64 group[64]; /* by accepting state: the pattern's group bit */
};

#endif
