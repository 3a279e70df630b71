// SPDX-License-Identifier: BSD-2-Clause
/* One step outwards: what an unwind table says about a frame, computed over the copy of its
 * stack. */
#include <string.h>

#include <dwarf.h>

#include "stacks/internal.h"

#define EVAL_DEPTH 16
#define WORD_BITS  64

/* What an expression may refer to. */
struct scene {
	const struct stack_capture *capture;
	const struct stack_regs *regs;
	bool has_cfa;
	uint64_t cfa;
};

struct eval {
	const struct scene *scene;
	uint64_t stack[EVAL_DEPTH];
	size_t depth;
	bool is_value; /* of a register: the result is it, not where it lies */
};

bool capture_read(const struct stack_capture *capture, uint64_t address, uint64_t *ret)
{
	uint64_t at = address - capture->stack_address;

	if (address < capture->stack_address || capture->stack_len < sizeof(*ret) ||
	    at > capture->stack_len - sizeof(*ret))
		return false;
	memcpy(ret, capture->stack + at, sizeof(*ret));
	return true;
}

static bool reg_read(const struct stack_regs *regs, uint64_t number, uint64_t *ret)
{
	if (number >= STACK_REG_CNT || !(regs->known >> number & 1))
		return false;
	*ret = regs->v[number];
	return true;
}

static int push(struct eval *e, uint64_t v)
{
	if (e->depth == EVAL_DEPTH)
		return -EINVAL;
	e->stack[e->depth++] = v;
	return 0;
}

static int push_reg(struct eval *e, uint64_t number, uint64_t offset)
{
	uint64_t v;

	return reg_read(e->scene->regs, number, &v) ? push(e, v + offset) : -ENODATA;
}

static int deref(struct eval *e)
{
	if (!e->depth)
		return -EINVAL;
	return capture_read(e->scene->capture, e->stack[e->depth - 1], &e->stack[e->depth - 1]) ?
		       0 : -EFAULT;
}

static int binary(struct eval *e, uint8_t atom)
{
	uint64_t a, b;

	if (e->depth < 2)
		return -EINVAL;
	b = e->stack[--e->depth];
	a = e->stack[--e->depth];
	switch (atom) {
	case DW_OP_plus:  return push(e, a + b);
	case DW_OP_minus: return push(e, a - b);
	case DW_OP_mul:	  return push(e, a * b);
	case DW_OP_and:	  return push(e, a & b);
	case DW_OP_or:	  return push(e, a | b);
	case DW_OP_xor:	  return push(e, a ^ b);
	case DW_OP_shl:	  return push(e, b < WORD_BITS ? a << b : 0);
	case DW_OP_shr:	  return push(e, b < WORD_BITS ? a >> b : 0);
	case DW_OP_eq:	  return push(e, a == b);
	case DW_OP_ne:	  return push(e, a != b);
	case DW_OP_ge:	  return push(e, (int64_t)a >= (int64_t)b);
	case DW_OP_gt:	  return push(e, (int64_t)a > (int64_t)b);
	case DW_OP_le:	  return push(e, (int64_t)a <= (int64_t)b);
	case DW_OP_lt:	  return push(e, (int64_t)a < (int64_t)b);
	default:	  return -EOPNOTSUPP;
	}
}

/* A register as a location is its value: nothing else can be read from a copy. */
static int reg_as_value(struct eval *e, uint64_t number)
{
	e->is_value = true;
	return push_reg(e, number, 0);
}

static int constant(struct eval *e, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_addr:
	case DW_OP_const1u ... DW_OP_consts:
		return push(e, op->number);
	case DW_OP_lit0 ... DW_OP_lit31:
		return push(e, op->atom - DW_OP_lit0);
	case DW_OP_plus_uconst:
		return e->depth ? push(e, e->stack[--e->depth] + op->number) : -EINVAL;
	default:
		return binary(e, op->atom);
	}
}

/* What compilers and the C library's assembler put into tables; others end the stack, and say
 * so. */
static int apply(struct eval *e, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_call_frame_cfa:
		return e->scene->has_cfa ? push(e, e->scene->cfa) : -EINVAL;
	case DW_OP_breg0 ... DW_OP_breg31:
		return push_reg(e, op->atom - DW_OP_breg0, op->number);
	case DW_OP_bregx:
		return push_reg(e, op->number, op->number2);
	case DW_OP_reg0 ... DW_OP_reg31:
		return reg_as_value(e, op->atom - DW_OP_reg0);
	case DW_OP_regx:
		return reg_as_value(e, op->number);
	case DW_OP_deref:
		return deref(e);
	case DW_OP_dup:
		return e->depth ? push(e, e->stack[e->depth - 1]) : -EINVAL;
	case DW_OP_drop:
		return e->depth-- ? 0 : -EINVAL;
	case DW_OP_stack_value:
		e->is_value = true;
		return 0;
	case DW_OP_nop:
		return 0;
	default:
		return constant(e, op);
	}
}

static int evaluate(struct eval *e, const Dwarf_Op *ops, size_t cnt)
{
	size_t i;
	int err;

	for (i = 0; i < cnt; i++) {
		err = apply(e, &ops[i]);
		if (err) {
			e->depth = 0;
			return err;
		}
	}
	return e->depth ? 0 : -EINVAL;
}

static int find_cfa(Dwarf_Frame *frame, struct scene *scene)
{
	struct eval e = { .scene = scene };
	Dwarf_Op *ops;
	size_t cnt;
	int err;

	if (dwarf_frame_cfa(frame, &ops, &cnt) || !cnt)
		return -EINVAL;
	err = evaluate(&e, ops, cnt);
	if (err)
		return err;
	scene->cfa = e.stack[e.depth - 1];
	scene->has_cfa = true;
	return 0;
}

/* -ENODATA: the call destroyed it, or it was never known. */
static int find_reg(Dwarf_Frame *frame, const struct scene *scene, int number, uint64_t *ret)
{
	struct eval e = { .scene = scene };
	Dwarf_Op memory[3], *ops;
	size_t cnt;
	int err;

	if (dwarf_frame_register(frame, number, memory, &ops, &cnt))
		return -EINVAL;
	if (!cnt)
		return !ops && reg_read(scene->regs, (uint64_t)number, ret) ? 0 : -ENODATA;
	err = evaluate(&e, ops, cnt);
	if (!err && !e.is_value)
		err = deref(&e);
	if (!err)
		*ret = e.stack[e.depth - 1];
	return err;
}

static enum stack_end end_of(int err)
{
	return err == -EFAULT ? STACK_END_SHORT_COPY : STACK_END_BAD;
}

static bool reg_is_undefined(Dwarf_Frame *frame, int number)
{
	Dwarf_Op memory[3], *ops;
	size_t cnt;

	return !dwarf_frame_register(frame, number, memory, &ops, &cnt) && !cnt && ops;
}

bool frame_is_outermost(Dwarf_Frame *frame)
{
	return reg_is_undefined(frame, dwarf_frame_info(frame, NULL, NULL, NULL));
}

/* A caller's stack pointer is above ours, or a stack would never end; what a signal interrupted may
 * run on another stack. */
static bool goes_up(Dwarf_Frame *frame, const struct stack_regs *from, const struct stack_regs *to)
{
	bool is_signal = false;

	dwarf_frame_info(frame, NULL, NULL, &is_signal);
	return is_signal || to->v[STACK_REG_SP] > from->v[STACK_REG_SP] ||
	       (to->v[STACK_REG_SP] == from->v[STACK_REG_SP] &&
		to->v[STACK_REG_PC] != from->v[STACK_REG_PC]);
}

enum stack_end frame_step(Dwarf_Frame *frame, const struct stack_capture *capture,
			  struct stack_regs *regs)
{
	struct scene scene = { .capture = capture, .regs = regs };
	int link = dwarf_frame_info(frame, NULL, NULL, NULL);
	struct stack_regs caller = {};
	int i, err;

	if (link < 0 || link >= STACK_REG_CNT)
		return STACK_END_BAD;
	if (frame_is_outermost(frame))
		return STACK_END_OUTERMOST;
	err = find_cfa(frame, &scene);
	if (err)
		return end_of(err);
	caller.v[STACK_REG_SP] = scene.cfa;
	caller.known = 1ull << STACK_REG_SP;
	for (i = 0; i < STACK_REG_CNT; i++) {
		err = find_reg(frame, &scene, i, &caller.v[i]);
		if (err && i == link)
			return end_of(err);
		if (!err)
			caller.known |= 1ull << i;
	}
	caller.v[STACK_REG_PC] = caller.v[link];
	caller.known |= 1ull << STACK_REG_PC;
	if (!goes_up(frame, regs, &caller))
		return STACK_END_BAD;
	*regs = caller;
	return STACK_END_COUNT;
}

/* True where the frame is addressed from the frame pointer, right above which the return address
 * lies: then, and only then, following it leads to the caller. */
bool frame_has_pointer(Dwarf_Frame *frame)
{
	Dwarf_Op *ops;
	size_t cnt;

	if (dwarf_frame_cfa(frame, &ops, &cnt) || cnt != 1)
		return false;
	if (ops->atom == DW_OP_bregx)
		return ops->number == STACK_REG_FP && ops->number2 == 16;
	return ops->atom == DW_OP_breg0 + STACK_REG_FP && ops->number == 16;
}
