// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/*
 * Who opened what: each descriptor that appears in a watched process's table or leaves it is a
 * record in one ring, in order, and each that appears names the stack that opened it. Stacks are
 * walked here by rows that user space has learned from the unwind tables of the binaries, one for
 * each program counter; a stack that they do not cover, or that is new, is copied for user space,
 * which teaches what was missing. Rungs are those of fd.bpf.c, and see the same.
 */
#include "targets.bpf.h"

#include <bpf/bpf_tracing.h>

#include "fd_calls.bpf.h"
#include "fdstack_life.bpf.h"
#include "fdstack_walk.bpf.h"
#include "tables.bpf.h"

#define THREAD_SIZE	 16384 /* x86-64 without KASAN */
#define NR_CLOSE	 3
#define NR_CLOSE_32	 6
#define NR_SOCKETPAIR	 53
#define NR_SOCKETPAIR_32 360
#define NR_SOCKETCALL_32 102

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __noinline int opened(const struct happening *h)
{
	u64 space = space_of(h->process);
	u32 site = FDSTACK_SITE_LOST;
	struct fdstack_rec *rec;
	struct walk w = {};
	struct top *top;

	if (!own_table(h->task) || lose_this_one(&fdstack_lost))
		return 0;
	top = take_top(h);
	if (top && top->regs.ip) { /* a worker of io_uring has no stack of its own */
		walk_whole(&w, h, space, top);
		site = known_site(space, &w);
		if (site == FDSTACK_SITE_NONE) {
			if (capture_fitting(h, space, &w))
				return 0;
			site = FDSTACK_SITE_LOST;
		}
	}
	rec = bpf_ringbuf_reserve(&fdstack_events, sizeof(*rec), 0);
	if (!rec) {
		__sync_fetch_and_add(&fdstack_lost, 1);
		return 0;
	}
	fill_open(rec, h, space);
	rec->site = site;
	bpf_ringbuf_submit(rec, ring_flags());
	return 0;
}

static __always_inline void closed(struct task_struct *task, u64 process, struct file *file, s32 fd)
{
	struct fdstack_rec *rec;

	if (!own_table(task) || lose_this_one(&fdstack_lost))
		return;
	rec = bpf_ringbuf_reserve(&fdstack_events, sizeof(*rec), 0);
	if (!rec) {
		__sync_fetch_and_add(&fdstack_lost, 1);
		return;
	}
	fill(rec, FDSTACK_CLOSE, process);
	rec->fd = fd;
	rec->file = (u64)file;
	bpf_ringbuf_submit(rec, ring_flags());
}

static __always_inline void closed_range(struct task_struct *task, u64 process, u32 first, u32 last)
{
	struct fdstack_rec *rec;

	if (!own_table(task))
		return;
	rec = bpf_ringbuf_reserve(&fdstack_events, sizeof(*rec), 0);
	if (!rec) {
		__sync_fetch_and_add(&fdstack_lost, 1);
		return;
	}
	fill(rec, FDSTACK_CLOSE_RANGE, process);
	rec->fd = first;
	rec->last_fd = last;
	bpf_ringbuf_submit(rec, ring_flags());
}

/* ---- rung syscall ---- */

/* Where a call that opens two puts them. */
static __always_inline u64 pair_address(struct pt_regs *regs, struct task_struct *task,
					const struct syscall_args *args)
{
	u32 in_vector = 0;

	if (!(BPF_CORE_READ(task, thread_info.status) & TS_COMPAT))
		return (regs->orig_ax & ~X32_SYSCALL_BIT) == NR_SOCKETPAIR ? regs->r10 : args->a;
	if (regs->orig_ax == NR_SOCKETPAIR_32)
		return (u32)regs->si;
	if (regs->orig_ax != NR_SOCKETCALL_32)
		return args->a;
	bpf_probe_read_user(&in_vector, sizeof(in_vector), (void *)(args->b + 12));
	return in_vector;
}

static __always_inline void opened_at(struct happening *h, s32 fd)
{
	h->fd = fd;
	h->file = file_at(h->task, fd);
	if (h->file)
		opened(h);
}

static __always_inline bool closes(u8 op)
{
	return op == OP_CLOSE || op == OP_CLOSE_RANGE;
}

/* As fd_op_possible(), for what matters at one end of the call. */
static __always_inline bool may_close(u64 nr)
{
	const union fd_ops *ops = fd_ops_of(nr);

	return closes(ops->x64) || closes(ops->i386);
}

static __always_inline bool may_open(u64 nr)
{
	const union fd_ops *ops = fd_ops_of(nr);

	return (ops->x64 && !closes(ops->x64)) || (ops->i386 && !closes(ops->i386));
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(fdstack_sys_exit, struct pt_regs *regs, long ret)
{
	struct happening h = { .regs = regs };
	struct syscall_args args;
	s32 pair[2] = { -1, -1 };
	u8 op;

	if (ret < 0 || !may_open(regs->orig_ax))
		return 0;
	h.process = watched_user_process(&h.task);
	if (!h.process)
		return 0;
	args = syscall_args(regs);
	op = fd_op_refine(fd_op(regs->orig_ax), &args);
	if (op == OP_OPEN) {
		opened_at(&h, ret);
	} else if (op == OP_DUP2) {
		if ((u32)args.a != (u32)args.b)
			opened_at(&h, args.b);
	} else if (op == OP_PAIR) {
		if (bpf_probe_read_user(pair, sizeof(pair),
					(void *)pair_address(regs, h.task, &args)))
			return 0;
		opened_at(&h, pair[0]);
		opened_at(&h, pair[1]);
	}
	return 0;
}

/* Before the number is free for others: in the order of the ring, a close comes before the open
 * that takes it. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(fdstack_sys_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task;
	struct syscall_args args;
	struct file *file;
	u64 process;
	u8 op;

	if (!may_close(nr))
		return 0;
	process = watched_user_process(&task);
	if (!process)
		return 0;
	op = fd_op(nr);
	if (!closes(op))
		return 0;
	args = syscall_args(regs);
	if (op == OP_CLOSE) {
		file = file_at(task, args.a);
		if (file)
			closed(task, process, file, args.a);
	} else if (!(args.c & CLOSE_RANGE_CLOEXEC)) {
		closed_range(task, process, args.a, args.b);
	}
	return 0;
}

/* ---- rungs kprobe.multi and fentry: the kernel's own functions, see fd.bpf.c ---- */

static __always_inline struct pt_regs *user_regs(struct task_struct *task)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return BPF_CORE_READ(task, stack) + THREAD_SIZE - sizeof(struct pt_regs);
}

static __always_inline int handle_install(s32 fd, struct file *file)
{
	struct happening h = { .fd = fd, .file = file };

	h.process = watched_user_process(&h.task);
	if (!h.process)
		return 0;
	h.regs = user_regs(h.task);
	return opened(&h);
}

static __always_inline int handle_dup2(struct file *file, u32 fd)
{
	struct happening h = { .fd = fd, .file = file, .walker = WALKER_DUP2 };

	h.process = watched_user_process(&h.task);
	if (!h.process)
		return 0;
	if (!file_at(h.task, fd) && fd_open_at(h.task, fd))
		return 0; /* reserved and not yet filled: it will fail with EBUSY */
	h.regs = user_regs(h.task);
	return opened(&h);
}

/* The number is known only where it is the call's argument; that it may be another file's by now
 * shows from the file. What dup2 replaces has been told by the record of what it opens: by the file
 * alone, some other copy of it would be taken for closed. */
static __always_inline int handle_close(struct file *file, void *owner)
{
	struct task_struct *task;
	u64 nr, process = watched_user_process(&task);
	struct pt_regs *regs;
	s32 fd = -1;

	if (!process || !owner || BPF_CORE_READ(task, files) != owner)
		return 0;
	regs = user_regs(task);
	nr = BPF_CORE_READ(regs, orig_ax);
	if (fd_op(nr) == OP_DUP2)
		return 0;
	if (nr == (is_compat_call() ? NR_CLOSE_32 : NR_CLOSE))
		fd = nr == NR_CLOSE ? BPF_CORE_READ(regs, di) : BPF_CORE_READ(regs, bx);
	closed(task, process, file, fd);
	return 0;
}

SEC("?kprobe.multi")
int BPF_KPROBE(fdstack_multi_install, unsigned int fd, struct file *file)
{
	return handle_install(fd, file);
}

SEC("?kprobe.multi")
int BPF_KPROBE(fdstack_multi_dup2, struct files_struct *files, struct file *file, unsigned int fd)
{
	return handle_dup2(file, fd);
}

SEC("?kprobe.multi")
int BPF_KPROBE(fdstack_multi_close, struct file *file, void *owner)
{
	return handle_close(file, owner);
}

SEC("?fentry/fd_install")
int BPF_PROG(fdstack_entry_install, unsigned int fd, struct file *file)
{
	return handle_install(fd, file);
}

SEC("?fentry/do_dup2")
int BPF_PROG(fdstack_entry_dup2, struct files_struct *files, struct file *file, unsigned int fd)
{
	return handle_dup2(file, fd);
}

SEC("?fentry/filp_close")
int BPF_PROG(fdstack_entry_close, struct file *file, void *owner)
{
	return handle_close(file, owner);
}

SEC("?fentry/filp_flush")
int BPF_PROG(fdstack_entry_flush, struct file *file, void *owner)
{
	return handle_close(file, owner);
}
