// SPDX-License-Identifier: BSD-2-Clause
/* Frames as folded stacks have them. */
#include "base/frame.h"

#include <inttypes.h>
#include <string.h>

const char *frame_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* A ';' or a line end in a name would make two of one. */
void frame_put_name(struct buf *out, const char *name)
{
	for (; *name; name++) {
		unsigned char ch = (unsigned char)*name;

		buf_putc(out, ch == ';' ? ':' : ch < ' ' || ch == 0x7f ? '?' : *name);
	}
}

void frame_put_folded(struct buf *out, const struct frame *f)
{
	buf_puts(out, f->trusted ? ";" : ";?");
	if (f->function) {
		frame_put_name(out, f->function);
	} else if (f->module) {
		frame_put_name(out, frame_base_name(f->module));
		buf_printf(out, "+0x%" PRIx64, f->offset);
	} else {
		buf_puts(out, "[unknown]");
	}
	if (f->inlined)
		buf_puts(out, "_[i]");
}
