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
	MEMBER_BORN = 1,    /* born, or first executed, under watch: its history counts */
	MEMBER_EXITED = 2,  /* exit_status is valid */
	MEMBER_NEW = 4,	    /* born under watch: all its counts started at 0 */
};

/* What a process had used before it came under watch. */
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
	__u64 groups_first; /* before its first move; of one that joined none */
	__u32 flags;
	__u32 execs;	   /* execve calls that succeeded under watch */
	__s32 exit_status; /* as from waitpid(2) */
	__u32 ppid;
	char comm[16];
	__u32 threads;	   /* of a newborn: those that it ever had */
	__u32 moves;	   /* changes of groups, and how it came in if it was not born so */
	__u32 moves_taken; /* by user space, which has asked for them by number */
	__u32 unused;
};

/* A move is what a process had counted when its groups changed. Value of the map `moves`, whose
 * entries user space takes out. All values are of 64 bits, see user/targets/moves.c. */
#define MOVES_MIN	 16
#define MOVES_OF_ONE_MAX 256 /* that nobody has taken yet; of more nothing is known */
#define MOVE_THREADS_MAX 1024 /* of a process with more it is not known what they had used */

struct move_key {
	__u64 process;
	__u64 number; /* of the process's, from 0 */
};

struct move {
	__u64 groups; /* after it */
	__u64 known;  /* all threads were seen: the next three are valid */
	struct member_base base;
	__u64 lifetime_ns; /* as in struct sched_clocks */
	__u64 run_delay_ns;
	__u64 fd_opens;
	__u64 fd_closes;
	__u64 fd_other_table;
	__u64 fd_errors[6]; /* FD_ERROR_CNT */
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
