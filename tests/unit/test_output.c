// SPDX-License-Identifier: BSD-2-Clause
/* output.c: whole lines for slow, gone and full readers, and accounts that close. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sinks/output.h"

enum { RECORD_MAX = 9000, QUEUE_BYTES = 16384 };

/* "000042 xxxx\n": the number says which record it is, the length follows from the number. */
static size_t make_record(char *record, unsigned int number)
{
	size_t len = number % 37 == 36 ? 8191 : 20 + number * 7919 % 1500;

	memset(record, 'x', len);
	snprintf(record, 8, "%06u", number);
	record[6] = ' ';
	record[len - 1] = '\n';
	return len;
}

static int put_record(struct output *o, unsigned int number)
{
	char record[RECORD_MAX];

	return output_put(o, record, make_record(record, number));
}

static bool read_within(int fd, int timeout_ms, size_t most, struct buf *in)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *to = buf_reserve(in, most);
	ssize_t n;

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	n = read(fd, to, most);
	if (n > 0)
		in->len += n;
	return n > 0;
}

static void read_some(int fd, size_t most, struct buf *in)
{
	read_within(fd, 0, most, in);
}

/* Every line is one record as it was made, in order; returns how many. */
static size_t check_lines(const struct buf *in)
{
	char record[RECORD_MAX];
	size_t at = 0, len, cnt = 0;
	unsigned int number, least = 0;

	while (at < in->len) {
		assert_true(in->len - at > 7);
		number = strtoul(in->data + at, NULL, 10);
		assert_true(number >= least);
		len = make_record(record, number);
		assert_true(len <= in->len - at);
		assert_memory_equal(in->data + at, record, len);
		at += len;
		least = number + 1;
		cnt++;
	}
	return cnt;
}

static void drain_into(struct output *o, int read_fd, struct buf *in)
{
	int r;

	do {
		r = output_drain(o, 0);
		assert_true(!r || r == -ETIMEDOUT);
		read_some(read_fd, 65536, in);
	} while (r);
	/* A terminal hands over what was written a little later. */
	while (read_within(read_fd, 50, 65536, in))
		;
}

/* A reader that takes a little now and then. */
static void check_slow_reader(int read_fd, int write_fd)
{
	unsigned int number, accepted = 0;
	struct output *o = NULL;
	struct buf in = { 0 };
	int r;

	assert_int_equal(output_new(write_fd, false, QUEUE_BYTES, &o), 0);
	for (number = 0; number < 2000; number++) {
		r = put_record(o, number);
		assert_true(!r || r == -EAGAIN);
		accepted += !r;
		if (number % 3 == 0)
			assert_int_equal(output_flush(o), 0);
		if (number % 5 == 0)
			read_some(read_fd, 1 + number * 31 % 4000, &in);
	}
	assert_true(output_dropped(o) > 0);
	assert_int_equal(accepted + output_dropped(o), 2000);
	drain_into(o, read_fd, &in);
	assert_int_equal(check_lines(&in), accepted);
	output_free(o);
	buf_fini(&in);
}

static void test_slow_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
	check_slow_reader(fds[0], fds[1]);
	/* It did not borrow the flags of the pipe either. */
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_slow_socket(void **state)
{
	int fds[2], size = 8192;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	check_slow_reader(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void test_slow_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios raw;

	(void)state;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		print_message("no pseudo-terminal here: %s\n", strerror(errno));
		skip();
	}
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	check_slow_reader(master, slave);
	close(slave);
	close(master);
}

/* A pipe of packets shows each write by itself: another writer can only come between records. */
static void test_writes_hold_whole_records(void **state)
{
	struct output *o = NULL;
	struct buf in = { 0 };
	unsigned int number;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_DIRECT), 0);
	assert_int_equal(output_new(fds[1], true, 0, &o), 0);
	for (number = 0; number < 30; number++)
		assert_int_equal(put_record(o, number), 0);
	while (output_drain(o, 0) == -ETIMEDOUT || in.len == 0) {
		buf_reset(&in);
		read_some(fds[0], PIPE_BUF, &in);
		assert_true(in.len > 0);
		assert_int_equal(check_lines(&in) > 0, 1);
	}
	output_free(o);
	close(fds[0]);
	buf_fini(&in);
}

static bool is_pending(int sig)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, sig);
}

/* SIGPIPE has its default action here: the test would die of it. */
static void test_reader_gone(void **state)
{
	struct output *o = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(output_new(fds[1], true, 0, &o), 0);
	assert_int_equal(put_record(o, 0), 0);
	assert_int_equal(put_record(o, 1), 0);
	close(fds[0]);
	assert_int_equal(output_flush(o), -EPIPE);
	assert_int_equal(output_dropped(o), 2);
	assert_int_equal(put_record(o, 2), -EPIPE);
	assert_int_equal(output_drain(o, 1000), -EPIPE);
	assert_int_equal(output_dropped(o), 3);
	assert_false(is_pending(SIGPIPE));
	output_free(o);
}

static void test_socket_reader_gone(void **state)
{
	struct output *o = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(output_new(fds[1], true, 0, &o), 0);
	assert_int_equal(put_record(o, 0), 0);
	close(fds[0]);
	assert_int_equal(output_flush(o), -EPIPE);
	assert_int_equal(output_dropped(o), 1);
	output_free(o);
}

/* A reader that has gone is noticed while nothing is to be written. */
static void test_quiet_reader_gone(void **state)
{
	struct output *o = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(output_new(fds[1], true, 0, &o), 0);
	assert_int_equal(output_flush(o), 0);
	close(fds[0]);
	assert_int_equal(output_flush(o), -EPIPE);
	assert_int_equal(output_dropped(o), 0);
	output_free(o);
}

static void test_drain_waits_no_longer(void **state)
{
	struct output *o = NULL;
	struct buf in = { 0 };
	int fds[2], i;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
	assert_int_equal(output_new(fds[1], true, 0, &o), 0);
	for (i = 0; i < 40; i++)
		assert_int_equal(put_record(o, i), 0);
	assert_int_equal(output_drain(o, 20), -ETIMEDOUT);
	drain_into(o, fds[0], &in);
	assert_int_equal(check_lines(&in), 40);
	assert_int_equal(output_dropped(o), 0);
	output_free(o);
	close(fds[0]);
	buf_fini(&in);
}

/* A record that the queue could never hold is dropped like one for which it has no room now. */
static void test_record_too_long(void **state)
{
	static const char record[5000];
	struct output *o = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(output_new(fds[1], true, 4999, &o), 0);
	assert_int_equal(output_put(o, record, sizeof(record)), -EAGAIN);
	assert_int_equal(output_put(o, record, 4999), 0);
	assert_int_equal(output_dropped(o), 1);
	output_free(o);
	close(fds[0]);
}

static void test_not_a_descriptor(void **state)
{
	struct output *o = NULL;

	(void)state;
	assert_int_equal(output_new(-1, true, 0, &o), -EBADF);
	output_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_pipe),
		cmocka_unit_test(test_slow_socket),
		cmocka_unit_test(test_slow_terminal),
		cmocka_unit_test(test_writes_hold_whole_records),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_socket_reader_gone),
		cmocka_unit_test(test_quiet_reader_gone),
		cmocka_unit_test(test_drain_waits_no_longer),
		cmocka_unit_test(test_record_too_long),
		cmocka_unit_test(test_not_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
