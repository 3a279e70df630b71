// SPDX-License-Identifier: BSD-2-Clause
/* What an unwind table says of one address, where it is simple enough for somebody who knows two
 * registers and cannot read tables. */
#include <dwarf.h>

#include "stacks/internal.h"

/* "register plus offset", of the stack or the frame pointer. */
static bool simple_cfa(Dwarf_Frame *frame, struct stack_row *row)
{
	uint64_t number, offset;
	Dwarf_Op *ops;
	size_t cnt;

	if (dwarf_frame_cfa(frame, &ops, &cnt) || cnt != 1)
		return false;
	if (ops->atom == DW_OP_bregx) {
		number = ops->number;
		offset = ops->number2;
	} else {
		number = (uint64_t)ops->atom - DW_OP_breg0;
		offset = ops->number;
	}
	if (number != STACK_REG_SP && number != STACK_REG_FP)
		return false;
	row->cfa_from_fp = number == STACK_REG_FP;
	row->cfa_offset = (int32_t)offset;
	return row->cfa_offset == (int64_t)offset;
}

/* Saved at the caller's stack pointer plus *ret. False: somewhere else, or not at all. */
static bool saved_at(Dwarf_Frame *frame, int number, int64_t *ret)
{
	Dwarf_Op memory[3], *ops;
	size_t cnt;

	if (dwarf_frame_register(frame, number, memory, &ops, &cnt) || cnt != 2 ||
	    ops[0].atom != DW_OP_call_frame_cfa || ops[1].atom != DW_OP_plus_uconst)
		return false;
	*ret = (int64_t)ops[1].number;
	return true;
}

static bool unchanged(Dwarf_Frame *frame, int number)
{
	Dwarf_Op memory[3], *ops;
	size_t cnt;

	return !dwarf_frame_register(frame, number, memory, &ops, &cnt) && !cnt && !ops;
}

static bool simple_fp(Dwarf_Frame *frame, struct stack_row *row)
{
	int64_t offset = 0;

	if (unchanged(frame, STACK_REG_FP))
		return true;
	if (!saved_at(frame, STACK_REG_FP, &offset) || offset < INT16_MIN || offset > -8)
		return false;
	row->fp_offset = (int16_t)offset;
	return true;
}

int frame_row(Dwarf_Frame *frame, struct stack_row *ret)
{
	struct stack_row row = {};
	bool is_signal = false;
	int64_t link_offset = 0;
	int link = dwarf_frame_info(frame, NULL, NULL, &is_signal);

	if (link < 0 || is_signal)
		return -ENODATA;
	row.outermost = frame_is_outermost(frame);
	if (!row.outermost && (!simple_cfa(frame, &row) || !simple_fp(frame, &row) ||
			       !saved_at(frame, link, &link_offset) || link_offset != -8))
		return -ENODATA;
	*ret = row;
	return 0;
}
