// SPDX-License-Identifier: BSD-2-Clause
/* A byte buffer that grows by doubling. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN 256

void buf_fini(struct buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct buf){};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

char *buf_grow(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : CAP_MIN;
	char *data = NULL;

	if (b->err)
		return NULL;
	if (n <= SIZE_MAX / 2 - b->len) {
		while (cap < b->len + n)
			cap *= 2;
		data = realloc(b->data, cap);
	}
	if (!data) {
		b->err = -ENOMEM;
		return NULL;
	}
	b->data = data;
	b->cap = cap;
	return data + b->len;
}

void buf_append(struct buf *b, const void *data, size_t n)
{
	char *to = buf_reserve(b, n);

	if (!to || !n)
		return;
	memcpy(to, data, n);
	b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	char *to = buf_reserve(b, 1);

	if (!to)
		return;
	*to = c;
	b->len++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	char *to;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0) {
		b->err = -ENOMEM;
		return;
	}
	/* vsnprintf wants room for a NUL, which is not part of the contents. */
	to = buf_reserve(b, (size_t)n + 1);
	if (!to)
		return;
	va_start(args, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
}
