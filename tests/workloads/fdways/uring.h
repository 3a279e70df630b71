/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways through io_uring, which no table of system calls sees: in the call, in a worker, polled. */
#ifndef FDWAYS_URING_H
#define FDWAYS_URING_H

#include <stdatomic.h>

#include "replace.h"

#define IORING_OP_SOCKET_NR 45 /* 5.19; older headers lack the name */

struct uring {
	int fd;
	bool polled;
	void *rings;
	size_t rings_size;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

static int uring_open(struct ledger *l, struct uring *u, bool polled)
{
	struct io_uring_params *p = &u->params;
	size_t sq, cq;

	memset(u, 0, sizeof(*u));
	u->polled = polled;
	if (polled)
		*p = (struct io_uring_params){ .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 10 };
	u->fd = OPENED(l, SYS_io_uring_setup, 4, p);
	if (u->fd < 0)
		return u->fd;
	sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	u->rings_size = sq > cq ? sq : cq;
	u->rings = mmap(NULL, u->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
			IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, p->sq_entries * sizeof(*u->sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
		       u->fd, IORING_OFF_SQES);
	if (u->rings == MAP_FAILED || u->sqes == MAP_FAILED)
		die("mmap of a ring: %s", strerror(errno));
	return 0;
}

static void uring_close(struct ledger *l, struct uring *u)
{
	munmap(u->rings, u->rings_size);
	munmap(u->sqes, u->params.sq_entries * sizeof(*u->sqes));
	closing(l, u->fd);
}

static atomic_uint *ring_word(struct uring *u, uint32_t offset)
{
	return (atomic_uint *)((char *)u->rings + offset);
}

static void uring_submit(struct uring *u)
{
	unsigned int flags = IORING_ENTER_GETEVENTS;

	if (!u->polled) {
		syscall(SYS_io_uring_enter, u->fd, 1, 1, flags, NULL, 0);
		return;
	}
	if (atomic_load(ring_word(u, u->params.sq_off.flags)) & IORING_SQ_NEED_WAKEUP)
		flags |= IORING_ENTER_SQ_WAKEUP;
	syscall(SYS_io_uring_enter, u->fd, 0, 1, flags, NULL, 0);
}

/* Submits one request and waits for its result. */
static int uring_do(struct uring *u, const struct io_uring_sqe *sqe)
{
	const struct io_sqring_offsets *sq = &u->params.sq_off;
	const struct io_cqring_offsets *cq = &u->params.cq_off;
	atomic_uint *tail = ring_word(u, sq->tail), *head = ring_word(u, cq->head);
	uint32_t slot = atomic_load(tail) & (u->params.sq_entries - 1);
	struct io_uring_cqe *cqes = (void *)((char *)u->rings + cq->cqes);
	int result;

	u->sqes[slot] = *sqe;
	atomic_store(ring_word(u, sq->array) + slot, slot);
	atomic_fetch_add(tail, 1);
	uring_submit(u);
	while (atomic_load(ring_word(u, cq->tail)) == atomic_load(head))
		uring_submit(u);
	result = cqes[atomic_load(head) & (u->params.cq_entries - 1)].res;
	atomic_fetch_add(head, 1);
	return result;
}

enum uring_mode { URING_INLINE, URING_ASYNC, URING_POLLED };

/* Opens a ring for one request; the request's result is *ret. */
static int uring_once(struct ledger *l, enum uring_mode mode, struct io_uring_sqe *sqe, int *ret)
{
	struct uring u;
	int r = uring_open(l, &u, mode == URING_POLLED);

	if (r)
		return r;
	if (mode == URING_ASYNC)
		sqe->flags |= IOSQE_ASYNC;
	*ret = uring_do(&u, sqe);
	uring_close(l, &u);
	return 0;
}

/* A request whose result is a descriptor. */
static int uring_opens(struct ledger *l, enum uring_mode mode, struct io_uring_sqe *sqe)
{
	int fd, r = uring_once(l, mode, sqe, &fd);

	if (r)
		return r;
	l->unseen_opens += fd >= 0;
	return open_and_close(l, fd);
}

static int uring_openat(struct ledger *l, enum uring_mode mode)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_OPENAT,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)l->file,
		.open_flags = O_RDONLY,
	};

	return uring_opens(l, mode, &sqe);
}

static int way_uring_openat(struct ledger *l)
{
	return uring_openat(l, URING_INLINE);
}

static int way_uring_openat_async(struct ledger *l)
{
	return uring_openat(l, URING_ASYNC);
}

static int way_uring_openat_sqpoll(struct ledger *l)
{
	return uring_openat(l, URING_POLLED);
}

static int uring_closes(struct ledger *l, enum uring_mode mode)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_CLOSE };
	int r, result = -ECANCELED;

	sqe.fd = any_fd(l);
	if (sqe.fd < 0)
		return sqe.fd;
	r = uring_once(l, mode, &sqe, &result);
	if (!r && !result)
		l->unseen_closes++;
	else
		closing(l, sqe.fd);
	return r ? r : result;
}

static int way_uring_close(struct ledger *l)
{
	return uring_closes(l, URING_INLINE);
}

static int way_uring_close_async(struct ledger *l)
{
	return uring_closes(l, URING_ASYNC);
}

static int way_uring_close_sqpoll(struct ledger *l)
{
	return uring_closes(l, URING_POLLED);
}

static int way_uring_accept(struct ledger *l)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_ACCEPT };
	struct meeting m;
	int r = meeting_open(l, &m);

	sqe.fd = m.listener;
	if (!r)
		r = uring_opens(l, URING_INLINE, &sqe);
	meeting_close(l, &m);
	return r;
}

/* The kernel's EINVAL for a request that it does not know is ours for "not here". */
static int way_uring_socket(struct ledger *l)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_SOCKET_NR,
		.fd = AF_UNIX,
		.off = SOCK_STREAM,
	};

	return uring_opens(l, URING_INLINE, &sqe);
}

#endif
