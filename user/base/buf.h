/* SPDX-License-Identifier: BSD-2-Clause */
/* A byte buffer that grows. A failed allocation sets err and makes every later append a no-op, so
 * that a renderer checks once, at its end. */
#ifndef KTALLY_BASE_BUF_H
#define KTALLY_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* owned; not NUL-terminated */
	size_t len;
	size_t cap;
	int err; /* 0 or -ENOMEM, sticky until buf_reset */
};

void buf_fini(struct buf *b);
/* Empties the buffer and keeps its memory. */
void buf_reset(struct buf *b);
/* For buf_reserve() alone. */
char *buf_grow(struct buf *b, size_t n);
/* Room for n more bytes; NULL after a failed allocation. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
	return !b->err && b->data && n <= b->cap - b->len ? b->data + b->len : buf_grow(b, n);
}
void buf_append(struct buf *b, const void *data, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
