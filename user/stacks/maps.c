// SPDX-License-Identifier: BSD-2-Clause
/* /proc/PID/maps, whose paths are whatever the process likes. */
#include "stacks/maps.h"

#include <stdlib.h>

#define DELETED	 " (deleted)"
#define LINE_MIN 16 /* bytes: "0-1 r-xp 0 0:0 0" */

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	return -1;
}

int cursor_hex(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;
	const char *start;

	cursor_skip_blanks(c);
	for (start = c->at; c->at < c->end && hex_digit(*c->at) >= 0; c->at++) {
		over |= v >> 60 != 0;
		v = v << 4 | (uint64_t)hex_digit(*c->at);
	}
	if (c->at == start)
		return -EINVAL;
	if (over)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* "START-END PERMS OFFSET MAJOR:MINOR INODE" and blanks; line is left at the path. */
static int parse_row(struct cursor *line, struct map_row *row, bool *executable)
{
	uint64_t major = 0, minor = 0;
	struct cursor perms;

	if (cursor_hex(line, &row->start) || !cursor_take(line, "-") ||
	    cursor_hex(line, &row->end) || !cursor_take(line, " ") ||
	    !cursor_until(line, ' ', &perms) || perms.end - perms.at != 4 ||
	    cursor_hex(line, &row->offset) || cursor_hex(line, &major) ||
	    !cursor_take(line, ":") || cursor_hex(line, &minor) ||
	    cursor_uint(line, &row->inode))
		return -EINVAL;
	if (row->start >= row->end || major > UINT32_MAX || minor > UINT32_MAX)
		return -EINVAL;
	row->dev_major = (uint32_t)major;
	row->dev_minor = (uint32_t)minor;
	*executable = perms.at[2] == 'x';
	cursor_skip_blanks(line);
	return 0;
}

/* The kernel writes a newline in a path as \012 and nothing else so; a file with " (deleted)" at
 * the end of its real name is taken for a deleted one, which costs a suffix. */
static size_t copy_path(char *to, const struct cursor *path)
{
	static const char newline[] = "\\012";
	struct cursor c = *path;
	size_t len = 0;

	while (c.at < c.end)
		to[len++] = cursor_take(&c, newline) ? '\n' : *c.at++;
	if (len > sizeof(DELETED) - 1 &&
	    !memcmp(to + len - (sizeof(DELETED) - 1), DELETED, sizeof(DELETED) - 1))
		len -= sizeof(DELETED) - 1;
	to[len] = 0;
	return len + 1;
}

/* One row after another usually maps the same file. */
static void add_path(struct maps *maps, struct map_row *row, const struct cursor *path)
{
	const struct map_row *last = maps->cnt ? &maps->rows[maps->cnt - 1] : NULL;
	size_t len = (size_t)(path->end - path->at);

	if (!len || maps->paths_len + len + 1 > MAPS_PATHS_MAX || memchr(path->at, 0, len))
		return;
	row->path = (uint32_t)maps->paths_len;
	len = copy_path(maps->paths + maps->paths_len, path);
	if (last && !strcmp(maps_path(maps, last), maps->paths + row->path))
		row->path = last->path;
	else
		maps->paths_len += len;
}

/* A JIT's regions lie side by side, and in their hundreds. */
static bool extends_last(const struct maps *maps, const struct map_row *row)
{
	const struct map_row *last = maps->cnt ? &maps->rows[maps->cnt - 1] : NULL;

	return last && !last->inode && !row->inode && !*maps_path(maps, last) &&
	       last->end == row->start;
}

static int add_row(struct maps *maps, struct map_row *row, const struct cursor *path)
{
	if (maps->cnt && row->start < maps->rows[maps->cnt - 1].end)
		return -EINVAL;
	if (path->at == path->end && extends_last(maps, row)) {
		maps->rows[maps->cnt - 1].end = row->end;
		return 0;
	}
	if (maps->cnt == MAPS_ROWS_MAX)
		return 0;
	add_path(maps, row, path);
	maps->rows[maps->cnt++] = *row;
	return 0;
}

static int parse_lines(struct cursor c, struct maps *maps)
{
	struct cursor line;
	int err = 0;

	while (!err && cursor_until(&c, '\n', &line)) {
		struct map_row row = {};
		bool executable = false;

		err = parse_row(&line, &row, &executable);
		if (!err && executable)
			err = add_row(maps, &row, &line);
	}
	return err;
}

static void shrink(struct maps *maps)
{
	void *rows = realloc(maps->rows, (maps->cnt ? maps->cnt : 1) * sizeof(*maps->rows));
	void *paths = realloc(maps->paths, maps->paths_len);

	maps->rows = rows ? rows : maps->rows;
	maps->paths = paths ? paths : maps->paths;
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

int maps_parse(const char *text, size_t len, struct maps *ret)
{
	struct maps maps = { .paths_len = 1 };
	int err = -ENOMEM;

	maps.rows = malloc(at_most(len / LINE_MIN + 1, MAPS_ROWS_MAX) * sizeof(*maps.rows));
	maps.paths = calloc(1, at_most(len + 1, MAPS_PATHS_MAX));
	if (maps.rows && maps.paths)
		err = parse_lines(cursor_of(text, len), &maps);
	if (err) {
		maps_fini(&maps);
		return err;
	}
	shrink(&maps);
	*ret = maps;
	return 0;
}

void maps_fini(struct maps *maps)
{
	if (!maps)
		return;
	free(maps->rows);
	free(maps->paths);
	*maps = (struct maps){};
}

struct map_row *maps_find(const struct maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < maps->rows[middle].start)
			high = middle;
		else if (address >= maps->rows[middle].end)
			low = middle + 1;
		else
			return &maps->rows[middle];
	}
	return NULL;
}

const char *maps_path(const struct maps *maps, const struct map_row *row)
{
	return maps->paths + row->path;
}

bool maps_is_vdso(const struct maps *maps, const struct map_row *row)
{
	return !row->inode && !strcmp(maps_path(maps, row), "[vdso]");
}
