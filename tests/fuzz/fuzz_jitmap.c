// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: perf-PID.map. Every row is found by its first address, or a later one over it is. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "stacks/jitmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jitmap map;
	size_t i;

	if (jitmap_parse((const char *)data, size, &map))
		return 0;
	for (i = 0; i < map.cnt; i++)
		if (map.rows[i].start >= map.rows[i].end ||
		    !jitmap_find(&map, map.rows[i].start))
			abort();
	jitmap_fini(&map);
	return 0;
}
