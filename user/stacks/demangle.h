/* SPDX-License-Identifier: BSD-2-Clause */
/* C++ and Rust symbols as people write them. */
#ifndef KTALLY_STACKS_DEMANGLE_H
#define KTALLY_STACKS_DEMANGLE_H

struct buf;

/* Appends the readable name, or the symbol itself when it is not mangled, or would grow too
 * long. */
void demangle(const char *symbol, struct buf *out);

#endif
