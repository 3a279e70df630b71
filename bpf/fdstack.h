/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel and user sides of the fdstack instrument share: what happened to descriptors, in
 * order, and what user space has taught the kernel about stacks. */
#ifndef KTALLY_FDSTACK_H
#define KTALLY_FDSTACK_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

enum fdstack_kind {
	FDSTACK_OPEN,	     /* fd is put into the table, over whatever was there */
	FDSTACK_CLOSE,	     /* fd -1: only the file is known */
	FDSTACK_CLOSE_RANGE, /* fd to last_fd */
	FDSTACK_FORK,	     /* parent's table was copied */
	FDSTACK_EXEC,	     /* struct fdstack_exec_rec: what is left in the table */
	FDSTACK_EXIT,
};

#define FDSTACK_NAME_LEN 16

/* Sites are numbered by user space. */
#define FDSTACK_SITE_NONE 0	      /* this record starts a struct fdstack_capture */
#define FDSTACK_SITE_LOST 0xffffffffU /* the stack found no room in the ring */

struct fdstack_rec {
	__u64 process; /* PROCESS_ID */
	__u64 space;   /* its address space: the same until exec, and in forked children */
	__u64 ts_ns;   /* CLOCK_MONOTONIC */
	__u64 file;    /* address of the struct file: what tells two users of one number apart */
	__u64 parent;  /* FORK: PROCESS_ID */
	__s32 fd;
	__u32 last_fd;
	__u32 kind;
	__u32 site;
	__u32 mode;    /* of its inode */
	__u32 stack_len; /* bytes behind a struct fdstack_capture */
	char name[FDSTACK_NAME_LEN]; /* of what has no path: "[eventfd]" */
};

#define FDSTACK_EXEC_WORDS 16 /* descriptors below 1,024; above, the next look tells */

struct fdstack_exec_rec {
	struct fdstack_rec rec;
	__u64 open[FDSTACK_EXEC_WORDS];
};

#define FDSTACK_REG_CNT 17 /* in DWARF's order: user/stacks/arch.h */

#define FDSTACK_DEPTH_MAX 64

/* Followed by the copy of the stack. It begins where the system call was made, or, when rows lead
 * farther than a copy would reach, where they end: at the caller of all callees. */
struct fdstack_capture {
	struct fdstack_rec rec;
	__u64 regs[FDSTACK_REG_CNT]; /* with callees: program counter, stack and frame pointer */
	__u64 stack_address; /* of the first byte; a little below the stack pointer */
	__u64 callee_cnt;
	__u64 callees[FDSTACK_DEPTH_MAX]; /* program counters, innermost first */
};

#define FDSTACK_COPY_CHUNK 256
#define FDSTACK_COPY_SMALL 4096
#define FDSTACK_COPY_BIG   16384
#define FDSTACK_COPY_HUGE  65536

/* How to get from a frame to its caller, taught by user space out of the unwind tables: one for
 * each program counter that has been seen. */
struct fdstack_row_key {
	__u64 space;
	__u64 pc;
};

struct fdstack_row {
	__s32 cfa_offset; /* the caller's stack pointer is this plus ... */
	__s16 fp_offset;  /* from there to where the caller's frame pointer lies; 0: unchanged */
	__u8 cfa_from_fp; /* ... the frame pointer, not the stack pointer */
	__u8 outermost;	  /* nobody called */
};

/* As an argument of the program that takes it. */
union fdstack_row_word {
	struct fdstack_row row;
	__u64 word;
};

/* A stack is known by its address space and the hash of its program counters. */
struct fdstack_stack_key {
	__u64 space;
	__u64 hash;
};

static inline __attribute__((always_inline)) __u64 fdstack_hash(__u64 hash, __u64 pc)
{
	hash = (hash ^ pc) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

/* A descriptor as it is in a table now, from the iterator. */
struct fdstack_open {
	__u64 process;
	__u64 file;
	__s32 fd;
	__u32 mode;
	char name[FDSTACK_NAME_LEN];
	__u16 family;	  /* of a socket; 0: none */
	__u16 local_port; /* host order */
	__u16 peer_port;
	__u16 protocol;
	__u8 local[16];	  /* AF_INET: the first four bytes */
	__u8 peer[16];
	char path[56];	  /* AF_UNIX; an abstract name starts with 0 */
};

#endif
