// SPDX-License-Identifier: BSD-2-Clause
/* Call sites as folded stacks, which flame graph tools read: outermost first, and how many are
 * open. */
#include <inttypes.h>
#include <string.h>

#include "sinks/formats.h"

static void folded_leak(struct sink *s, struct buf *out, const struct leak_record *r)
{
	const char *root = r->holder_cnt && r->holders[0].comm[0] ? r->holders[0].comm : "?";
	size_t i = r->stack ? r->stack->cnt : 0;

	if (!r->open)
		return;
	s->seq++;
	frame_put_name(out, root);
	if (!r->stack || strcmp(r->stack->end, "whole"))
		buf_printf(out, ";[%s]", r->stack ? r->stack->end : "unknown");
	while (i)
		frame_put_folded(out, &r->stack->frames[--i]);
	buf_printf(out, " %" PRIu64 "\n", r->open);
}

const struct sink_format sink_folded = {
	.name = "folded",
	.help = "folded stacks of what is open, for flame graphs; call sites only",
	.leak = folded_leak,
};
