/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways that open: a system call whose number, arguments and result say so. */
#ifndef FDWAYS_PLAIN_H
#define FDWAYS_PLAIN_H

#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "ledger.h"

#define SIGSET_BYTES 8 /* what the kernel calls a signal set */

#ifdef SYS_open /* not in the tables of newer architectures */
static int way_open(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_open, l->file, O_RDONLY));
}

static int way_creat(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_creat, l->file, 0600));
}

static int way_pipe(struct ledger *l)
{
	int pair[2], r = opened_pair(l, syscall(SYS_pipe, pair));

	if (!r)
		closing_pair(l, pair);
	return r;
}

static int way_eventfd(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_eventfd, 0));
}

static int way_epoll_create(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_epoll_create, 1));
}

static int way_inotify_init(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_inotify_init));
}
#endif

static int way_openat(struct ledger *l)
{
	return open_and_close(l, any_fd(l));
}

static int way_openat_path(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_openat, AT_FDCWD, l->dir, O_PATH | O_DIRECTORY));
}

static int way_openat2(struct ledger *l)
{
	struct open_how how = { .flags = O_RDONLY };

	return open_and_close(l, OPENED(l, SYS_openat2, AT_FDCWD, l->file, &how, sizeof(how)));
}

static int way_socket(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_socket, AF_UNIX, SOCK_STREAM, 0));
}

static int way_socketpair(struct ledger *l)
{
	int pair[2], r = opened_pair(l, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair));

	if (!r)
		closing_pair(l, pair);
	return r;
}

/* A listener, and a client that waits to be accepted; both or neither. */
struct meeting {
	int listener;
	int client;
};

static int meeting_open(struct ledger *l, struct meeting *m)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(name);

	m->client = -1;
	m->listener = OPENED(l, SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (m->listener < 0)
		return m->listener;
	/* An address of the family alone: the kernel picks a free name. */
	if (bind(m->listener, (void *)&name, sizeof(sa_family_t)) ||
	    getsockname(m->listener, (void *)&name, &len) || listen(m->listener, 8))
		die("listen: %s", strerror(errno));
	m->client = OPENED(l, SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	if (m->client >= 0 && connect(m->client, (void *)&name, len))
		die("connect: %s", strerror(errno));
	return m->client < 0 ? m->client : 0;
}

static void meeting_close(struct ledger *l, struct meeting *m)
{
	closing(l, m->listener);
	closing(l, m->client);
}

static int way_accept(struct ledger *l)
{
	struct meeting m;
	int r = meeting_open(l, &m);

	if (!r)
		r = open_and_close(l, OPENED(l, SYS_accept, m.listener, NULL, NULL));
	meeting_close(l, &m);
	return r;
}

static int way_accept4(struct ledger *l)
{
	struct meeting m;
	int r = meeting_open(l, &m);

	if (!r)
		r = open_and_close(l, OPENED(l, SYS_accept4, m.listener, NULL, NULL, SOCK_CLOEXEC));
	meeting_close(l, &m);
	return r;
}

static int way_pipe2(struct ledger *l)
{
	int pair[2], r = opened_pair(l, syscall(SYS_pipe2, pair, O_CLOEXEC));

	if (!r)
		closing_pair(l, pair);
	return r;
}

static int way_eventfd2(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_eventfd2, 0, EFD_CLOEXEC));
}

static int way_epoll_create1(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_epoll_create1, 0));
}

static int way_timerfd_create(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_timerfd_create, CLOCK_MONOTONIC, 0));
}

static int way_signalfd_new(struct ledger *l)
{
	uint64_t set = 1 << (SIGUSR2 - 1);

	return open_and_close(l, OPENED(l, SYS_signalfd4, -1, &set, SIGSET_BYTES, 0));
}

/* Returns the descriptor that it was given: nothing is opened. */
static int way_signalfd_update(struct ledger *l)
{
	uint64_t set = 1 << (SIGUSR2 - 1);
	int fd = OPENED(l, SYS_signalfd4, -1, &set, SIGSET_BYTES, 0);

	if (fd >= 0 && syscall(SYS_signalfd4, fd, &set, SIGSET_BYTES, 0) != fd)
		die("signalfd4: %s", strerror(errno));
	return open_and_close(l, fd);
}

static int way_inotify_init1(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_inotify_init1, IN_CLOEXEC));
}

static int way_fanotify_init(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_fanotify_init, FAN_CLASS_NOTIF, O_RDONLY));
}

static int way_memfd_create(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_memfd_create, "fdways", 0));
}

#ifdef SYS_memfd_secret
static int way_memfd_secret(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_memfd_secret, 0));
}
#endif

static int way_userfaultfd(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_userfaultfd, 0));
}

static int way_perf_event_open(struct ledger *l)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
	};

	return open_and_close(l, OPENED(l, SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int way_pidfd_open(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_pidfd_open, getpid(), 0));
}

static int way_pidfd_getfd(struct ledger *l)
{
	int pidfd = OPENED(l, SYS_pidfd_open, getpid(), 0);
	int fd = pidfd < 0 ? pidfd : OPENED(l, SYS_pidfd_getfd, pidfd, STDOUT_FILENO, 0);

	closing(l, pidfd);
	return open_and_close(l, fd);
}

static int way_open_by_handle_at(struct ledger *l)
{
	struct {
		struct file_handle head;
		char bytes[MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int mount_id, dir, fd;

	/* No handles on this file system is a reason to skip, not a failed open. */
	if (syscall(SYS_name_to_handle_at, AT_FDCWD, l->file, &handle, &mount_id, 0))
		return -errno;
	dir = OPENED(l, SYS_openat, AT_FDCWD, l->dir, O_RDONLY);
	fd = dir < 0 ? dir : OPENED(l, SYS_open_by_handle_at, dir, &handle, O_RDONLY);
	closing(l, dir);
	return open_and_close(l, fd);
}

static int way_fsopen(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_fsopen, "tmpfs", 0));
}

static int way_fsmount(struct ledger *l)
{
	int fs = OPENED(l, SYS_fsopen, "tmpfs", 0), fd = fs;

	if (fs >= 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = -errno;
	else if (fs >= 0)
		fd = OPENED(l, SYS_fsmount, fs, 0, 0);
	closing(l, fs);
	return open_and_close(l, fd);
}

static int way_fspick(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_fspick, AT_FDCWD, "/", 0));
}

static int way_open_tree(struct ledger *l)
{
	return open_and_close(l, OPENED(l, SYS_open_tree, AT_FDCWD, l->dir, 0));
}

static int way_mq_open(struct ledger *l)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "fdways-%d", getpid());
	fd = OPENED(l, SYS_mq_open, name, O_CREAT | O_RDWR, 0600, &attr);
	if (fd >= 0)
		syscall(SYS_mq_unlink, name);
	return open_and_close(l, fd);
}

static int way_io_uring_setup(struct ledger *l)
{
	struct io_uring_params params = { .flags = 0 };

	return open_and_close(l, OPENED(l, SYS_io_uring_setup, 2, &params));
}

static int way_bpf_map(struct ledger *l)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 1,
	};

	return open_and_close(l, OPENED(l, SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

/* A bpf(2) command that returns 0 opens nothing. */
static int way_bpf_update(struct ledger *l)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 1,
	};
	int fd = OPENED(l, SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	uint64_t value = 7;
	uint32_t key = 0;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	if (fd >= 0 && syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
		die("bpf: %s", strerror(errno));
	return open_and_close(l, fd);
}

static int way_landlock(struct ledger *l)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE };

	return open_and_close(l, OPENED(l, SYS_landlock_create_ruleset, &attr, sizeof(attr), 0));
}

/* Returns a version number, not a descriptor. */
static int way_landlock_version(struct ledger *l)
{
	(void)l;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0)
		return -errno;
	return 0;
}

#endif
