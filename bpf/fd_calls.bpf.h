/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What a system call is about to do, or did, to the descriptor table of a watched task: for all
 * instruments that follow descriptors. */
#ifndef KTALLY_FD_CALLS_BPF_H
#define KTALLY_FD_CALLS_BPF_H

#include "fds.bpf.h"
#include "syscalls.bpf.h"
#include "targets.bpf.h"

/* Is the current call an i386 one? */
static __always_inline bool is_compat_call(void)
{
	return CURRENT(thread_info.status) & TS_COMPAT;
}

/* By number, which in x32 calls has a bit above. */
static __always_inline const union fd_ops *fd_ops_of(u64 nr)
{
	return &fd_ops[nr & (SYSCALL_NR_MAX - 1)];
}

/* Of the current task. */
static __always_inline u8 fd_op(u64 nr)
{
	return is_compat_call() ? fd_ops_of(nr)->i386 : fd_ops_of(nr)->x64;
}

/* Could this number be of interest in either table: all that most system calls cost. */
static __always_inline bool fd_op_possible(u64 nr)
{
	return fd_ops_of(nr)->any;
}

#define CLOSE_RANGE_CLOEXEC 4 /* it closes nothing yet */

struct syscall_args {
	u64 a, b, c; /* the first three */
};

/* Of the current task. Argument registers are untouched at sys_exit; i386 calls pass theirs in
 * others. */
static __always_inline struct syscall_args syscall_args(struct pt_regs *regs)
{
	struct syscall_args args;

	if (is_compat_call()) {
		args.a = (u32)regs->bx;
		args.b = (u32)regs->cx;
		args.c = (u32)regs->dx;
	} else {
		args.a = regs->di;
		args.b = regs->si;
		args.c = regs->dx;
	}
	return args;
}

/* For calls that do different things by argument: what this one does. */
static __always_inline u8 fd_op_refine(u8 op, const struct syscall_args *args)
{
	switch (op) {
	case OP_FCNTL: /* F_DUPFD, F_DUPFD_CLOEXEC */
		return args->b == 0 || args->b == 1030 ? OP_OPEN : OP_NONE;
	case OP_SIGNALFD:
		return (s32)args->a == -1 ? OP_OPEN : OP_NONE;
	case OP_BPF:
		return args->a < 64 && (BPF_FD_COMMANDS >> args->a) & 1 ? OP_OPEN : OP_NONE;
	case OP_SECCOMP: /* SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER */
		return args->a == 1 && args->b & 8 ? OP_OPEN : OP_NONE;
	case OP_LANDLOCK:
		return args->c == 0 ? OP_OPEN : OP_NONE;
	case OP_SOCKETCALL:
		if (args->a < 64 && (SOCKETCALL_OPENS >> args->a) & 1)
			return OP_OPEN;
		return args->a < 64 && (SOCKETCALL_PAIRS >> args->a) & 1 ? OP_PAIR : OP_NONE;
	}
	return op;
}

/* The current task, when it is watched, has a table and is not a kernel thread borrowing one: the
 * id under which it is counted, else 0. */
static __always_inline u64 watched_user_process(struct task_struct **ret)
{
	u64 thread = bpf_get_current_pid_tgid();
	u8 watch = watched_as(thread >> 32);

	if (watch == WATCH_NONE || CURRENT(flags) & PF_KTHREAD)
		return 0;
	*ret = (void *)bpf_get_current_task();
	return current_counted_id(watch, thread);
}

#endif
