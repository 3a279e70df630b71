/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes to a file descriptor without ever stalling: whole records only, a bounded queue, and a
 * count of what was dropped. The fd's flags are left alone (its description may be shared with the
 * watched command): readiness is asked with poll(2) and writes are at most PIPE_BUF bytes where
 * they could block.
 */
#ifndef KTALLY_SINKS_OUTPUT_H
#define KTALLY_SINKS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

/* fd is borrowed unless own_fd (and always on failure). max_queue_bytes bounds what waits for a
 * slow reader (0: 1 MiB). */
int output_new(int fd, bool own_fd, size_t max_queue_bytes, struct output **ret);
void output_free(struct output *o);
/* Queues one whole record. -EAGAIN: dropped, the queue is full; -EPIPE: the reader has gone;
 * -ENOSPC, -EIO, ...: the file system refused, and this record and those before it that had not
 * been written were dropped (a partial line is truncated away where the file allows it), save the
 * first of a file, which waits until it can be written. Every drop is counted, and what is dropped
 * are always the last records of the queue. */
int output_put(struct output *o, const void *record, size_t len);
/* Writes what can be written now. 0 also when something still waits; errors as above. */
int output_flush(struct output *o);
/* Writes all, waiting at most timeout_ms for a slow reader. -ETIMEDOUT when something is left. */
int output_drain(struct output *o, int timeout_ms);
uint64_t output_dropped(const struct output *o); /* records, since output_new */
uint64_t output_bytes(const struct output *o);	 /* written since the fd is in use, and queued */
int output_fd(const struct output *o);
/* Goes on with another file, which becomes the output's own; the one before is closed if it was.
 * Flush first: what has not been written is dropped. */
void output_replace(struct output *o, int fd);

#endif
