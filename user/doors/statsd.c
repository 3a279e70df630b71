// SPDX-License-Identifier: BSD-2-Clause
/*
 * A StatsD listener, over UDP or a datagram socket in the file system. What the kernel dropped
 * because a burst was faster than we read is counted as lost, where the kernel says so (UDP).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doors/address.h"
#include "doors/door.h"
#include "doors/statsd_parse.h"

#define DATAGRAM_MAX        65536
#define DATAGRAMS_PER_EVENT 64 /* then the loop goes on: others have a turn */
#define DATAGRAMS_PER_TICK  4096
#define RECEIVE_BYTES       (4 << 20) /* asked for; the kernel gives what it allows */
#define SHOWN_LEN           64        /* of a bad datagram, in the warning */
#define SOCKET_MODE         0666      /* as with UDP, every local program may send */

struct statsd {
	const struct door_env *env;
	struct store *values;
	struct address address;
	int fd;
	bool bound;
	bool warned;
	uint64_t lost;
	uint32_t dropped; /* by the kernel, as it counts them */
	char data[DATAGRAM_MAX];
};

static void note_lost(struct statsd *s, uint64_t cnt, const char *why)
{
	char message[256];

	if (!cnt)
		return;
	s->lost += cnt;
	if (s->warned || !s->env)
		return;
	s->warned = true;
	snprintf(
		message, sizeof(message),
		"statsd: %s; such losses are counted in lost_events from now on, without a message",
		why);
	s->env->warn(s->env->ctx, message);
}

static void on_sample(void *ctx, const struct sample *sample)
{
	struct statsd *s = ctx;
	char why[160];
	int err = store_add(s->values, sample);

	if (!err)
		return;
	snprintf(why, sizeof(why), "'%s' %s", sample->name,
		 err == -EEXIST ? "was of another type before, and is left out"
				: "is one more than there is room for, and is left out");
	note_lost(s, 1, why);
}

/* SO_RXQ_OVFL: drops of this socket so far, a 32-bit counter. */
static void note_drops(struct statsd *s, struct msghdr *msg)
{
	struct cmsghdr *c;
	uint32_t total;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&total, CMSG_DATA(c), sizeof(total));
		note_lost(s, total - s->dropped, "datagrams came faster than they were read");
		s->dropped = total;
	}
}

/* False: nothing is waiting. */
static bool receive(struct statsd *s)
{
	char control[CMSG_SPACE(sizeof(uint32_t))];
	struct iovec iov = { s->data, sizeof(s->data) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT);
	char why[192];
	size_t bad;

	if (n < 0)
		return errno == EINTR;
	note_drops(s, &msg);
	if (msg.msg_flags & MSG_TRUNC) {
		note_lost(s, 1, "a datagram was longer than 65536 bytes");
		return true;
	}
	bad = statsd_parse(s->data, (size_t)n, on_sample, s);
	if (bad) {
		snprintf(why, sizeof(why),
			 "%zu of the values in a datagram that begins with '%.*s' cannot be "
			 "read",
			 bad, (int)(n < SHOWN_LEN ? n : SHOWN_LEN), s->data);
		note_lost(s, bad, why);
	}
	return true;
}

static void receive_some(struct statsd *s, int cnt)
{
	while (cnt-- > 0 && receive(s))
		;
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	receive_some(ctx, DATAGRAMS_PER_EVENT);
}

/* ---- the socket ---- */

/* Left over from a run that was killed: nobody listens on it any more. */
static bool is_stale(const struct address *a)
{
	struct stat st;
	int fd, err;

	if (stat(a->un.sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	err = connect(fd, &a->any, a->len) ? errno : 0;
	close(fd);
	return err == ECONNREFUSED;
}

static int bind_socket(struct statsd *s)
{
	const struct address *a = &s->address;
	int on = 1, bytes = RECEIVE_BYTES;

	s->fd = socket(a->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	setsockopt(s->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (a->any.sa_family == AF_UNIX && is_stale(a))
		unlink(a->un.sun_path);
	if (bind(s->fd, &a->any, a->len))
		return -errno;
	s->bound = true;
	if (a->any.sa_family == AF_UNIX && chmod(a->un.sun_path, SOCKET_MODE))
		return -errno;
	return 0;
}

static void statsd_close(void *self)
{
	struct statsd *s = self;

	if (!s)
		return;
	if (s->fd >= 0) {
		if (s->env)
			loop_remove(s->env->loop, s->fd);
		close(s->fd);
	}
	if (s->bound && s->address.any.sa_family == AF_UNIX)
		unlink(s->address.un.sun_path);
	store_free(s->values);
	free(s);
}

static int statsd_open(const char *text, uint64_t every_ns, void **ret, char *error)
{
	struct statsd *s = calloc(1, sizeof(*s));
	int err = s ? store_new(&s->values) : -ENOMEM;

	if (s)
		s->fd = -1;
	if (!err) {
		err = address_parse(text, &s->address);
		if (err)
			snprintf(error, DOOR_ERROR_LEN,
				 "'%s' is no address to listen on; write PORT, HOST:PORT with a "
				 "numeric "
				 "host, or unix:PATH",
				 text);
	}
	if (!err) {
		err = bind_socket(s);
		if (err)
			snprintf(error, DOOR_ERROR_LEN, "cannot listen for StatsD on '%s': %s",
				 text, strerror(-err));
	}
	if (err) {
		statsd_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

static int statsd_start(void *self, const struct door_env *env)
{
	struct statsd *s = self;

	s->env = env;
	return loop_add(env->loop, s->fd, EPOLLIN, on_readable, s);
}

static void statsd_refresh(void *self)
{
	receive_some(self, DATAGRAMS_PER_TICK);
}

static struct store *statsd_values(void *self)
{
	return ((struct statsd *)self)->values;
}

static uint64_t statsd_lost(const void *self)
{
	return ((const struct statsd *)self)->lost;
}

const struct door door_statsd = {
	.name = "statsd",
	.open = statsd_open,
	.start = statsd_start,
	.refresh = statsd_refresh,
	.values = statsd_values,
	.lost = statsd_lost,
	.close = statsd_close,
};
