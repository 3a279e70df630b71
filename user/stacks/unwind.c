// SPDX-License-Identifier: BSD-2-Clause
/* Callers, one after the other: by the unwind table where there is one, else by the frame pointer,
 * and then marked; and chains that the kernel found, checked against the same tables. */
#include <string.h>

#include <elf.h>

#include "stacks/internal.h"

struct walk {
	struct stacks *s;
	struct space *process;
	const struct stack_capture *capture;
	struct stack_regs regs;
	struct stack_pc pc; /* of regs */
};

static Dwarf_Frame *frame_of(struct stacks *s, const struct stack_pc *pc)
{
	struct module *m = pc->module ? module_find(s, pc->module) : NULL;

	return m && m->elf ? module_frame(s, m, pc_lookup(pc)) : NULL;
}

/* The pair that "push rbp; mov rbp, rsp" leaves; that somebody did so is a guess. */
static enum stack_end step_by_pointer(const struct stack_capture *capture, struct stack_regs *regs)
{
	struct stack_regs caller = { .known = 1ull << STACK_REG_FP | 1ull << STACK_REG_SP |
					      1ull << STACK_REG_PC };
	uint64_t fp = regs->v[STACK_REG_FP];

	if (!(regs->known >> STACK_REG_FP & 1) || fp % 8 || fp < regs->v[STACK_REG_SP] ||
	    !capture_read(capture, fp, &caller.v[STACK_REG_FP]) ||
	    !capture_read(capture, fp + 8, &caller.v[STACK_REG_PC]) || !caller.v[STACK_REG_PC])
		return STACK_END_NO_TABLE;
	caller.v[STACK_REG_SP] = fp + 16;
	*regs = caller;
	return STACK_END_COUNT;
}

/* Return addresses are signed where the processor can do so; the signature is above bit 47. */
static uint64_t plain_pc(uint64_t pc)
{
	return STACK_MACHINE == EM_AARCH64 ? pc & ((1ull << 48) - 1) : pc;
}

/* From w->pc to its caller. STACK_END_COUNT: there is one. */
static enum stack_end step(struct walk *w)
{
	Dwarf_Frame *frame = frame_of(w->s, &w->pc);
	bool is_signal = false;
	enum stack_end end;

	if (frame) {
		dwarf_frame_info(frame, NULL, NULL, &is_signal);
		end = frame_step(frame, w->capture, &w->regs);
		if (w->pc.how == STACK_CAPTURED)
			w->pc.how = STACK_UNWOUND;
	} else {
		end = step_by_pointer(w->capture, &w->regs);
		w->pc.how = STACK_GUESSED;
	}
	if (end != STACK_END_COUNT)
		return end;
	w->pc.pc = plain_pc(w->regs.v[STACK_REG_PC]);
	if (!w->pc.pc)
		return frame ? STACK_END_OUTERMOST : STACK_END_NO_TABLE;
	w->pc.is_return = !is_signal;
	return space_locate(w->s, w->process, &w->pc) ? STACK_END_COUNT : STACK_END_UNMAPPED;
}

static enum stack_end put(struct stack_trace *trace, const struct stack_pc *pc)
{
	if (trace->cnt == trace->cap)
		return STACK_END_FULL;
	trace->pcs[trace->cnt++] = *pc;
	return STACK_END_COUNT;
}

/* A program counter that is in the capture. */
static enum stack_end put_captured(struct walk *w, struct stack_trace *trace, uint64_t pc)
{
	bool is_return = trace->cnt > 0, mapped;
	enum stack_end end;

	if (!pc && is_return)
		return STACK_END_OUTERMOST;
	w->pc = (struct stack_pc){ .pc = pc, .is_return = is_return,
				   .how = is_return ? STACK_UNWOUND : STACK_CAPTURED };
	mapped = space_locate(w->s, w->process, &w->pc);
	if (!mapped && is_return)
		return STACK_END_UNMAPPED;
	end = put(trace, &w->pc);
	return mapped ? end : STACK_END_UNMAPPED;
}

int stacks_unwind(struct stacks *s, const struct stack_capture *capture, struct stack_trace *trace)
{
	struct walk w = { .s = s, .capture = capture };
	enum stack_end end = STACK_END_COUNT;
	size_t i;
	int err;

	if (!trace->cap)
		return -EINVAL;
	err = space_get(s, &capture->process, &w.process);
	if (err)
		return err;
	memcpy(w.regs.v, capture->regs, sizeof(w.regs.v));
	w.regs.known = capture->regs_known;
	trace->cnt = 0;
	for (i = 0; i < capture->callee_cnt && end == STACK_END_COUNT; i++)
		end = put_captured(&w, trace, capture->callees[i]);
	if (end == STACK_END_COUNT)
		end = put_captured(&w, trace, capture->regs[STACK_REG_PC]);
	while (end == STACK_END_COUNT) {
		end = step(&w);
		if (end == STACK_END_COUNT)
			end = put(trace, &w.pc);
	}
	trace->end = end;
	return 0;
}

int stacks_row(struct stacks *s, const struct stack_pc *pc, struct stack_row *ret)
{
	Dwarf_Frame *frame = frame_of(s, pc);

	return frame ? frame_row(frame, ret) : -ENODATA;
}

/* A guess may have led out of the stack of calls and back: whole is what was proved all the way. */
static enum stack_end end_of_chain(struct stacks *s, const struct stack_pc *last)
{
	Dwarf_Frame *frame = last->how < STACK_GUESSED ? frame_of(s, last) : NULL;

	return frame && frame_is_outermost(frame) ? STACK_END_OUTERMOST : STACK_END_UNPROVED;
}

int stacks_check_chain(struct stacks *s, const struct stack_process_id *id, const uint64_t *pcs,
		       size_t cnt, struct stack_trace *trace)
{
	struct space *process;
	struct stack_pc pc = {};
	size_t i;
	int err;

	if (!trace->cap || !cnt)
		return -EINVAL;
	err = space_get(s, id, &process);
	if (err)
		return err;
	trace->cnt = 0;
	for (i = 0; i < cnt && i < trace->cap; i++) {
		Dwarf_Frame *frame = i ? frame_of(s, &pc) : NULL;

		if (i)
			pc.how = pc.how < STACK_GUESSED && frame && frame_has_pointer(frame) ?
					 STACK_CHAINED : STACK_GUESSED;
		pc.pc = pcs[i];
		pc.is_return = i > 0;
		if (!space_locate(s, process, &pc) && i) {
			trace->end = STACK_END_UNMAPPED;
			return 0;
		}
		trace->pcs[trace->cnt++] = pc;
	}
	trace->end = i < cnt ? STACK_END_FULL : end_of_chain(s, &pc);
	return 0;
}
