// SPDX-License-Identifier: BSD-2-Clause
/* perf-PID.map, written by the process and believed only for what it is. */
#include "stacks/jitmap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "stacks/maps.h"

/* Rows looked at for one address: overlaps are remains of thrown away code, and few. */
#define OVERLAPS_MAX 256

static bool parse_row(struct cursor *line, struct jit_row *row)
{
	uint64_t size = 0;

	/* Some write 0x before the numbers. */
	cursor_take(line, "0x");
	if (cursor_hex(line, &row->start) || !cursor_take(line, " "))
		return false;
	cursor_take(line, "0x");
	if (cursor_hex(line, &size) || !cursor_take(line, " ") || !size)
		return false;
	cursor_skip_blanks(line);
	return line->at < line->end && !__builtin_add_overflow(row->start, size, &row->end);
}

static int by_start_then_line(const void *a, const void *b)
{
	const struct jit_row *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static size_t count_lines(struct cursor c)
{
	struct cursor line;
	size_t cnt = 0;

	while (cursor_until(&c, '\n', &line))
		cnt++;
	return cnt;
}

/* A name is shorter than its line, so that names never outgrow the text. */
static void fill(struct jitmap *map, struct cursor c)
{
	uint32_t names_len = 0;
	uint32_t number = 0;
	struct cursor line;

	while (cursor_until(&c, '\n', &line)) {
		struct jit_row row = { .line = number++, .name = names_len };
		size_t len;

		if (!parse_row(&line, &row))
			continue;
		len = (size_t)(line.end - line.at);
		memcpy(map->names + names_len, line.at, len);
		map->names[names_len + len] = 0;
		names_len += (uint32_t)len + 1;
		if (row.end - row.start > map->longest)
			map->longest = row.end - row.start;
		map->rows[map->cnt++] = row;
	}
}

int jitmap_parse(const char *text, size_t len, struct jitmap *ret)
{
	struct cursor c = cursor_of(text, len);
	struct jitmap map = {};

	if (len > JITMAP_BYTES_MAX)
		return -EFBIG;
	map.rows = malloc((count_lines(c) + 1) * sizeof(*map.rows));
	map.names = malloc(len + 1);
	if (!map.rows || !map.names) {
		jitmap_fini(&map);
		return -ENOMEM;
	}
	fill(&map, c);
	qsort(map.rows, map.cnt, sizeof(*map.rows), by_start_then_line);
	*ret = map;
	return 0;
}

void jitmap_fini(struct jitmap *map)
{
	if (!map)
		return;
	free(map->rows);
	free(map->names);
	*map = (struct jitmap){};
}

/* Number of rows that start at or before the address. */
static size_t rows_before(const struct jitmap *map, uint64_t address)
{
	size_t low = 0, high = map->cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->rows[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *jitmap_find(const struct jitmap *map, uint64_t address)
{
	const struct jit_row *found = NULL;
	size_t i = rows_before(map, address);
	size_t stop = i > OVERLAPS_MAX ? i - OVERLAPS_MAX : 0;

	for (; i > stop; i--) {
		const struct jit_row *row = &map->rows[i - 1];

		if (address - row->start >= map->longest)
			break;
		if (address < row->end && (!found || row->line > found->line))
			found = row;
	}
	return found ? map->names + found->name : NULL;
}
