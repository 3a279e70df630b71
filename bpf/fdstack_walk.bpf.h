/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* The stack of the current task in user space: walked where its rows are known, else copied. */
#ifndef KTALLY_FDSTACK_WALK_BPF_H
#define KTALLY_FDSTACK_WALK_BPF_H

#include "fdstack_ring.bpf.h"

/* The site of a stack that is known, or FDSTACK_SITE_NONE. The hash is of every program counter,
 * so that two ways to the same call are two sites. */
static __always_inline u32 known_site(u64 space, struct pt_regs *regs)
{
	struct fdstack_stack_key stack = { .space = space };
	struct fdstack_row_key at = { .space = space, .pc = BPF_CORE_READ(regs, ip) };
	u64 sp = BPF_CORE_READ(regs, sp), fp = BPF_CORE_READ(regs, bp);
	struct fdstack_row *row;
	u32 *site, i;

	for (i = 0; i < FDSTACK_DEPTH_MAX; i++) {
		row = bpf_map_lookup_elem(&fdstack_rows, &at);
		if (!row)
			return FDSTACK_SITE_NONE;
		stack.hash = fdstack_hash(stack.hash, at.pc);
		if (row->outermost)
			break;
		sp = (row->cfa_from_fp ? fp : sp) + row->cfa_offset;
		if (bpf_probe_read_user(&at.pc, sizeof(at.pc), (void *)(sp - 8)))
			return FDSTACK_SITE_NONE;
		if (row->fp_offset &&
		    bpf_probe_read_user(&fp, sizeof(fp), (void *)(sp + row->fp_offset)))
			return FDSTACK_SITE_NONE;
	}
	site = bpf_map_lookup_elem(&fdstack_known, &stack);
	return site ? *site : FDSTACK_SITE_NONE;
}

/* Lessons: attached to nothing, run by user space with three words. */
SEC("?raw_tp")
int fdstack_teach_row(u64 *args)
{
	struct fdstack_row_key key = { .space = args[0], .pc = args[1] };
	union fdstack_row_word row = { .word = args[2] };

	return bpf_map_update_elem(&fdstack_rows, &key, &row.row, BPF_ANY);
}

SEC("?raw_tp")
int fdstack_teach_stack(u64 *args)
{
	struct fdstack_stack_key key = { .space = args[0], .hash = args[1] };
	u32 site = args[2];

	return bpf_map_update_elem(&fdstack_known, &key, &site, BPF_ANY);
}

static __always_inline void copy_regs(u64 *to, struct pt_regs *regs)
{
	to[0] = BPF_CORE_READ(regs, ax);
	to[1] = BPF_CORE_READ(regs, dx);
	to[2] = BPF_CORE_READ(regs, cx);
	to[3] = BPF_CORE_READ(regs, bx);
	to[4] = BPF_CORE_READ(regs, si);
	to[5] = BPF_CORE_READ(regs, di);
	to[6] = BPF_CORE_READ(regs, bp);
	to[7] = BPF_CORE_READ(regs, sp);
	to[8] = BPF_CORE_READ(regs, r8);
	to[9] = BPF_CORE_READ(regs, r9);
	to[10] = BPF_CORE_READ(regs, r10);
	to[11] = BPF_CORE_READ(regs, r11);
	to[12] = BPF_CORE_READ(regs, r12);
	to[13] = BPF_CORE_READ(regs, r13);
	to[14] = BPF_CORE_READ(regs, r14);
	to[15] = BPF_CORE_READ(regs, r15);
	to[16] = BPF_CORE_READ(regs, ip);
}

/* Chunks are aligned, so that the copy reaches to the last byte that is mapped. */
static __always_inline bool capture(const struct happening *h, u64 space, const u32 size)
{
	struct fdstack_capture *c =
		bpf_ringbuf_reserve(&fdstack_events, sizeof(struct fdstack_capture) + size, 0);
	u64 from;
	u32 i;

	if (!c)
		return false;
	fill_open(&c->rec, h, space);
	copy_regs(c->regs, h->regs);
	from = c->regs[7] & ~(FDSTACK_COPY_CHUNK - 1ULL);
	c->stack_address = from;
	for (i = 0; i < size / FDSTACK_COPY_CHUNK; i++)
		if (bpf_probe_read_user((void *)(c + 1) + i * FDSTACK_COPY_CHUNK,
					FDSTACK_COPY_CHUNK,
					(void *)(from + i * FDSTACK_COPY_CHUNK)))
			break;
	c->rec.stack_len = i * FDSTACK_COPY_CHUNK;
	bpf_ringbuf_submit(c, 0);
	return true;
}

/* The stack of a first thread ends where the kernel put its arguments; that of another is as long
 * as it may be, unless there is a crowd. */
static __always_inline bool small_is_enough(const struct happening *h)
{
	struct task_struct *task = h->task;
	struct pt_regs *regs = h->regs;
	u64 sp = BPF_CORE_READ(regs, sp), start = BPF_CORE_READ(task, mm, start_stack);

	if (sp < start && start - sp < (64 << 20))
		return start - sp < FDSTACK_COPY_SMALL - FDSTACK_COPY_CHUNK;
	return bpf_ringbuf_query(&fdstack_events, BPF_RB_AVAIL_DATA) > RING_FULL_ENOUGH;
}

static __always_inline bool capture_fitting(const struct happening *h, u64 space)
{
	__sync_fetch_and_add(&fdstack_stacks, 1);
	if (small_is_enough(h))
		return capture(h, space, FDSTACK_COPY_SMALL);
	return capture(h, space, FDSTACK_COPY_BIG);
}

#endif
