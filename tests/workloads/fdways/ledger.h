/* SPDX-License-Identifier: BSD-2-Clause */
/* What fdways knows to have done: every call that opens or closes goes through here. */
#ifndef FDWAYS_LEDGER_H
#define FDWAYS_LEDGER_H

#include <sys/syscall.h>

#include "../workload.h"

#define ERRNO_CNT 134

struct ledger {
	/* By the number, arguments and result of a system call. */
	uint64_t opens, closes, open_errors;
	uint64_t by_errno[ERRNO_CNT];
	/* By anything else. */
	uint64_t unseen_opens, unseen_closes;
	char dir[64];  /* scratch directory */
	char file[80]; /* a regular file in it */
};

/* One run of a way: 0, or -errno when this kernel or these privileges do not have it. What it opens
 * it closes again. */
typedef int (*way_fn)(struct ledger *l);

struct way {
	const char *name;
	way_fn run;
};

/* The result of a call that returns a descriptor: that or -errno, entered. */
static inline int opened(struct ledger *l, long ret)
{
	int err = errno;

	if (ret >= 0) {
		l->opens++;
		return ret;
	}
	l->open_errors++;
	l->by_errno[err < ERRNO_CNT ? err : 0]++;
	return -err;
}

#define OPENED(l, ...) opened(l, syscall(__VA_ARGS__))

static inline void closing(struct ledger *l, int fd)
{
	if (fd < 0)
		return;
	if (syscall(SYS_close, fd) == 0 || errno != EBADF)
		l->closes++;
}

/* The whole of most ways. */
static inline int open_and_close(struct ledger *l, int fd)
{
	closing(l, fd);
	return fd < 0 ? fd : 0;
}

/* A descriptor to work on. */
static inline int any_fd(struct ledger *l)
{
	return OPENED(l, SYS_openat, AT_FDCWD, l->file, O_RDONLY);
}

/* Calls that give two: socketpair and pipe2. */
static inline int opened_pair(struct ledger *l, long ret)
{
	int fd = opened(l, ret);

	l->opens += fd >= 0;
	return fd;
}

static inline void closing_pair(struct ledger *l, const int pair[2])
{
	closing(l, pair[0]);
	closing(l, pair[1]);
}

#endif
