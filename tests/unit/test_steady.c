// SPDX-License-Identifier: BSD-2-Clause
/* A tick over processes that stay allocates nothing, whatever is watched. Every call of malloc and
 * its kin in this program is counted, those of the libraries included. */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktally.h"

#define INTERVAL_NS 100000000ULL
#define CHILDREN    20
#define WARM_TICKS  6 /* buffers have their size, the history below is full */
#define TICKS       12

static atomic_ulong allocations;

#define SEEN_BY_LIBRARIES __attribute__((visibility("default")))

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_malloc_hook(const volatile void *at, size_t size);

SEEN_BY_LIBRARIES void __sanitizer_malloc_hook(const volatile void *at, size_t size)
{
	(void)at;
	(void)size;
	atomic_fetch_add(&allocations, 1);
}
#else
/* glibc's own, by the names that stay when a program brings functions of its own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);

SEEN_BY_LIBRARIES void *malloc(size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_malloc(size);
}

SEEN_BY_LIBRARIES void *calloc(size_t count, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_calloc(count, size);
}

SEEN_BY_LIBRARIES void *realloc(void *at, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_realloc(at, size);
}
#endif

/* What was allocated when each tick showed its first snapshot. */
struct ticks {
	unsigned long at[TICKS + 1];
	size_t cnt;
	double last;
};

static void note_tick(void *ctx, const struct ktally_snapshot *s)
{
	struct ticks *ticks = ctx;
	double now = ktally_snapshot__timestamp(s);

	if (ticks->cnt > TICKS || (ticks->cnt && !(now > ticks->last)))
		return;
	ticks->last = now;
	ticks->at[ticks->cnt++] = atomic_load(&allocations);
}

static void start_children(pid_t children[CHILDREN])
{
	pid_t parent = getpid();

	for (size_t i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
}

static void end_children(const pid_t children[CHILDREN])
{
	for (size_t i = 0; i < CHILDREN; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

static int set_metric(void *ctx, struct ktally_metrics *metrics)
{
	(void)ctx;
	return ktally_metrics__set(metrics, "depth", 7);
}

static void prepare(struct ktally_monitor *m, struct ticks *ticks)
{
	KTALLY_OPTS(ktally_target_opts, tree, .kind = KTALLY_TARGET_PID, .pid = (int)getpid(),
		    .follow = 1);
	KTALLY_OPTS(ktally_output_opts, jsonl, .path = "/dev/null");
	KTALLY_OPTS(ktally_output_opts, table, .path = "/dev/null", .format = "table");

	assert_int_equal(ktally_monitor__add_target(m, &tree, NULL), 0);
	assert_int_equal(ktally_monitor__add_rule(
				 m, "busy: avg_over_time(cpu_percent[300ms]) > 99999 for 1s"),
			 0);
	assert_int_equal(ktally_monitor__add_output(m, &jsonl), 0);
	assert_int_equal(ktally_monitor__add_output(m, &table), 0);
	assert_int_equal(ktally_monitor__add_metrics(m, set_metric, NULL), 0);
	assert_int_equal(ktally_monitor__on_snapshot(m, note_tick, ticks), 0);
}

static void run_to_the_end(struct ktally_monitor *m)
{
	struct pollfd fd;
	int done = 0;

	assert_int_equal(ktally_monitor__begin(m), 0);
	fd = (struct pollfd){ .fd = ktally_monitor__fd(m), .events = POLLIN };
	while (!done) {
		assert_int_equal(poll(&fd, 1, 10000), 1);
		done = ktally_monitor__dispatch(m);
		assert_true(done >= 0);
	}
	ktally_monitor__close(m);
}

static void check_steady(enum ktally_bpf_mode bpf)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = INTERVAL_NS, .count = TICKS,
		    .history = 4, .processes = 1, .bpf = bpf);
	struct ktally_monitor *m;
	struct ticks ticks = {};
	pid_t children[CHILDREN];

	start_children(children);
	assert_int_equal(ktally_monitor__open(&opts, &m), 0);
	prepare(m, &ticks);
	run_to_the_end(m);
	end_children(children);
	assert_true(ticks.cnt > WARM_TICKS + 2);
	for (size_t i = WARM_TICKS; i + 1 < ticks.cnt; i++)
		assert_int_equal(ticks.at[i + 1] - ticks.at[i], 0);
}

static void what_libraries_allocate_is_seen(void **state)
{
	unsigned long before = atomic_load(&allocations);
	FILE *f = fopen("/dev/null", "re");

	(void)state;
	assert_non_null(f);
	fclose(f);
	assert_true(atomic_load(&allocations) > before);
}

static void without_bpf(void **state)
{
	(void)state;
	check_steady(KTALLY_BPF_OFF);
}

static void with_what_the_kernel_allows(void **state)
{
	(void)state;
	check_steady(geteuid() ? KTALLY_BPF_OFF : KTALLY_BPF_AUTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_libraries_allocate_is_seen),
		cmocka_unit_test(without_bpf),
		cmocka_unit_test(with_what_the_kernel_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
