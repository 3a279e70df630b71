// SPDX-License-Identifier: BSD-2-Clause
/* output.c into files: some records at a time, and whole ones only, however full the disk. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sinks/output.h"

static int temporary_file(void)
{
	char path[] = "/tmp/ktally-test-output-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static bool is_pending(int sig)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, sig);
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static off_t file_size(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

/* SIGXFSZ has its default action here. One write for all after the first, of which two fit. */
static void check_full_file(int flags)
{
	static const char record[300] = "record";
	int fd = temporary_file(), i;
	struct output *o = NULL;

	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
	assert_int_equal(output_new(fd, true, 0, &o), 0);
	limit_file_size(1000);
	for (i = 0; i < 5; i++)
		assert_int_equal(output_put(o, record, sizeof(record)), 0);
	assert_int_equal(file_size(fd), 300);
	assert_int_equal(output_bytes(o), 1500);
	assert_int_equal(output_flush(o), -EFBIG);
	assert_int_equal(file_size(fd), 900);
	assert_int_equal(output_bytes(o), 900);
	assert_int_equal(output_dropped(o), 2);
	assert_int_equal(output_flush(o), 0);
	assert_false(is_pending(SIGXFSZ));
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(output_put(o, record, sizeof(record)), 0);
	assert_int_equal(output_flush(o), 0);
	assert_int_equal(file_size(fd), 1200);
	output_free(o);
}

/* What cannot be written takes the record along that did not fit into the queue behind it. */
static void test_full_file_batch(void **state)
{
	static const char record[30000] = "record";
	int fd = temporary_file();
	struct output *o = NULL;

	(void)state;
	assert_int_equal(output_new(fd, true, 0, &o), 0);
	limit_file_size(40000);
	assert_int_equal(output_put(o, record, sizeof(record)), 0);
	assert_int_equal(output_put(o, record, sizeof(record)), 0);
	assert_int_equal(output_put(o, record, sizeof(record)), 0);
	assert_int_equal(output_put(o, record, sizeof(record)), -EFBIG);
	assert_int_equal(output_dropped(o), 3);
	assert_int_equal(file_size(fd), 30000);
	limit_file_size(RLIM_INFINITY);
	output_free(o);
}

static void test_full_file(void **state)
{
	(void)state;
	check_full_file(0);
}

static void test_full_file_append(void **state)
{
	(void)state;
	check_full_file(O_APPEND);
}

/* Bytes behind the record are not ours to cut off: the begun record is finished before any other.
 */
static void test_full_file_with_a_tail(void **state)
{
	char expected[600], found[600];
	struct output *o = NULL;
	int fd = temporary_file();

	(void)state;
	memset(expected, 'a', 300);
	memset(expected + 300, 'b', 300);
	assert_int_equal(ftruncate(fd, 5000), 0);
	assert_int_equal(output_new(fd, true, 0, &o), 0);
	limit_file_size(100);
	assert_int_equal(output_put(o, expected, 300), 0);
	assert_int_equal(output_flush(o), -EFBIG);
	assert_int_equal(output_put(o, "c", 1), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(output_put(o, expected + 300, 300), 0);
	assert_int_equal(output_flush(o), 0);
	assert_int_equal(pread(fd, found, sizeof(found), 0), 600);
	assert_memory_equal(found, expected, 600);
	assert_int_equal(file_size(fd), 5000);
	assert_int_equal(output_dropped(o), 1);
	output_free(o);
}

/* However many come after it, and however much of it has room. */
static void test_first_record_waits(void **state)
{
	char first[300], found[302];
	struct output *o = NULL;
	int fd = temporary_file();

	(void)state;
	memset(first, 'a', sizeof(first));
	assert_int_equal(output_new(fd, true, 0, &o), 0);
	limit_file_size(100);
	assert_int_equal(output_put(o, first, sizeof(first)), 0);
	assert_int_equal(output_put(o, "b\n", 2), -EFBIG);
	assert_int_equal(output_flush(o), -EFBIG);
	assert_int_equal(file_size(fd), 0);
	assert_int_equal(output_bytes(o), sizeof(first));
	assert_int_equal(output_dropped(o), 1);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(output_put(o, "c\n", 2), 0);
	assert_int_equal(output_flush(o), 0);
	assert_int_equal(pread(fd, found, sizeof(found), 0), sizeof(found));
	assert_memory_equal(found, first, sizeof(first));
	assert_memory_equal(found + sizeof(first), "c\n", 2);
	assert_int_equal(output_bytes(o), sizeof(found));
	output_free(o);
}

/* Another file has nothing of the one before, not even the rest of a record. */
static void test_replaced(void **state)
{
	int full = temporary_file(), empty = temporary_file();
	struct output *o = NULL;

	(void)state;
	assert_int_equal(ftruncate(full, 5000), 0);
	assert_int_equal(output_new(full, true, 0, &o), 0);
	limit_file_size(4);
	assert_int_equal(output_put(o, "a record\n", 9), 0);
	assert_int_equal(output_flush(o), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	output_replace(o, empty);
	assert_int_equal(output_bytes(o), 0);
	assert_int_equal(output_dropped(o), 1);
	assert_int_equal(output_put(o, "another\n", 8), 0);
	assert_int_equal(output_flush(o), 0);
	assert_int_equal(file_size(empty), 8);
	assert_int_equal(output_bytes(o), 8);
	output_free(o);
}

static void test_full_device(void **state)
{
	int fd = open("/dev/full", O_WRONLY);
	struct output *o = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(output_new(fd, true, 0, &o), 0);
	assert_int_equal(output_put(o, "a record\n", 9), 0);
	assert_int_equal(output_flush(o), -ENOSPC);
	assert_int_equal(output_put(o, "another\n", 8), -ENOSPC);
	assert_int_equal(output_dropped(o), 1);
	output_free(o);
}

/* A signal that was pending before is somebody else's. */
static void test_foreign_signal_stays(void **state)
{
	struct output *o = NULL;
	sigset_t set, old;
	int sig;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGXFSZ);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
	raise(SIGXFSZ);
	assert_int_equal(output_new(temporary_file(), true, 0, &o), 0);
	limit_file_size(5);
	assert_int_equal(output_put(o, "a record\n", 9), 0);
	assert_int_equal(output_flush(o), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	assert_true(is_pending(SIGXFSZ));
	assert_int_equal(sigwait(&set, &sig), 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
	output_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_file_batch),
		cmocka_unit_test(test_full_file),
		cmocka_unit_test(test_full_file_append),
		cmocka_unit_test(test_full_file_with_a_tail),
		cmocka_unit_test(test_first_record_waits),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_foreign_signal_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
