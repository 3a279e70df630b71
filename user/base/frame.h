/* SPDX-License-Identifier: BSD-2-Clause */
/* One frame of a call stack with its names, and how it is written in folded stacks, which flame
 * graph tools read. */
#ifndef KTALLY_BASE_FRAME_H
#define KTALLY_BASE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct frame {
	const char *function; /* demangled; NULL when nothing names it */
	const char *module;   /* path as the process maps it, "[vdso]"; NULL: no file */
	uint64_t offset;
	const char *file;     /* NULL without debug information */
	uint32_t line;	      /* 0: unknown */
	bool inlined;	      /* into the frame after it */
	bool trusted;	      /* the address is proved; a name is never guessed */
};

/* What follows the last '/', if anything does. */
const char *frame_base_name(const char *path);
/* A name without what would make two of one in a folded line. */
void frame_put_name(struct buf *out, const char *name);
/* ";FUNCTION", or ";MODULE+0xOFFSET": '?' before a guess, "_[i]" after what is inlined. */
void frame_put_folded(struct buf *out, const struct frame *f);

#endif
