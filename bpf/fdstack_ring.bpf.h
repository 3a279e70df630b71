/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* The maps of fdstack.bpf.c, and its records as they are begun. */
#ifndef KTALLY_FDSTACK_RING_BPF_H
#define KTALLY_FDSTACK_RING_BPF_H

#include "fdstack.h"
#include "targets.bpf.h"

#define ANON_INODE_FS_MAGIC 0x09041934
#define PID_FS_MAGIC	    0x50494446

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} fdstack_events SEC(".maps");

/* Rows and known stacks are added by user space only. What nobody looks at makes room: a process
 * that has gone leaves its own behind. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct fdstack_row_key);
	__type(value, struct fdstack_row);
} fdstack_rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct fdstack_stack_key);
	__type(value, u32);
} fdstack_known SEC(".maps");

/* Address spaces of processes that were born or executed under watch; others are their own. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
} fdstack_spaces SEC(".maps");

__u64 fdstack_lost = 0;	 /* records that found no room */
__u64 fdstack_stacks = 0; /* opens whose stack had to be copied */

/* A reader that is far behind is woken; else it comes by itself, at the tick. */
#define RING_FULL_ENOUGH (1 << 21)

static __always_inline u64 ring_flags(void)
{
	return bpf_ringbuf_query(&fdstack_events, BPF_RB_AVAIL_DATA) > RING_FULL_ENOUGH ?
		       BPF_RB_FORCE_WAKEUP :
		       BPF_RB_NO_WAKEUP;
}

static __always_inline u64 space_of(u64 process)
{
	u64 *space = bpf_map_lookup_elem(&fdstack_spaces, &process);

	return space ? *space : process;
}

/* Programs that walk stacks on one rung. */
enum walker { WALKER_FIRST, WALKER_DUP2, WALKER_CNT };

/* What is being recorded, of the current task. */
struct happening {
	struct task_struct *task;
	struct pt_regs *regs; /* as it entered the kernel */
	struct file *file;
	u64 process;
	s32 fd;
	enum walker walker;
};

static __always_inline void describe_file(char *name, u32 *mode, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);

	*mode = BPF_CORE_READ(inode, i_mode);
	if (magic == ANON_INODE_FS_MAGIC)
		bpf_probe_read_kernel_str(name, FDSTACK_NAME_LEN,
					  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	else if (magic == PID_FS_MAGIC)
		__builtin_memcpy(name, "[pidfd]", 8);
}

static __always_inline void fill(struct fdstack_rec *rec, u32 kind, u64 process)
{
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->kind = kind;
	rec->process = process;
	rec->ts_ns = bpf_ktime_get_ns();
}

static __always_inline void fill_open(struct fdstack_rec *rec, const struct happening *h, u64 space)
{
	fill(rec, FDSTACK_OPEN, h->process);
	rec->space = space;
	rec->fd = h->fd;
	rec->file = (u64)h->file;
	describe_file(rec->name, &rec->mode, h->file);
}

static __always_inline struct file *file_at(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;

	if (slots && fd < BPF_CORE_READ(fdt, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	return file;
}

#endif
