// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: /proc/PID/maps. Whatever the text, rows are in order and found by their
 * addresses. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "stacks/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maps maps;
	size_t i;

	if (maps_parse((const char *)data, size, &maps))
		return 0;
	for (i = 0; i < maps.cnt; i++) {
		const struct map_row *row = &maps.rows[i];

		if (row->start >= row->end || (i && row->start < maps.rows[i - 1].end) ||
		    maps_find(&maps, row->start) != row || maps_find(&maps, row->end - 1) != row ||
		    row->path + strlen(maps_path(&maps, row)) >= maps.paths_len)
			abort();
	}
	maps_fini(&maps);
	return 0;
}
