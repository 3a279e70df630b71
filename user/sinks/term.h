/* SPDX-License-Identifier: BSD-2-Clause */
/* Text from elsewhere (names, messages) as a terminal may see it: no control, no bidi override, and
 * a known width. What may not pass becomes '?', a line end or tab a blank. */
#ifndef KTALLY_SINKS_TERM_H
#define KTALLY_SINKS_TERM_H

#include <stddef.h>

#include "base/buf.h"

/* Appends what fits in max_columns and returns the columns that it takes. */
size_t term_put(struct buf *out, const char *text, size_t len, size_t max_columns);
/* Appends text broken at blanks into lines of `width` columns; lines after the first are indented.
 * A word that is longer than a line keeps one to itself. */
void term_put_wrapped(struct buf *out, const char *text, size_t len, size_t width, size_t indent);

#endif
