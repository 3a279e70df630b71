// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whole records to a file descriptor. A file that never waits (regular, block, /dev/null) is
 * written some records at a time; a pipe, socket or terminal as far as its reader lets us.
 */
#include "sinks/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum {
	DEFAULT_QUEUE_BYTES = 1 << 20,
	FILE_BATCH_BYTES = 1 << 16, /* so much of a tick goes to a file in one write */
};

struct output {
	int fd;
	bool own_fd;
	bool waits; /* its reader may be slow */
	bool is_socket;
	bool is_tty;
	bool gone;          /* the reader; for good */
	size_t chunk_bytes; /* most that one write may carry */
	size_t max_queue_bytes;
	struct buf bytes; /* records that wait, after `sent` bytes that do not any more */
	size_t sent;
	struct buf ends; /* size_t: where each record of `bytes` ends; the first `done` are out */
	size_t done;
	uint64_t dropped;
	uint64_t written_bytes; /* since the fd is in use */
};

static bool file_waits(const struct output *o, mode_t mode)
{
	return S_ISFIFO(mode) || o->is_socket || o->is_tty;
}

int output_new(int fd, bool own_fd, size_t max_queue_bytes, struct output **ret)
{
	struct output *o;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->fd = fd;
	o->own_fd = own_fd;
	o->is_socket = S_ISSOCK(st.st_mode);
	o->is_tty = isatty(fd);
	o->waits = file_waits(o, st.st_mode);
	/* A terminal says "writable" with as little as half a page free. */
	o->chunk_bytes = o->is_tty ? PIPE_BUF / 2 : PIPE_BUF;
	o->max_queue_bytes = max_queue_bytes ? max_queue_bytes : DEFAULT_QUEUE_BYTES;
	*ret = o;
	return 0;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	if (o->own_fd)
		close(o->fd);
	buf_fini(&o->bytes);
	buf_fini(&o->ends);
	free(o);
}

uint64_t output_dropped(const struct output *o)
{
	return o->dropped;
}

int output_fd(const struct output *o)
{
	return o->fd;
}

static size_t waiting_bytes(const struct output *o)
{
	return o->bytes.len - o->sent;
}

uint64_t output_bytes(const struct output *o)
{
	return o->written_bytes + waiting_bytes(o);
}

static size_t end_count(const struct output *o)
{
	return o->ends.len / sizeof(size_t);
}

static size_t end_at(const struct output *o, size_t index)
{
	size_t end;

	memcpy(&end, o->ends.data + index * sizeof(end), sizeof(end));
	return end;
}

static void empty_queue(struct output *o)
{
	buf_reset(&o->bytes);
	buf_reset(&o->ends);
	o->sent = 0;
	o->done = 0;
}

static void drop_queue(struct output *o)
{
	o->dropped += end_count(o) - o->done;
	empty_queue(o);
}

void output_replace(struct output *o, int fd)
{
	drop_queue(o);
	if (o->own_fd)
		close(o->fd);
	o->fd = fd;
	o->own_fd = true;
	o->written_bytes = 0;
}

/* Moves what waits to the front of the memory. */
static void compact_queue(struct output *o)
{
	size_t i, cnt = end_count(o) - o->done, end;

	for (i = 0; i < cnt; i++) {
		end = end_at(o, o->done + i) - o->sent;
		memcpy(o->ends.data + i * sizeof(end), &end, sizeof(end));
	}
	o->ends.len = cnt * sizeof(end);
	o->done = 0;
	o->bytes.len -= o->sent;
	memmove(o->bytes.data, o->bytes.data + o->sent, o->bytes.len);
	o->sent = 0;
}

static int enqueue(struct output *o, const void *record, size_t len)
{
	size_t end;

	/* Only when more than half is waste: a byte is moved once at most. */
	if (o->sent > o->max_queue_bytes)
		compact_queue(o);
	end = o->bytes.len + len;
	if (!buf_reserve(&o->bytes, len) || !buf_reserve(&o->ends, sizeof(end))) {
		o->bytes.err = 0;
		o->ends.err = 0;
		return -ENOMEM;
	}
	buf_append(&o->bytes, record, len);
	buf_append(&o->ends, &end, sizeof(end));
	return 0;
}

static void mark_sent(struct output *o, size_t n)
{
	o->sent += n;
	o->written_bytes += n;
	while (o->done < end_count(o) && end_at(o, o->done) <= o->sent)
		o->done++;
	if (o->done == end_count(o))
		empty_queue(o);
}

/*
 * As many whole records as one write may carry, so that another writer of the same pipe comes
 * between records; a piece of one when it is longer than that.
 */
static size_t next_chunk(const struct output *o)
{
	size_t i, n = 0;

	for (i = o->done; i < end_count(o) && end_at(o, i) - o->sent <= o->chunk_bytes; i++)
		n = end_at(o, i) - o->sent;
	if (n)
		return n;
	return waiting_bytes(o) < o->chunk_bytes ? waiting_bytes(o) : o->chunk_bytes;
}

static ssize_t plain_write(const struct output *o, const void *data, size_t len)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	ssize_t n;

	/* Another writer may fill the pipe between poll and write. Pipes take RWF_NOWAIT since 6.4,
	 * before that only the poll protects. */
	if (o->waits && !o->is_tty) {
		n = pwritev2(o->fd, &iov, 1, -1, RWF_NOWAIT);
		if (n >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS))
			return n;
	}
	return write(o->fd, data, len);
}

static int signal_of(int err)
{
	return err == EPIPE ? SIGPIPE : err == EFBIG ? SIGXFSZ : 0;
}

/*
 * A library may not change what a signal does to its process. SIGPIPE and SIGXFSZ go to the thread
 * that wrote: they are blocked while it writes, and one that a write raised is taken off again,
 * unless one was pending before, which is then somebody else's.
 */
struct quiet {
	sigset_t old;
	sigset_t pending;
};

static void quiet_begin(struct quiet *q)
{
	sigset_t raised;

	sigemptyset(&raised);
	sigaddset(&raised, SIGPIPE);
	sigaddset(&raised, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &raised, &q->old);
	sigpending(&q->pending);
}

/* err: what the last write said, 0 or -errno. */
static void quiet_end(const struct quiet *q, int err)
{
	static const struct timespec no_wait;
	int sig = signal_of(-err);
	sigset_t raised;

	if (sig && !sigismember(&q->pending, sig)) {
		sigemptyset(&raised);
		sigaddset(&raised, sig);
		while (sigtimedwait(&raised, NULL, &no_wait) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &q->old, NULL);
}

static ssize_t write_chunk(const struct output *o, const void *data, size_t len)
{
	ssize_t n;

	do {
		if (o->is_socket)
			n = send(o->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = plain_write(o, data, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Bytes of the record that is partly out. */
static size_t begun_bytes(const struct output *o)
{
	return o->sent - (o->done ? end_at(o, o->done - 1) : 0);
}

/* Takes back the begun record, unless somebody else's bytes may be in the way. */
static void take_back(struct output *o)
{
	off_t begun = (off_t)begun_bytes(o), end = lseek(o->fd, 0, SEEK_CUR);
	struct stat st;

	if (!begun || end < begun)
		return;
	if (fstat(o->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != end)
		return;
	if (ftruncate(o->fd, end - begun) || lseek(o->fd, end - begun, SEEK_SET) < 0)
		return;
	o->sent -= begun;
	o->written_bytes -= begun;
}

/* Nothing comes before a record that was begun and cannot be taken back, so that the file never
 * holds half a line followed by another, nor before its first, which says what the others are. */
static bool must_be_next(const struct output *o)
{
	return waiting_bytes(o) && (begun_bytes(o) || !o->written_bytes);
}

/* Leaves the file with whole records only. */
static void drop_unwritten(struct output *o)
{
	size_t end;

	take_back(o);
	if (!must_be_next(o)) {
		drop_queue(o);
		return;
	}
	end = end_at(o, o->done);
	o->dropped += end_count(o) - o->done - 1;
	o->bytes.len = end;
	o->ends.len = (o->done + 1) * sizeof(end);
}

static int write_queue(struct output *o)
{
	ssize_t n;

	while (waiting_bytes(o)) {
		n = write_chunk(o, o->bytes.data + o->sent, waiting_bytes(o));
		if (n <= 0)
			return n ? n : -EIO;
		mark_sent(o, n);
	}
	return 0;
}

static int write_file(struct output *o)
{
	struct quiet q;
	int err;

	if (!waiting_bytes(o))
		return 0;
	quiet_begin(&q);
	err = write_queue(o);
	if (err)
		drop_unwritten(o);
	quiet_end(&q, err);
	return err;
}

static int put_file(struct output *o, const void *record, size_t len)
{
	int err = must_be_next(o) ? write_file(o) : 0;

	if (!err)
		err = enqueue(o, record, len);
	if (err) {
		o->dropped++;
		return err;
	}
	return waiting_bytes(o) < FILE_BATCH_BYTES ? 0 : write_file(o);
}

static int lose_reader(struct output *o)
{
	o->gone = true;
	drop_queue(o);
	return -EPIPE;
}

/* 1: writable, 0: not before timeout_ms (-1: for ever), -EPIPE. */
static int wait_writable(struct output *o, int timeout_ms)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };
	int r = poll(&p, 1, timeout_ms);

	if (r < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (p.revents & (POLLERR | POLLHUP | POLLNVAL))
		return lose_reader(o);
	return r;
}

/* Asked also when nothing waits: a reader that went is noticed while the target is quiet. */
static int write_ready(struct output *o)
{
	ssize_t n;
	int r;

	while ((r = wait_writable(o, 0)) > 0 && waiting_bytes(o)) {
		n = write_chunk(o, o->bytes.data + o->sent, next_chunk(o));
		if (n == -EAGAIN || n == -ENOBUFS || n == -ENOMEM)
			return 0;
		if (n < 0)
			return lose_reader(o);
		mark_sent(o, n);
	}
	return r < 0 ? r : 0;
}

static int write_stream(struct output *o)
{
	struct quiet q;
	int err;

	if (o->gone)
		return -EPIPE;
	quiet_begin(&q);
	err = write_ready(o);
	quiet_end(&q, err);
	return err;
}

static int put_stream(struct output *o, const void *record, size_t len)
{
	int err = o->gone ? -EPIPE : 0;

	if (!err && waiting_bytes(o) + len > o->max_queue_bytes)
		err = write_stream(o);
	if (!err && waiting_bytes(o) + len > o->max_queue_bytes)
		err = -EAGAIN;
	if (!err)
		err = enqueue(o, record, len);
	if (err)
		o->dropped++;
	return err;
}

int output_put(struct output *o, const void *record, size_t len)
{
	return o->waits ? put_stream(o, record, len) : put_file(o, record, len);
}

int output_flush(struct output *o)
{
	return o->waits ? write_stream(o) : write_file(o);
}

int output_drain(struct output *o, int timeout_ms)
{
	uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
	uint64_t now_ns;
	int err;

	for (;;) {
		err = output_flush(o);
		if (err || !waiting_bytes(o))
			return err;
		now_ns = clock_monotonic_ns();
		if (now_ns >= deadline_ns)
			return -ETIMEDOUT;
		err = wait_writable(o, (deadline_ns - now_ns + 999999) / 1000000);
		if (err < 0)
			return err;
	}
}
