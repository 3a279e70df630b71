/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* The stack of the current task in user space: walked where its rows are known, else copied. */
#ifndef KTALLY_FDSTACK_WALK_BPF_H
#define KTALLY_FDSTACK_WALK_BPF_H

#include "fdstack_ring.bpf.h"

#define TOP_BYTES  512
#define FRAME_READ 16 /* frame pointer, return address */

/* Of the stack that is walked: reading it costs by the call, not by the byte. A program that is
 * preempted is not run for the task that comes in between (see fd.bpf.c), so each that walks has
 * one of its own; where that is not so, which is 5.11 alone, it shows from the task. */
struct top {
	u64 task; /* whose it is */
	u64 base; /* user address of the first byte, once there is one */
	u64 filled;
	struct pt_regs regs;
	u8 bytes[TOP_BYTES + FRAME_READ];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKER_CNT);
	__type(key, u32);
	__type(value, struct top);
} fdstack_tops SEC(".maps");

static __always_inline struct top *take_top(const struct happening *h)
{
	u32 walker = h->walker;
	struct top *top = bpf_map_lookup_elem(&fdstack_tops, &walker);

	if (!top)
		return NULL;
	top->task = (u64)h->task;
	top->filled = false;
	bpf_probe_read_kernel(&top->regs, sizeof(top->regs), h->regs);
	return top;
}

static __always_inline bool is_still_of(const struct top *top, const struct happening *h)
{
	return *(volatile const u64 *)&top->task == (u64)h->task;
}

/* How far rows lead. */
struct walk {
	u64 pc, sp, fp; /* of the frame that was reached */
	u64 hash;       /* of every program counter that has a row, so that two ways to the same
			 * call are two sites */
	u32 cnt;        /* frames before it */
	bool whole;     /* it is the outermost one, or as deep as is looked */
	bool lost;      /* the stack cannot be read from here on */
};

/* The two words below the caller's stack pointer, of which the first may be something else than a
 * frame pointer. NULL: they, or what is beyond them, can't be read. */
static __always_inline u64 *frame_in_top(struct top *top, u64 sp)
{
	u64 from = sp - FRAME_READ, at = from - top->base;

	if (!top->filled || at > TOP_BYTES) {
		top->filled = !bpf_probe_read_user(top->bytes, sizeof(top->bytes), (void *)from);
		if (!top->filled)
			return NULL;
		top->base = from;
		at = 0;
	}
	if (at > TOP_BYTES) /* for the verifier */
		return NULL;
	return (u64 *)(top->bytes + at);
}

/* What a row says lies below the caller's stack pointer. False: it can't be read. */
static __always_inline bool read_frame(struct top *top, u64 sp, s32 fp_offset, u64 *pc, u64 *fp)
{
	u64 *saved = top ? frame_in_top(top, sp) : NULL;

	if (saved)
		*pc = saved[1];
	else if (bpf_probe_read_user(pc, sizeof(*pc), (void *)(sp - 8)))
		return false;
	if (saved && fp_offset == -FRAME_READ)
		*fp = saved[0];
	else if (fp_offset && bpf_probe_read_user(fp, sizeof(*fp), (void *)(sp + fp_offset)))
		return false;
	return true;
}

/* From w->pc, sp and fp on. top: or NULL; pcs: where those of the frames before go, or NULL. */
static __always_inline void walk(struct walk *w, u64 space, struct top *top, u64 *pcs)
{
	struct fdstack_row_key at = { .space = space };
	struct fdstack_row *row;
	u64 sp;
	u32 i;

	w->whole = false;
	for (i = 0; i < FDSTACK_DEPTH_MAX; i++) {
		/* Else the compiler may let the loop's end fall through to its beginning, which
		 * 5.10's verifier takes for a loop without an end. */
		asm volatile("" : "+r"(i));
		w->cnt = i;
		at.pc = w->pc;
		row = bpf_map_lookup_elem(&fdstack_rows, &at);
		if (!row)
			return;
		w->hash = fdstack_hash(w->hash, at.pc);
		w->whole = row->outermost;
		if (w->whole)
			return;
		sp = (row->cfa_from_fp ? w->fp : w->sp) + row->cfa_offset;
		w->lost = !read_frame(top, sp, row->fp_offset, &w->pc, &w->fp);
		if (w->lost)
			return;
		w->sp = sp;
		if (pcs)
			pcs[i] = at.pc;
	}
	w->cnt = i;
	w->whole = true;
}

/* Of a stack in whose place another one was read nothing is known. */
static __always_inline void walk_whole(struct walk *w, const struct happening *h, u64 space,
				       struct top *top)
{
	w->pc = top->regs.ip;
	w->sp = top->regs.sp;
	w->fp = top->regs.bp;
	walk(w, space, top, NULL);
	if (is_still_of(top, h))
		return;
	w->whole = false;
	w->lost = true;
}

/* FDSTACK_SITE_NONE: unknown. */
static __always_inline u32 known_site(u64 space, const struct walk *w)
{
	struct fdstack_stack_key stack = { .space = space, .hash = w->hash };
	u32 *site = w->whole ? bpf_map_lookup_elem(&fdstack_known, &stack) : NULL;

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

static __always_inline void start_at_walk(struct fdstack_capture *c, u64 space)
{
	struct walk w = { .pc = c->regs[16], .sp = c->regs[7], .fp = c->regs[6] };

	walk(&w, space, NULL, c->callees);
	c->callee_cnt = w.cnt;
	c->regs[6] = w.fp;
	c->regs[7] = w.sp;
	c->regs[16] = w.pc;
}

/* Chunks are aligned, so that the copy reaches to the last byte that is mapped. */
static __always_inline bool capture(const struct happening *h, u64 space, bool at_walk,
				    const u32 size)
{
	struct fdstack_capture *c =
		bpf_ringbuf_reserve(&fdstack_events, sizeof(struct fdstack_capture) + size, 0);
	u64 from;
	u32 i;

	if (!c)
		return false;
	fill_open(&c->rec, h, space);
	copy_regs(c->regs, h->regs);
	c->callee_cnt = 0;
	__builtin_memset(c->callees, 0, sizeof(c->callees));
	if (at_walk)
		start_at_walk(c, space);
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
static __always_inline u32 fitting(const struct happening *h, u64 sp)
{
	struct task_struct *task = h->task;
	u64 start = BPF_CORE_READ(task, mm, start_stack), left = start - sp;

	if (sp < start && left < (64 << 20))
		return left < FDSTACK_COPY_SMALL - FDSTACK_COPY_CHUNK ? FDSTACK_COPY_SMALL :
		       left < FDSTACK_COPY_BIG - FDSTACK_COPY_CHUNK   ? FDSTACK_COPY_BIG :
									FDSTACK_COPY_HUGE;
	return bpf_ringbuf_query(&fdstack_events, BPF_RB_AVAIL_DATA) > RING_FULL_ENOUGH ?
		       FDSTACK_COPY_SMALL :
		       FDSTACK_COPY_BIG;
}

/* From the top all registers are known, so that is how a row is learned where it can be. */
static __always_inline bool capture_fitting(const struct happening *h, u64 space,
					    const struct walk *w)
{
	struct pt_regs *regs = h->regs;
	u64 sp = BPF_CORE_READ(regs, sp);
	u32 size = fitting(h, sp);
	bool at_walk = !w->lost && w->sp - sp >= size - 2 * FDSTACK_COPY_CHUNK;

	__sync_fetch_and_add(&fdstack_stacks, 1);
	if (w->whole)
		return capture(h, space, true, 0);
	if (at_walk)
		size = fitting(h, w->sp);
	if (size == FDSTACK_COPY_SMALL)
		return capture(h, space, at_walk, FDSTACK_COPY_SMALL);
	if (size == FDSTACK_COPY_BIG)
		return capture(h, space, at_walk, FDSTACK_COPY_BIG);
	return capture(h, space, at_walk, FDSTACK_COPY_HUGE);
}

#endif
