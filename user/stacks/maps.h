/* SPDX-License-Identifier: BSD-2-Clause */
/* What of an address space is code: the executable rows of /proc/PID/maps. */
#ifndef KTALLY_STACKS_MAPS_H
#define KTALLY_STACKS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"

#define MAPS_ROWS_MAX  4096	/* of one process; what follows is left out */
#define MAPS_PATHS_MAX (1 << 18) /* bytes of names of one process; what follows has none */

struct map_row {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* in the file */
	uint64_t inode;	 /* 0: memory without a file */
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t path;	 /* offset in maps.paths */
	uint32_t module; /* of whoever opens the file; 0: none */
};

struct maps {
	struct map_row *rows; /* by address */
	size_t cnt;
	char *paths; /* NUL-terminated, one after the other; starts with "" */
	size_t paths_len;
};

/* Hexadecimal without prefix; -EINVAL without a digit, -ERANGE above 64 bits. */
int cursor_hex(struct cursor *c, uint64_t *ret);

/* text: a whole maps file. -EINVAL: it is none. */
int maps_parse(const char *text, size_t len, struct maps *ret);
void maps_fini(struct maps *maps);
/* NULL when nothing executable is there. */
struct map_row *maps_find(const struct maps *maps, uint64_t address);
/* The path as the process sees it; "" for anonymous memory. */
const char *maps_path(const struct maps *maps, const struct map_row *row);
bool maps_is_vdso(const struct maps *maps, const struct map_row *row);

#endif
