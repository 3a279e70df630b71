// SPDX-License-Identifier: BSD-2-Clause
/* The event loop and the clocks: order, removal in the middle of a batch, timers, nesting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

#define MS 1000000ull

struct counter {
	struct loop *loop;
	int calls;
	uint32_t events;
	int remove[2]; /* fds to remove in the callback, -1 for none */
	int add;       /* fd to add in it, -1 for none */
	int nested;    /* dispatches to make in it */
};

static int ready_fd(void)
{
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static void count(void *ctx, int fd, uint32_t events)
{
	struct counter *c = ctx;

	(void)fd;
	c->calls++;
	c->events = events;
	for (int i = 0; i < 2; i++) {
		if (c->remove[i] >= 0)
			loop_remove(c->loop, c->remove[i]);
		c->remove[i] = -1;
	}
	if (c->add >= 0)
		assert_int_equal(loop_add(c->loop, c->add, EPOLLIN, count, c), 0);
	c->add = -1;
	while (c->nested > 0) {
		c->nested--;
		assert_int_equal(loop_dispatch(c->loop, 0), 0);
	}
}

static struct counter counter_of(struct loop *l)
{
	return (struct counter){ .loop = l, .remove = { -1, -1 }, .add = -1 };
}

static void what_is_ready_is_called(void **state)
{
	struct loop *l = NULL;
	struct counter c;
	int fd = ready_fd();
	struct pollfd p;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	c = counter_of(l);
	assert_int_equal(loop_dispatch(l, 0), 0);
	assert_int_equal(loop_add(l, fd, EPOLLIN | EPOLLOUT, count, &c), 0);
	assert_int_equal(loop_add(l, fd, EPOLLIN, count, &c), -EEXIST);
	assert_int_equal(loop_add(l, -1, EPOLLIN, count, &c), -EBADF);
	p = (struct pollfd){ .fd = loop_fd(l), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(loop_dispatch(l, -1), 0);
	assert_int_equal(c.calls, 1);
	assert_int_equal(c.events, EPOLLIN | EPOLLOUT);
	loop_remove(l, fd);
	loop_remove(l, fd);
	assert_int_equal(loop_dispatch(l, 0), 0);
	assert_int_equal(c.calls, 1);
	loop_free(l);
	loop_free(NULL);
	close(fd);
}

/* Two are ready, and whichever is called first removes both: the other must not be called, and its
 * number, given to a new watch at once, must not lend it the old event. */
static void removal_in_a_batch_is_safe(void **state)
{
	struct counter c, late;
	struct loop *l = NULL;
	int a = ready_fd(), b = ready_fd();

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	c = counter_of(l);
	late = counter_of(l);
	c.remove[0] = a;
	c.remove[1] = b;
	assert_int_equal(loop_add(l, a, EPOLLIN, count, &c), 0);
	assert_int_equal(loop_add(l, b, EPOLLIN, count, &c), 0);
	assert_int_equal(loop_dispatch(l, 0), 0);
	assert_int_equal(c.calls, 1);

	c.remove[0] = a;
	c.remove[1] = b;
	assert_int_equal(loop_add(l, a, EPOLLIN, count, &c), 0);
	assert_int_equal(loop_add(l, b, EPOLLIN, count, &c), 0);
	c.add = b;
	assert_int_equal(loop_dispatch(l, 0), 0);
	assert_int_equal(c.calls, 2);
	assert_int_equal(loop_dispatch(l, 0), 0);
	assert_int_equal(c.calls, 3);
	assert_int_equal(late.calls, 0);
	loop_free(l);
	close(a);
	close(b);
}

static void a_callback_may_dispatch(void **state)
{
	struct counter c;
	struct loop *l = NULL;
	int a = ready_fd(), b = ready_fd();

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	c = counter_of(l);
	assert_int_equal(loop_add(l, a, EPOLLIN, count, &c), 0);
	assert_int_equal(loop_add(l, b, EPOLLIN, count, &c), 0);
	c.nested = 1;
	c.remove[0] = a;
	c.remove[1] = b;
	c.add = a;
	assert_int_equal(loop_dispatch(l, 0), 0);
	assert_int_equal(c.calls, 2);
	loop_free(l);
	close(a);
	close(b);
}

static void timers_keep_to_their_schedule(void **state)
{
	uint64_t start = clock_monotonic_ns(), expirations = 0;
	int fd = loop_timer(start + 20 * MS, 10 * MS);
	struct loop *l = NULL;
	struct counter c;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(loop_new(&l), 0);
	c = counter_of(l);
	assert_int_equal(loop_add(l, fd, EPOLLIN, count, &c), 0);
	assert_int_equal(loop_dispatch(l, 5000), 0);
	assert_int_equal(c.calls, 1);
	assert_true(clock_monotonic_ns() - start >= 20 * MS);
	usleep(45000);
	assert_int_equal(read(fd, &expirations, sizeof(expirations)), sizeof(expirations));
	assert_true(expirations >= 5);
	loop_remove(l, fd);
	close(fd);

	fd = loop_timer(0, 0);
	assert_true(fd >= 0);
	assert_int_equal(loop_add(l, fd, EPOLLIN, count, &c), 0);
	assert_int_equal(loop_dispatch(l, 5000), 0);
	assert_int_equal(c.calls, 2);
	assert_int_equal(read(fd, &expirations, sizeof(expirations)), sizeof(expirations));
	assert_int_equal(expirations, 1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	loop_free(l);
	close(fd);
}

static void ignore_alarm(int sig)
{
	(void)sig;
}

static void a_signal_is_no_failure(void **state)
{
	const struct sigaction action = { .sa_handler = ignore_alarm };
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct loop *l = NULL;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(loop_dispatch(l, 10000), 0);
	loop_free(l);
}

static void clocks_run_and_ticks_convert(void **state)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t mono = clock_monotonic_ns(), cpu = clock_own_cpu_ns();

	(void)state;
	assert_true(mono > 0 && clock_boottime_ns() >= mono);
	assert_true(clock_monotonic_ns() >= mono);
	assert_true(clock_own_cpu_ns() >= cpu);
	assert_true(clock_realtime_seconds() > 1.6e9);
	assert_int_equal(clock_ns_to_ticks(999999999), hz - 1);
	assert_int_equal(clock_ns_to_ticks(1000000000), hz);
	assert_int_equal(clock_ticks_to_ns(hz), 1000000000);
	for (uint64_t ticks = 0; ticks < 100000; ticks += 997)
		if (hz == 100)
			assert_int_equal(clock_ns_to_ticks(clock_ticks_to_ns(ticks)), ticks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_ready_is_called),
		cmocka_unit_test(removal_in_a_batch_is_safe),
		cmocka_unit_test(a_callback_may_dispatch),
		cmocka_unit_test(timers_keep_to_their_schedule),
		cmocka_unit_test(a_signal_is_no_failure),
		cmocka_unit_test(clocks_run_and_ticks_convert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
