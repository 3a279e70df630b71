/* SPDX-License-Identifier: BSD-2-Clause */
/* perf-PID.map: names that a JIT compiler (node, java, .NET, ...) writes for the code it makes;
 * "START SIZE NAME" a line, hexadecimal. Code that was thrown away stays in it: the later line
 * wins. */
#ifndef KTALLY_STACKS_JITMAP_H
#define KTALLY_STACKS_JITMAP_H

#include <stddef.h>
#include <stdint.h>

#define JITMAP_BYTES_MAX (16 << 20) /* a bigger file is not read */

struct jit_row {
	uint64_t start;
	uint64_t end;
	uint32_t line; /* its place in the file */
	uint32_t name; /* offset in jitmap.names */
};

struct jitmap {
	struct jit_row *rows; /* by start, then line */
	size_t cnt;
	uint64_t longest; /* bytes of the biggest row: how far back an overlapping one can start */
	char *names;	  /* NUL-terminated, one after the other */
};

/* Lines that are not of this form are left out: the last may be half written. */
int jitmap_parse(const char *text, size_t len, struct jitmap *ret);
void jitmap_fini(struct jitmap *map);
/* NULL when no line covers the address. */
const char *jitmap_find(const struct jitmap *map, uint64_t address);

#endif
