// SPDX-License-Identifier: BSD-2-Clause
/* Folded stacks, which flame graph tools read: one line, outermost first, a count at its end. */
#include <inttypes.h>
#include <string.h>

#include "stacks/internal.h"

const char *const stack_end_names[STACK_END_COUNT] = {
	[STACK_END_OUTERMOST] = "whole",       [STACK_END_SHORT_COPY] = "short_copy",
	[STACK_END_NO_TABLE] = "no_table",     [STACK_END_UNMAPPED] = "unmapped",
	[STACK_END_BAD] = "contradiction",     [STACK_END_FULL] = "too_deep",
	[STACK_END_UNPROVED] = "unproved",
};

/* A ';' or a line end in a name would make two of one. */
static void put_name(struct buf *out, const char *name)
{
	for (; *name; name++) {
		unsigned char ch = (unsigned char)*name;

		buf_putc(out, ch == ';' ? ':' : ch < ' ' || ch == 0x7f ? '?' : *name);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void put_frame(struct buf *out, const struct stack_frame *frame)
{
	buf_putc(out, ';');
	if (!frame->trusted)
		buf_putc(out, '?');
	if (frame->function) {
		put_name(out, frame->function);
	} else if (frame->module) {
		put_name(out, base_name(frame->module));
		buf_printf(out, "+0x%" PRIx64, frame->offset);
	} else {
		buf_puts(out, "[unknown]");
	}
	if (frame->inlined)
		buf_puts(out, "_[i]");
}

static int put_pc(struct stacks *s, const struct stack_process_id *id, const struct stack_pc *pc,
		  struct buf *out)
{
	const struct stack_frame *frames = NULL;
	size_t cnt = 0;
	int err = stacks_resolve(s, id, pc, &frames, &cnt);

	while (!err && cnt)
		put_frame(out, &frames[--cnt]);
	return err;
}

int stacks_fold(struct stacks *s, const struct stack_process_id *id,
		const struct stack_trace *trace, const char *root, uint64_t value, struct buf *out)
{
	size_t i = trace->cnt;
	size_t start = out->len;
	int err = 0;

	put_name(out, root);
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
