// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/*
 * Descriptors opened, closed and not opened, per process. Handlers say what happened to a table;
 * each rung has thin programs that call them.
 *
 * Rungs `kprobe.multi` and `fentry`: the kernel's own functions, which every way in and out passes,
 * from system calls, SCM_RIGHTS, io_uring, ioctls and exec alike (disassembled 5.10 to 7.2):
 *   fd_install   a descriptor appears;
 *   do_dup2      one is put over a slot; what was there goes through filp_close;
 *   filp_close   one goes, by close, exec or the end of the table; since 6.6 (commit a88c955fcfb4)
 *                sys_close calls filp_flush instead, and so does filp_close itself.
 *
 * Rung `syscall`: sys_exit tells it from call, arguments and result. Where the table must be seen
 * before (dup2, dup3, close_range) it needs the call's own tracepoint, or sys_enter. It cannot see
 * descriptors that arrive by SCM_RIGHTS, io_uring, clone's CLONE_PIDFD or an ioctl, nor closes by
 * close-on-exec.
 */
#include "targets.bpf.h"

#include <bpf/bpf_tracing.h>

#include "fd_calls.bpf.h"
#include "fd_count.bpf.h"
#include "fd_life.bpf.h"
#include "read.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Between sys_enter and sys_exit of a call that replaces or closes: descriptors it found open. The
 * key is tgid and tid, so that what a killed thread leaves behind is overwritten by the next of its
 * TID. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, s64);
} fd_pending SEC(".maps");

static __always_inline s64 pending_take(u64 thread)
{
	s64 *found = bpf_map_lookup_elem(&fd_pending, &thread);
	s64 open = found ? *found : FD_LEVEL_UNKNOWN;

	bpf_map_delete_elem(&fd_pending, &thread);
	if (open == FD_LEVEL_UNKNOWN) {
		__sync_fetch_and_add(&fd_lost, 1);
		return 0;
	}
	return open;
}

static __always_inline void fd_call_done(u64 id, struct task_struct *task, u8 op,
					 const struct syscall_args *args)
{
	u64 thread = bpf_get_current_pid_tgid();
	s64 found;

	switch (op) {
	case OP_OPEN:
		fd_opened(id, task, 1);
		break;
	case OP_PAIR:
		fd_opened(id, task, 2);
		break;
	case OP_DUP2:
		found = pending_take(thread);
		if ((u32)args->a != (u32)args->b) {
			fd_opened(id, task, 1);
			if (found)
				fd_closed(id, task, found);
		}
		break;
	case OP_CLOSE_RANGE:
		found = pending_take(thread);
		if (found)
			fd_closed(id, task, found);
		break;
	}
}

/* Apart, so that a call that is not followed saves no registers for it. */
static __noinline int fd_call_ends(struct pt_regs *regs, long ret)
{
	struct task_struct *task;
	struct syscall_args args;
	u64 id, thread;
	u8 op, watch;

	thread = bpf_get_current_pid_tgid();
	watch = watched_as(thread >> 32);
	if (watch == WATCH_NONE)
		return 0;
	task = (void *)bpf_get_current_task();
	args = syscall_args(regs);
	op = fd_op_refine(fd_op(regs->orig_ax), &args);
	if (op == OP_NONE)
		return 0;
	id = current_counted_id(watch, thread);
	if (op == OP_CLOSE) {
		if (ret != -EBADF)
			fd_closed(id, task, 1);
	} else if (ret >= 0) {
		fd_call_done(id, task, op, &args);
	} else {
		if (op == OP_DUP2 || op == OP_CLOSE_RANGE)
			bpf_map_delete_elem(&fd_pending, &thread);
		if (op != OP_CLOSE_RANGE && ret >= -MAX_USER_ERRNO)
			fd_open_failed(id, -ret);
	}
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(fd_sys_exit, struct pt_regs *regs, long ret)
{
	return fd_op_possible(regs->orig_ax) ? fd_call_ends(regs, ret) : 0;
}

/* What a call will find open that is about to replace or to close it. */
static __always_inline void pending_put(s64 open)
{
	u64 thread = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&fd_pending, &thread, &open, BPF_ANY);
}

static __always_inline void dup2_begins(u32 fd)
{
	pending_put(fd_open_at((void *)bpf_get_current_task(), fd));
}

static __always_inline void close_range_begins(u32 first, u32 last, u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	pending_put(flags & CLOSE_RANGE_CLOEXEC ? 0 : fds_open_between(task, first, last));
}

/* On the tracepoints of single calls, where a program may read as many arguments as the call has.
 * i386 calls do not pass there: at their sys_exit what they found is not known, and counted as
 * lost. */
SEC("?tracepoint")
int fd_sys_enter_dup(struct trace_event_raw_sys_enter *ctx)
{
	if (is_watched(bpf_get_current_pid_tgid() >> 32))
		dup2_begins(ctx->args[1]);
	return 0;
}

SEC("?tracepoint")
int fd_sys_enter_close_range(struct trace_event_raw_sys_enter *ctx)
{
	if (is_watched(bpf_get_current_pid_tgid() >> 32))
		close_range_begins(ctx->args[0], ctx->args[1], ctx->args[2]);
	return 0;
}

/* Where those cannot be had: every call passes here. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(fd_sys_enter, struct pt_regs *regs, long nr)
{
	struct syscall_args args;
	u8 op;

	if (!fd_op_possible(nr) || !is_watched(bpf_get_current_pid_tgid() >> 32))
		return 0;
	op = fd_op(nr);
	args = syscall_args(regs);
	if (op == OP_DUP2)
		dup2_begins(args.b);
	else if (op == OP_CLOSE_RANGE)
		close_range_begins(args.a, args.b, args.c);
	return 0;
}

/* ---- the kernel's own functions ---- */

static __always_inline int handle_install(void)
{
	struct task_struct *task;
	u64 id = watched_user_process(&task);

	if (id)
		fd_opened(id, task, 1);
	return 0;
}

/* At its entry, under files->file_lock, what it will find is already so: a slot that is reserved
 * and not yet filled makes it fail with EBUSY. */
static __always_inline int handle_dup2(struct files_struct *files, u32 fd)
{
	struct task_struct *task;
	struct fdtable *fdt;
	u64 id = watched_user_process(&task);

	if (!id)
		return 0;
	fdt = BPF_CORE_READ(files, fdt);
	if (fd_is_filled(fdt, fd) || !fd_is_taken(fdt, fd))
		fd_opened(id, task, 1);
	return 0;
}

/* owner is the table that the descriptor was in: the task's own, or one that is being torn down
 * (exit, or the last unshare), or none when the kernel closes a file of its own. */
static __always_inline int handle_close(void *owner)
{
	struct task_struct *task;
	u64 id = watched_user_process(&task);

	if (id && owner && CURRENT(files) == owner)
		fd_closed(id, task, 1);
	return 0;
}

static __always_inline int handle_result(long ret)
{
	struct task_struct *task;
	u64 id;

	if (ret >= 0 || ret < -MAX_USER_ERRNO)
		return 0;
	id = watched_user_process(&task);
	if (id)
		fd_open_failed(id, -ret);
	return 0;
}

SEC("?kprobe.multi")
int BPF_KPROBE(fd_multi_install)
{
	return handle_install();
}

SEC("?kprobe.multi")
int BPF_KPROBE(fd_multi_dup2, struct files_struct *files, struct file *file, unsigned int fd)
{
	return handle_dup2(files, fd);
}

SEC("?kprobe.multi")
int BPF_KPROBE(fd_multi_close, struct file *file, void *owner)
{
	return handle_close(owner);
}

/* On the entry functions of the system calls that open: only these pay. */
SEC("?kretprobe.multi")
int BPF_KRETPROBE(fd_multi_result, long ret)
{
	return handle_result(ret);
}

/* On those that wait, apart: before 6.14 a link has few returns that it can wait for at a time, and
 * threads that sit in accept() must not take them from the others. */
SEC("?kretprobe.multi")
int BPF_KRETPROBE(fd_multi_accepted, long ret)
{
	return handle_result(ret);
}

SEC("?fentry/fd_install")
int BPF_PROG(fd_entry_install)
{
	return handle_install();
}

SEC("?fentry/do_dup2")
int BPF_PROG(fd_entry_dup2, struct files_struct *files, struct file *file, unsigned int fd)
{
	return handle_dup2(files, fd);
}

SEC("?fentry/filp_close")
int BPF_PROG(fd_entry_close, struct file *file, void *owner)
{
	return handle_close(owner);
}

SEC("?fentry/filp_flush")
int BPF_PROG(fd_entry_flush, struct file *file, void *owner)
{
	return handle_close(owner);
}

/* fentry has no cheap way to so many functions: failures are read at sys_exit, and only they. */
SEC("?tp_btf/sys_exit")
int BPF_PROG(fd_sys_exit_failed, struct pt_regs *regs, long ret)
{
	struct task_struct *task;
	struct syscall_args args;
	u64 id;
	u8 op;

	if (ret >= 0 || ret < -MAX_USER_ERRNO || !fd_op_possible(regs->orig_ax))
		return 0;
	id = watched_user_process(&task);
	if (!id)
		return 0;
	args = syscall_args(regs);
	op = fd_op_refine(fd_op(regs->orig_ax), &args);
	if (op != OP_NONE && op != OP_CLOSE && op != OP_CLOSE_RANGE)
		fd_open_failed(id, -ret);
	return 0;
}

MAP_READER(fd_processes, struct fd_process)
MAP_FINDER(fd_processes, struct fd_process)
