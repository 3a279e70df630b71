// SPDX-License-Identifier: BSD-2-Clause
/* Folded stacks, which flame graph tools read: one line, outermost first, a count at its end. */
#include <inttypes.h>

#include "stacks/internal.h"

const char *const stack_end_names[STACK_END_COUNT] = {
	[STACK_END_OUTERMOST] = "whole",       [STACK_END_SHORT_COPY] = "short_copy",
	[STACK_END_NO_TABLE] = "no_table",     [STACK_END_UNMAPPED] = "unmapped",
	[STACK_END_BAD] = "contradiction",     [STACK_END_FULL] = "too_deep",
	[STACK_END_UNPROVED] = "unproved",
};

static int put_pc(struct stacks *s, const struct stack_process_id *id, const struct stack_pc *pc,
		  struct buf *out)
{
	const struct frame *frames = NULL;
	size_t cnt = 0;
	int err = stacks_resolve(s, id, pc, &frames, &cnt);

	while (!err && cnt)
		frame_put_folded(out, &frames[--cnt]);
	return err;
}

int stacks_fold(struct stacks *s, const struct stack_process_id *id,
		const struct stack_trace *trace, const char *root, uint64_t value, struct buf *out)
{
	size_t i = trace->cnt;
	size_t start = out->len;
	int err = 0;

	frame_put_name(out, root);
	if (trace->end != STACK_END_OUTERMOST)
		buf_printf(out, ";[%s]", stack_end_names[trace->end]);
	while (!err && i)
		err = put_pc(s, id, &trace->pcs[--i], out);
	buf_printf(out, " %" PRIu64 "\n", value);
	if (!err)
		err = out->err;
	if (err)
		out->len = start;
	return err;
}
