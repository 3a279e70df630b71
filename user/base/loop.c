// SPDX-License-Identifier: BSD-2-Clause
/* An event loop: epoll, and callbacks by fd. */
#include "base/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 32
#define NS_PER_SECOND   1000000000ull

struct watch {
	struct watch *next;
	loop_fn fn; /* NULL once removed */
	void *ctx;
	int fd;
};

struct loop {
	int epoll_fd;
	int depth; /* of loop_dispatch calls, as a callback may make one */
	struct watch *watches;
	/* Removed during a dispatch, whose batch of events may still point to them. */
	struct watch *removed;
};

static void free_watches(struct watch **list)
{
	while (*list) {
		struct watch *w = *list;

		*list = w->next;
		free(w);
	}
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		err = -errno;
		free(l);
		return err;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	free_watches(&l->watches);
	free_watches(&l->removed);
	close(l->epoll_fd);
	free(l);
}

int loop_fd(const struct loop *l)
{
	return l->epoll_fd;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_fn fn, void *ctx)
{
	struct epoll_event event = { .events = events };
	struct watch *w = malloc(sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	*w = (struct watch){ .next = l->watches, .fn = fn, .ctx = ctx, .fd = fd };
	event.data.ptr = w;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		err = -errno;
		free(w);
		return err;
	}
	l->watches = w;
	return 0;
}

void loop_remove(struct loop *l, int fd)
{
	struct watch **at = &l->watches;
	struct watch *w;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	w = *at;
	if (!w)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	*at = w->next;
	w->fn = NULL;
	w->next = l->removed;
	l->removed = w;
	if (!l->depth)
		free_watches(&l->removed);
}

int loop_dispatch(struct loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	int n = epoll_wait(l->epoll_fd, events, EVENTS_PER_WAIT, timeout_ms);

	if (n < 0) /* a signal is a reason to look around, not a failure */
		return errno == EINTR ? 0 : -errno;
	l->depth++;
	for (int i = 0; i < n; i++) {
		const struct watch *w = events[i].data.ptr;

		if (w->fn)
			w->fn(w->ctx, w->fd, events[i].events);
	}
	l->depth--;
	if (!l->depth)
		free_watches(&l->removed);
	return 0;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SECOND),
				  .tv_nsec = (long)(ns % NS_PER_SECOND) };
}

int loop_timer_set(int fd, uint64_t first_ns, uint64_t interval_ns)
{
	struct itimerspec when = {
		.it_value = to_timespec(first_ns ? first_ns : 1), /* 0 would disarm it */
		.it_interval = to_timespec(interval_ns),
	};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

int loop_timer(uint64_t first_ns, uint64_t interval_ns)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	err = loop_timer_set(fd, first_ns, interval_ns);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}
