/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the kernel's text files: a pair of pointers that moves forward, never past its end. The
 * text need not be NUL-terminated. */
#ifndef KTALLY_BASE_CURSOR_H
#define KTALLY_BASE_CURSOR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const char *at;
	const char *end;
};

static inline struct cursor cursor_of(const char *text, size_t len)
{
	return (struct cursor){ text, text + len };
}

static inline void cursor_skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}

/* Unsigned decimal after blanks: -EINVAL without a digit, -ERANGE above 64 bits. */
static inline int cursor_uint(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;
	const char *start;

	cursor_skip_blanks(c);
	for (start = c->at; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
		over |= __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*c->at - '0'), &v);
	if (c->at == start)
		return -EINVAL;
	if (over)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* The bytes up to the next `stop`, which is skipped, or up to the end. False when nothing is left.
 */
static inline bool cursor_until(struct cursor *c, char stop, struct cursor *ret)
{
	const char *found;

	if (c->at == c->end)
		return false;
	found = memchr(c->at, stop, (size_t)(c->end - c->at));
	*ret = (struct cursor){ c->at, found ? found : c->end };
	c->at = found ? found + 1 : c->end;
	return true;
}

static inline bool cursor_is(const struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(c->end - c->at) == len && !memcmp(c->at, text, len);
}

/* Moves past prefix if the text goes on with it. */
static inline bool cursor_take(struct cursor *c, const char *prefix)
{
	size_t len = strlen(prefix);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, prefix, len))
		return false;
	c->at += len;
	return true;
}

#endif
