/* SPDX-License-Identifier: BSD-2-Clause */
/* An event loop small enough to memorise: epoll, and callbacks by fd. Its own fd can be polled, so
 * that it fits into another loop. Not thread-safe: another thread wakes it through an eventfd that
 * was added. */
#ifndef KTALLY_BASE_LOOP_H
#define KTALLY_BASE_LOOP_H

#include <stdint.h>

struct loop;

/* events: EPOLL* bits. The callback may add and remove fds, itself included. */
typedef void (*loop_fn)(void *ctx, int fd, uint32_t events);

int loop_new(struct loop **ret);
void loop_free(struct loop *l);
int loop_fd(const struct loop *l);
/* The fd stays the caller's and must be removed before it is closed. */
int loop_add(struct loop *l, int fd, uint32_t events, loop_fn fn, void *ctx);
void loop_remove(struct loop *l, int fd);
/* Handles what is ready, waiting at most timeout_ms (-1: until something is). 0 or -errno. */
int loop_dispatch(struct loop *l, int timeout_ms);
/* A timer on an absolute CLOCK_MONOTONIC schedule: first at first_ns, then every interval_ns (0:
 * once). Returns the fd to loop_add, or -errno. */
int loop_timer(uint64_t first_ns, uint64_t interval_ns);
/* Another schedule for such a timer. */
int loop_timer_set(int fd, uint64_t first_ns, uint64_t interval_ns);

#endif
