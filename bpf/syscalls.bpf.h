/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/*
 * What each system call does to a descriptor table: one row per call, for the x86-64 and the i386
 * table (arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl, 5.10 to 7.2). A call that is
 * not here does nothing to it that its number, arguments and result could tell.
 */
#ifndef KTALLY_SYSCALLS_BPF_H
#define KTALLY_SYSCALLS_BPF_H

#include "compat.bpf.h"

enum fd_op {
	OP_NONE,
	OP_OPEN,	/* returns a descriptor */
	OP_PAIR,	/* 0: two descriptors */
	OP_CLOSE,	/* closes whatever it returns, but for -EBADF */
	OP_DUP2,	/* replaces: open, and a close where the slot was taken */
	OP_CLOSE_RANGE,
	OP_FCNTL,	/* a descriptor for F_DUPFD and F_DUPFD_CLOEXEC */
	OP_SIGNALFD,	/* a new descriptor only for argument -1 */
	OP_BPF,		/* by command */
	OP_SECCOMP,	/* SECCOMP_SET_MODE_FILTER with FILTER_FLAG_NEW_LISTENER */
	OP_LANDLOCK,	/* landlock_create_ruleset with flags returns a version */
	OP_SOCKETCALL,	/* i386: socket, socketpair, accept, accept4 by number */
};

#define SYSCALL_NR_MAX 512
#define X32_SYSCALL_BIT 0x40000000

/* What the call of one number does, in either table: most do nothing in both, which one look
 * tells. */
union fd_ops {
	struct {
		__u8 x64, i386;
	};
	__u16 any;
};

#define N64(nr, op) [nr].x64 = (op)
#define N32(nr, op) [nr].i386 = (op)

static const union fd_ops fd_ops[SYSCALL_NR_MAX] = {
	N64(2, OP_OPEN),	  /* open */
	N64(3, OP_CLOSE),	  /* close */
	N64(22, OP_PAIR),	  /* pipe */
	N64(32, OP_OPEN),	  /* dup */
	N64(33, OP_DUP2),	  /* dup2 */
	N64(41, OP_OPEN),	  /* socket */
	N64(43, OP_OPEN),	  /* accept */
	N64(53, OP_PAIR),	  /* socketpair */
	N64(72, OP_FCNTL),	  /* fcntl */
	N64(85, OP_OPEN),	  /* creat */
	N64(213, OP_OPEN),	  /* epoll_create */
	N64(240, OP_OPEN),	  /* mq_open */
	N64(253, OP_OPEN),	  /* inotify_init */
	N64(257, OP_OPEN),	  /* openat */
	N64(282, OP_SIGNALFD),	  /* signalfd */
	N64(283, OP_OPEN),	  /* timerfd_create */
	N64(284, OP_OPEN),	  /* eventfd */
	N64(288, OP_OPEN),	  /* accept4 */
	N64(289, OP_SIGNALFD),	  /* signalfd4 */
	N64(290, OP_OPEN),	  /* eventfd2 */
	N64(291, OP_OPEN),	  /* epoll_create1 */
	N64(292, OP_DUP2),	  /* dup3 */
	N64(293, OP_PAIR),	  /* pipe2 */
	N64(294, OP_OPEN),	  /* inotify_init1 */
	N64(298, OP_OPEN),	  /* perf_event_open */
	N64(300, OP_OPEN),	  /* fanotify_init */
	N64(304, OP_OPEN),	  /* open_by_handle_at */
	N64(317, OP_SECCOMP),	  /* seccomp */
	N64(319, OP_OPEN),	  /* memfd_create */
	N64(321, OP_BPF),	  /* bpf */
	N64(323, OP_OPEN),	  /* userfaultfd */
	N64(425, OP_OPEN),	  /* io_uring_setup */
	N64(428, OP_OPEN),	  /* open_tree */
	N64(430, OP_OPEN),	  /* fsopen */
	N64(432, OP_OPEN),	  /* fsmount */
	N64(433, OP_OPEN),	  /* fspick */
	N64(434, OP_OPEN),	  /* pidfd_open */
	N64(436, OP_CLOSE_RANGE), /* close_range */
	N64(437, OP_OPEN),	  /* openat2 */
	N64(438, OP_OPEN),	  /* pidfd_getfd */
	N64(444, OP_LANDLOCK),	  /* landlock_create_ruleset */
	N64(447, OP_OPEN),	  /* memfd_secret */
	N64(467, OP_OPEN),	  /* open_tree_attr */

	N32(5, OP_OPEN),	  /* open */
	N32(6, OP_CLOSE),	  /* close */
	N32(8, OP_OPEN),	  /* creat */
	N32(41, OP_OPEN),	  /* dup */
	N32(42, OP_PAIR),	  /* pipe */
	N32(55, OP_FCNTL),	  /* fcntl */
	N32(63, OP_DUP2),	  /* dup2 */
	N32(102, OP_SOCKETCALL),  /* socketcall */
	N32(221, OP_FCNTL),	  /* fcntl64 */
	N32(254, OP_OPEN),	  /* epoll_create */
	N32(277, OP_OPEN),	  /* mq_open */
	N32(291, OP_OPEN),	  /* inotify_init */
	N32(295, OP_OPEN),	  /* openat */
	N32(321, OP_SIGNALFD),	  /* signalfd */
	N32(322, OP_OPEN),	  /* timerfd_create */
	N32(323, OP_OPEN),	  /* eventfd */
	N32(327, OP_SIGNALFD),	  /* signalfd4 */
	N32(328, OP_OPEN),	  /* eventfd2 */
	N32(329, OP_OPEN),	  /* epoll_create1 */
	N32(330, OP_DUP2),	  /* dup3 */
	N32(331, OP_PAIR),	  /* pipe2 */
	N32(332, OP_OPEN),	  /* inotify_init1 */
	N32(336, OP_OPEN),	  /* perf_event_open */
	N32(338, OP_OPEN),	  /* fanotify_init */
	N32(342, OP_OPEN),	  /* open_by_handle_at */
	N32(354, OP_SECCOMP),	  /* seccomp */
	N32(356, OP_OPEN),	  /* memfd_create */
	N32(357, OP_BPF),	  /* bpf */
	N32(359, OP_OPEN),	  /* socket */
	N32(360, OP_PAIR),	  /* socketpair */
	N32(364, OP_OPEN),	  /* accept4 */
	N32(374, OP_OPEN),	  /* userfaultfd */
	N32(425, OP_OPEN),	  /* io_uring_setup */
	N32(428, OP_OPEN),	  /* open_tree */
	N32(430, OP_OPEN),	  /* fsopen */
	N32(432, OP_OPEN),	  /* fsmount */
	N32(433, OP_OPEN),	  /* fspick */
	N32(434, OP_OPEN),	  /* pidfd_open */
	N32(436, OP_CLOSE_RANGE), /* close_range */
	N32(437, OP_OPEN),	  /* openat2 */
	N32(438, OP_OPEN),	  /* pidfd_getfd */
	N32(444, OP_LANDLOCK),	  /* landlock_create_ruleset */
	N32(447, OP_OPEN),	  /* memfd_secret */
	N32(467, OP_OPEN),	  /* open_tree_attr */
};

#undef N64
#undef N32

/* bpf(2) commands that return a descriptor, a bit each: MAP_CREATE, PROG_LOAD, OBJ_GET,
 * PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, RAW_TRACEPOINT_OPEN, BTF_LOAD, BTF_GET_FD_BY_ID,
 * LINK_CREATE, LINK_GET_FD_BY_ID, ENABLE_STATS, ITER_CREATE, TOKEN_CREATE
 * (include/uapi/linux/bpf.h). */
#define BPF_FD_COMMANDS                                                                          \
	(1ULL << 0 | 1ULL << 5 | 1ULL << 7 | 1ULL << 13 | 1ULL << 14 | 1ULL << 17 | 1ULL << 18 | \
	 1ULL << 19 | 1ULL << 28 | 1ULL << 30 | 1ULL << 32 | 1ULL << 33 | 1ULL << 36)

/* socketcall(2) numbers (include/uapi/linux/net.h): SYS_SOCKET 1, SYS_ACCEPT 5, SYS_SOCKETPAIR 8,
 * SYS_ACCEPT4 18. */
#define SOCKETCALL_OPENS (1ULL << 1 | 1ULL << 5 | 1ULL << 18)
#define SOCKETCALL_PAIRS (1ULL << 8)

#endif
