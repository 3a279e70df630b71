/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* Processes that are born with a copied table, lose a part of it at exec, and end; and the tables
 * as they are now. The same on every rung. */
#ifndef KTALLY_FDSTACK_LIFE_BPF_H
#define KTALLY_FDSTACK_LIFE_BPF_H

#include <bpf/bpf_tracing.h>

#include "fd_calls.bpf.h"
#include "fdstack_ring.bpf.h"
#include "tables.bpf.h"

#define S_IFSOCK 0140000
#define AF_UNIX	 1
#define AF_INET	 2
#define AF_INET6 10

static __always_inline void set_space(u64 process, u64 space)
{
	if (bpf_map_update_elem(&fdstack_spaces, &process, &space, BPF_ANY))
		__sync_fetch_and_add(&fdstack_lost, 1);
}

static __always_inline void put_life(u32 kind, u64 process, u64 parent, u64 space)
{
	struct fdstack_rec *rec = bpf_ringbuf_reserve(&fdstack_events, sizeof(*rec), 0);

	if (!rec) {
		__sync_fetch_and_add(&fdstack_lost, 1);
		return;
	}
	fill(rec, kind, process);
	rec->parent = parent;
	rec->space = space;
	bpf_ringbuf_submit(rec, 0);
}

/* The child's memory is laid out as its parent's, until it executes. Attached after the program
 * that marks it watched, and where that one is: sched_process_fork comes before. */
SEC("?tp_btf/sched_wakeup_new")
int BPF_PROG(fdstack_fork, struct task_struct *child)
{
	u64 process, parent, space;

	if (child->pid != child->tgid || !is_watched(child->tgid))
		return 0;
	process = leader_process_id(child);
	parent = current_process_id(bpf_get_current_pid_tgid());
	space = space_of(parent);
	set_space(process, space);
	put_life(FDSTACK_FORK, process, parent, space);
	return 0;
}

/* Comes after what is closed on exec has been closed. */
SEC("?tp_btf/sched_process_exec")
int BPF_PROG(fdstack_exec, struct task_struct *task)
{
	struct fdstack_exec_rec *rec;
	unsigned long *bits;
	u32 i, max_fds;
	u64 process;

	if (!is_watched(task->tgid))
		return 0;
	process = process_id(task);
	rec = bpf_ringbuf_reserve(&fdstack_events, sizeof(*rec), 0);
	if (!rec) {
		__sync_fetch_and_add(&fdstack_lost, 1);
		return 0;
	}
	fill(&rec->rec, FDSTACK_EXEC, process);
	rec->rec.space = process ^ (rec->rec.ts_ns * 0x9e3779b97f4a7c15ULL);
	set_space(process, rec->rec.space);
	bits = BPF_CORE_READ(task, files, fdt, open_fds);
	max_fds = BPF_CORE_READ(task, files, fdt, max_fds);
	for (i = 0; i < FDSTACK_EXEC_WORDS; i++)
		rec->open[i] = i * 64 < max_fds ? fds_word(bits, i) : 0;
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(fdstack_exit, struct task_struct *task)
{
	u64 process;

	if (!is_watched(task->tgid))
		return 0;
	note_left_table(task, task->signal->nr_threads);
	if (task->signal->live.counter)
		return 0;
	process = process_id(task);
	bpf_map_delete_elem(&fdstack_spaces, &process);
	put_life(FDSTACK_EXIT, process, 0, 0);
	return 0;
}

/* ---- a look at all tables ---- */

static __always_inline void describe_unix(struct fdstack_open *o, struct sock *sk)
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)sk, addr);
	u64 len = (u32)BPF_CORE_READ(addr, len) - sizeof(u16); /* of sun_path; unnamed: 0 */

	if (!addr || !len || len > sizeof(((struct sockaddr_un *)0)->sun_path))
		return;
	barrier_var(len); /* the verifier must see the bound */
	if (len > sizeof(o->path) - 1)
		len = sizeof(o->path) - 1;
	bpf_probe_read_kernel(o->path, len, &addr->name[0].sun_path);
}

static __always_inline void describe_socket(struct fdstack_open *o, struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	if (!sk)
		return;
	o->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	o->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (o->family == AF_UNIX)
		describe_unix(o, sk);
	if (o->family != AF_INET && o->family != AF_INET6)
		return;
	o->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	o->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (o->family == AF_INET) {
		*(u32 *)o->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(u32 *)o->peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&o->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&o->peer, sk, __sk_common.skc_v6_daddr);
	}
}

SEC("?iter/task_file")
int fdstack_look(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct fdstack_open o = {};

	if (!task || !file || !is_watched(task->tgid))
		return 0;
	if (task->group_leader->files && task->group_leader->files != task->files)
		return 0;
	o.process = process_id(task);
	o.file = (u64)file;
	o.fd = ctx->fd;
	describe_file(o.name, &o.mode, file);
	if ((o.mode & S_IFMT) == S_IFSOCK)
		describe_socket(&o, file);
	bpf_seq_write(ctx->meta->seq, &o, sizeof(o));
	return 0;
}

#endif
