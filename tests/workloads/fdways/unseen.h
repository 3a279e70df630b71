/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways that a table of system calls cannot see: how many descriptors is in a buffer, or nowhere. */
#ifndef FDWAYS_UNSEEN_H
#define FDWAYS_UNSEEN_H

#include <limits.h>
#include <linux/filter.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "uring.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* 6.5 */
#define SO_PEERPIDFD 77
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

/* ---- control messages ---- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(8 * sizeof(int)) + CMSG_SPACE(sizeof(int))];
};

static void send_fds(int sock, const int *fds, size_t cnt)
{
	union control c = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *head;

	if (cnt) {
		msg.msg_control = c.bytes;
		msg.msg_controllen = CMSG_SPACE(cnt * sizeof(int));
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(cnt * sizeof(int));
		memcpy(CMSG_DATA(head), fds, cnt * sizeof(int));
	}
	if (sendmsg(sock, &msg, 0) != 1)
		die("sendmsg: %s", strerror(errno));
}

/* Enters and closes every descriptor that came with a message; returns how many. */
static int take_fds(struct ledger *l, struct msghdr *msg, int type)
{
	struct cmsghdr *head;
	int fds[8], cnt, i, total = 0;

	for (head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != type)
			continue;
		cnt = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(head), cnt * sizeof(int));
		l->unseen_opens += cnt;
		for (i = 0; i < cnt; i++)
			closing(l, fds[i]);
		total += cnt;
	}
	return total;
}

static int receive_fds(struct ledger *l, int sock, int type)
{
	union control c;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes,
			      .msg_controllen = sizeof(c.bytes) };

	if (recvmsg(sock, &msg, 0) != 1)
		die("recvmsg: %s", strerror(errno));
	return take_fds(l, &msg, type);
}

static int receive_fds_mmsg(struct ledger *l, int sock)
{
	union control c;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes,
					  .msg_controllen = sizeof(c.bytes) } };

	if (recvmmsg(sock, &m, 1, 0, NULL) != 1)
		die("recvmmsg: %s", strerror(errno));
	return take_fds(l, &m.msg_hdr, SCM_RIGHTS);
}

static int pair_open(struct ledger *l, int pair[2])
{
	return opened_pair(l, syscall(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int way_scm_rights(struct ledger *l)
{
	int pair[2], r = pair_open(l, pair);

	if (r)
		return r;
	send_fds(pair[0], (int[]){ 0, 1, 2 }, 3);
	r = receive_fds(l, pair[1], SCM_RIGHTS) == 3 ? 0 : -EPROTO;
	closing_pair(l, pair);
	return r;
}

static int way_scm_rights_mmsg(struct ledger *l)
{
	int pair[2], r = pair_open(l, pair);

	if (r)
		return r;
	send_fds(pair[0], (int[]){ 0, 1 }, 2);
	r = receive_fds_mmsg(l, pair[1]) == 2 ? 0 : -EPROTO;
	closing_pair(l, pair);
	return r;
}

static int way_scm_pidfd(struct ledger *l)
{
	int pair[2], one = 1, r = pair_open(l, pair);

	if (r)
		return r;
	if (setsockopt(pair[1], SOL_SOCKET, SO_PASSPIDFD, &one, sizeof(one))) {
		r = -errno;
	} else {
		send_fds(pair[0], NULL, 0);
		r = receive_fds(l, pair[1], SCM_PIDFD) == 1 ? 0 : -EPROTO;
	}
	closing_pair(l, pair);
	return r;
}

static int way_so_peerpidfd(struct ledger *l)
{
	int pair[2], fd, r = opened_pair(l, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair));
	socklen_t len = sizeof(fd);

	if (r)
		return r;
	r = getsockopt(pair[1], SOL_SOCKET, SO_PEERPIDFD, &fd, &len) ? -errno : 0;
	if (!r) {
		l->unseen_opens++;
		closing(l, fd);
	}
	closing_pair(l, pair);
	return r;
}

/* ---- clone ---- */

static int way_clone_pidfd(struct ledger *l)
{
	int pidfd = -1;
	long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(0);
	l->unseen_opens++;
	waitpid(pid, NULL, 0);
	closing(l, pidfd);
	return 0;
}

static int way_clone3_pidfd(struct ledger *l)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(0);
	l->unseen_opens++;
	waitpid(pid, NULL, 0);
	closing(l, pidfd);
	return 0;
}

/* ---- ioctl, read ---- */

static int way_tiocgptpeer(struct ledger *l)
{
	int master = OPENED(l, SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY);
	int peer = -1, unlock = 0;

	if (master < 0)
		return master;
	if (!ioctl(master, TIOCSPTLCK, &unlock))
		peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	peer = peer < 0 ? -errno : peer;
	l->unseen_opens += peer >= 0;
	closing(l, peer);
	closing(l, master);
	return peer < 0 ? peer : 0;
}

static int way_ns_get_userns(struct ledger *l)
{
	int ns = OPENED(l, SYS_openat, AT_FDCWD, "/proc/self/ns/uts", O_RDONLY), user;

	if (ns < 0)
		return ns;
	user = ioctl(ns, NS_GET_USERNS);
	user = user < 0 ? -errno : user;
	l->unseen_opens += user >= 0;
	closing(l, user);
	closing(l, ns);
	return user < 0 ? user : 0;
}

static int way_fanotify_read(struct ledger *l)
{
	int group = OPENED(l, SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY);
	struct fanotify_event_metadata event;
	int fd, r = 0;

	if (group < 0)
		return group;
	if (syscall(SYS_fanotify_mark, group, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, l->file)) {
		r = -errno;
	} else {
		fd = any_fd(l);
		closing(l, fd);
		if (read(group, &event, sizeof(event)) != sizeof(event) || event.fd < 0)
			die("no fanotify event");
		l->unseen_opens++;
		closing(l, event.fd);
	}
	closing(l, group);
	return r;
}

/* ---- a supervisor adds descriptors to the thread that it supervises ---- */

struct supervised {
	struct ledger *l;
	int listener; /* or -errno; INT_MIN until known */
	int over;     /* a slot to add to, or 0 for any free one */
	long result;  /* of the supervised call */
};

/* The thread's own filter notifies of getppid and lets all else pass; it ends with the thread. */
static void *supervised_thread(void *arg)
{
	struct supervised *s = arg;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof(code) / sizeof(*code), .filter = code };
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = OPENED(s->l, SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		    &filter);
	__atomic_store_n(&s->listener, fd, __ATOMIC_RELEASE);
	if (fd >= 0)
		s->result = syscall(SYS_getppid);
	return NULL;
}

static int supervise(struct supervised *s)
{
	struct seccomp_notif ask = { .id = 0 };
	struct seccomp_notif_addfd add = { .srcfd = STDOUT_FILENO, .newfd = s->over,
					   .flags = s->over ? SECCOMP_ADDFD_FLAG_SETFD : 0 };
	struct seccomp_notif_resp answer = { .val = 1 };
	int fd, r;

	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &ask))
		die("seccomp notification: %s", strerror(errno));
	add.id = answer.id = ask.id;
	fd = ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	r = fd < 0 ? -errno : 0;
	if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer))
		die("seccomp answer: %s", strerror(errno));
	if (r)
		return r;
	s->l->unseen_opens++;
	s->l->unseen_closes += s->over != 0;
	if (!s->over)
		closing(s->l, fd);
	return 0;
}

static int seccomp_addfd(struct ledger *l, int over)
{
	struct supervised s = { .l = l, .listener = INT_MIN, .over = over };
	pthread_t thread;
	int r;

	if (pthread_create(&thread, NULL, supervised_thread, &s))
		return -EAGAIN;
	while (__atomic_load_n(&s.listener, __ATOMIC_ACQUIRE) == INT_MIN)
		usleep(100);
	r = s.listener < 0 ? s.listener : supervise(&s);
	pthread_join(thread, NULL);
	closing(l, s.listener);
	return r;
}

static int way_seccomp_addfd(struct ledger *l)
{
	return seccomp_addfd(l, 0);
}

static int way_seccomp_addfd_over(struct ledger *l)
{
	int over = any_fd(l), r = seccomp_addfd(l, over);

	closing(l, over);
	return r;
}

#endif
