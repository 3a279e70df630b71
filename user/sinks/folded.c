// SPDX-License-Identifier: BSD-2-Clause
/* Call sites as folded stacks, which flame graph tools read: outermost first, and how many are
 * open. */
#include <inttypes.h>
#include <string.h>

#include "sinks/formats.h"

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

/* As stacks_fold() has it: '?' before a guess, "_[i]" after what is inlined. */
static void put_frame(struct buf *out, const struct leak_frame *f)
{
	buf_puts(out, f->trusted ? ";" : ";?");
	if (f->function) {
		put_name(out, f->function);
	} else if (f->module) {
		put_name(out, base_name(f->module));
		buf_printf(out, "+0x%" PRIx64, f->offset);
	} else {
		buf_puts(out, "[unknown]");
	}
	if (f->inlined)
		buf_puts(out, "_[i]");
}

static void folded_leak(struct sink *s, struct buf *out, const struct leak_record *r)
{
	const char *root = r->holder_cnt && r->holders[0].comm[0] ? r->holders[0].comm : "?";
	size_t i = r->stack ? r->stack->cnt : 0;

	if (!r->open)
		return;
	s->seq++;
	put_name(out, root);
	if (!r->stack || strcmp(r->stack->end, "whole"))
		buf_printf(out, ";[%s]", r->stack ? r->stack->end : "unknown");
	while (i)
		put_frame(out, &r->stack->frames[--i]);
	buf_printf(out, " %" PRIu64 "\n", r->open);
}

const struct sink_format sink_folded = {
	.name = "folded",
	.help = "folded stacks of what is open, for flame graphs; call sites only",
	.leak = folded_leak,
};
