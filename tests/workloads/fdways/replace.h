/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways that copy, replace and close descriptors, calls that fail, and what only looks like them. */
#ifndef FDWAYS_REPLACE_H
#define FDWAYS_REPLACE_H

#include <linux/close_range.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/wait.h>

#include "plain.h"

/* ---- copies ---- */

static int way_dup(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_dup, STDOUT_FILENO));
}

/* A slot that is free: just closed, and single-threaded ways leave it so. */
static int free_slot(struct ledger *l)
{
	int fd = any_fd(l);

	closing(l, fd);
	return fd;
}

#ifdef SYS_dup2
static int way_dup2_free(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_dup2, STDOUT_FILENO, free_slot(l)));
}

/* Replaces an open one: one more opened, one more closed. */
static int way_dup2_over(struct ledger *l)
{
	int fd = any_fd(l), r = OPENED(l, SYS_dup2, STDOUT_FILENO, fd);

	l->closes += r >= 0;
	closing(l, fd);
	return r < 0 ? r : 0;
}

static int way_dup2_same(struct ledger *l)
{
	int fd = any_fd(l);

	if (fd >= 0 && syscall(SYS_dup2, fd, fd) != fd)
		die("dup2: %s", strerror(errno));
	return open_and_close(l, fd);
}
#endif

static int way_dup3_free(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_dup3, STDOUT_FILENO, free_slot(l), O_CLOEXEC));
}

static int way_dup3_over(struct ledger *l)
{
	int fd = any_fd(l), r = OPENED(l, SYS_dup3, STDOUT_FILENO, fd, 0);

	l->closes += r >= 0;
	closing(l, fd);
	return r < 0 ? r : 0;
}

static int way_fcntl_dupfd(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_fcntl, STDOUT_FILENO, F_DUPFD, 100));
}

static int way_fcntl_dupfd_cloexec(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_fcntl, STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
}

/* Returns a number that is no descriptor. */
static int way_fcntl_getfl(struct ledger *l)
{
	(void)l;
	return syscall(SYS_fcntl, STDOUT_FILENO, F_GETFL) < 0 ? -errno : 0;
}

/* ---- closes ---- */

static int way_close_ebadf(struct ledger *l)
{
	(void)l;
	return syscall(SYS_close, -1) < 0 && errno == EBADF ? 0 : -errno;
}

#define RANGE_CNT 5

/* Five in a row with a hole in it, far from everything else. */
static int range_open(struct ledger *l, int first)
{
	int i, r;

	for (i = 0; i < RANGE_CNT; i++) {
		r = OPENED(l, SYS_dup3, STDOUT_FILENO, first + i, 0);
		if (r < 0)
			return r;
	}
	closing(l, first + 2);
	return 0;
}

static int close_range_with(struct ledger *l, int first, unsigned int flags)
{
	int i, r = range_open(l, first);

	if (r)
		return r;
	if (syscall(SYS_close_range, first - 1, first + RANGE_CNT, flags)) {
		r = -errno;
		for (i = 0; i < RANGE_CNT; i++)
			closing(l, first + i);
		return r;
	}
	l->closes += RANGE_CNT - 1;
	return 0;
}

static int way_close_range(struct ledger *l)
{
	return close_range_with(l, 300, 0);
}

static int way_close_range_unshare(struct ledger *l)
{
	return close_range_with(l, 400, CLOSE_RANGE_UNSHARE);
}

/* Sets a flag on each and closes none. */
static int way_close_range_cloexec(struct ledger *l)
{
	int first = 500, i, r = range_open(l, first);

	if (!r && syscall(SYS_close_range, first, first + RANGE_CNT, CLOSE_RANGE_CLOEXEC))
		r = -errno;
	for (i = 0; i < RANGE_CNT; i++)
		closing(l, first + i);
	return r;
}

/* ---- other tasks ---- */

static void *open_in_thread(void *arg)
{
	struct ledger *l = arg;

	return (void *)(intptr_t)any_fd(l);
}

/* Opened by a thread that has ended since, closed by another. */
static int way_thread(struct ledger *l)
{
	pthread_t thread;
	void *fd;

	if (pthread_create(&thread, NULL, open_in_thread, l))
		return -EAGAIN;
	pthread_join(thread, &fd);
	return open_and_close(l, (intptr_t)fd);
}

/* A child inherits a copy of the table, and its end takes that down: neither opens nor closes. */
static int way_fork_exit(struct ledger *l)
{
	int fd = any_fd(l);
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return open_and_close(l, fd);
}

/* ---- failures ---- */

/* A call that must fail with this errno; after anything else the numbers would be wrong. */
static int must_fail(int r, int err)
{
	if (r != -err)
		die("expected %s, got %d", strerror(err), r);
	return 0;
}

static int way_fail_enoent(struct ledger *l)
{
	return must_fail(OPENED(l, SYS_openat, AT_FDCWD, "/nonexistent/file", O_RDONLY), ENOENT);
}

static int way_fail_enotdir(struct ledger *l)
{
	return must_fail(OPENED(l, SYS_openat, AT_FDCWD, "/dev/null/file", O_RDONLY), ENOTDIR);
}

static int way_fail_eexist(struct ledger *l)
{
	return must_fail(OPENED(l, SYS_openat, AT_FDCWD, l->file, O_CREAT | O_EXCL, 0600), EEXIST);
}

/* Root may open anything, but not with another user's file system identity. */
static int way_fail_eacces(struct ledger *l)
{
	int r;

	if (chmod(l->file, 0))
		return -errno;
	if (!geteuid())
		setfsuid(65534);
	r = OPENED(l, SYS_openat, AT_FDCWD, l->file, O_RDONLY);
	if (!geteuid())
		setfsuid(0);
	chmod(l->file, 0600);
	return must_fail(r, EACCES);
}

static int way_fail_emfile(struct ledger *l)
{
	struct rlimit old, none;
	int r;

	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	r = OPENED(l, SYS_openat, AT_FDCWD, l->file, O_RDONLY);
	setrlimit(RLIMIT_NOFILE, &old);
	return must_fail(r, EMFILE);
}

static int way_fail_eagain(struct ledger *l)
{
	struct meeting m;
	int r = meeting_open(l, &m);

	if (!r)
		r = open_and_close(l, OPENED(l, SYS_accept4, m.listener, NULL, NULL, 0));
	if (!r)
		must_fail(OPENED(l, SYS_accept4, m.listener, NULL, NULL, 0), EAGAIN);
	meeting_close(l, &m);
	return r;
}

static int way_fail_dup(struct ledger *l)
{
	return must_fail(OPENED(l, SYS_dup, -1), EBADF);
}

static int way_fail_dup3(struct ledger *l)
{
	return must_fail(OPENED(l, SYS_dup3, STDOUT_FILENO, STDOUT_FILENO, 0), EINVAL);
}

static int way_fail_pipe(struct ledger *l)
{
	return must_fail(opened_pair(l, syscall(SYS_pipe2, NULL, 0)), EFAULT);
}

static int way_fail_socket(struct ledger *l)
{
	return must_fail(OPENED(l, SYS_socket, 9999, SOCK_STREAM, 0), EAFNOSUPPORT);
}

#endif
