/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of a file that may be gzip-compressed. Touches the file that it is given, nothing else. */
#ifndef KTALLY_REPLAY_LINES_H
#define KTALLY_REPLAY_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines;

/* path "-": standard input. Compressed or not is told by the first bytes, so a pipe will do. */
int lines_open(const char *path, struct lines **ret);
void lines_close(struct lines *l);
/* 1: a line, without its newline, valid until the next call; 0: the end; -EBADMSG: compressed bytes
 * that are damaged; -EFBIG: a line longer than any record; -errno: reading failed. */
int lines_next(struct lines *l, const char **ret, size_t *ret_len);
uint64_t lines_number(const struct lines *l); /* of the last line, from 1 */
/* Did the last line lack its newline, or the compressed data its end? */
bool lines_cut(const struct lines *l);

#endif
