// SPDX-License-Identifier: BSD-2-Clause
/* Readers beside a monitor that runs and stops; built with SAN=thread, this finds their races. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "ktally.h"

#define READERS 3
#define ROUNDS	2

struct reader {
	pthread_t thread;
	const struct ktally_monitor *m;
	const atomic_bool *enough;
	unsigned long snapshots;
	unsigned long averages;
	unsigned long alerts;
	int err;
};

static int read_once(struct reader *r)
{
	struct ktally_snapshots *list;
	struct ktally_averages *averages;
	struct ktally_alerts *alerts;
	double value;
	size_t n;
	int err;

	err = ktally_monitor__recent(r->m, 0, 100, &list);
	if (err)
		return err;
	n = ktally_snapshots__count(list);
	if (n && !ktally_snapshot__get(ktally_snapshots__at(list, n - 1), "mine", &value))
		r->snapshots++;
	ktally_snapshots__free(list);
	err = ktally_monitor__averages(r->m, 0, 60, &averages);
	if (err)
		return err;
	r->averages += !ktally_averages__get(averages, "threads", &value);
	ktally_averages__free(averages);
	err = ktally_monitor__alerts(r->m, &alerts);
	if (err)
		return err;
	r->alerts += ktally_alerts__count(alerts) > 0;
	ktally_alerts__free(alerts);
	return 0;
}

static void *read_on(void *ctx)
{
	struct timespec pause = { .tv_nsec = 500000 };
	struct reader *r = ctx;

	while (!atomic_load(r->enough) && !r->err) {
		r->err = read_once(r);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static int report(void *ctx, struct ktally_metrics *metrics)
{
	(void)ctx;
	return ktally_metrics__set(metrics, "mine", 1);
}

/* A callback may read, too. */
static void read_inside(void *ctx, const struct ktally_snapshot *s)
{
	struct reader *r = ctx;

	(void)s;
	r->err = read_once(r);
}

static struct ktally_monitor *open_monitor(void)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = 100000000, .history = 3,
		    .bpf = KTALLY_BPF_OFF);
	KTALLY_OPTS(ktally_target_opts, self, .kind = KTALLY_TARGET_PID, .pid = (int)getpid());
	struct ktally_monitor *m;

	assert_int_equal(ktally_monitor__open(&opts, &m), 0);
	assert_int_equal(ktally_monitor__add_target(m, &self, NULL), 0);
	assert_int_equal(ktally_monitor__add_metrics(m, report, NULL), 0);
	assert_int_equal(ktally_monitor__add_rule(m, "some: open_fds > 0"), 0);
	return m;
}

static void readers_and_a_run_do_not_disturb_each_other(void **state)
{
	struct timespec run = { .tv_nsec = 600000000 }, after = { .tv_nsec = 5000000 };
	struct ktally_monitor *m = open_monitor();
	struct reader readers[READERS] = { { 0 } }, inside = { .m = m };
	atomic_bool enough = false;
	size_t i;

	(void)state;
	assert_int_equal(ktally_monitor__on_snapshot(m, read_inside, &inside), 0);
	assert_int_equal(ktally_monitor__start(m), 0);
	for (i = 0; i < READERS; i++) {
		readers[i].m = m;
		readers[i].enough = &enough;
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	nanosleep(&run, NULL);
	assert_int_equal(ktally_monitor__start(m), 0);
	assert_int_equal(ktally_monitor__stop(m), 0);
	assert_int_equal(ktally_monitor__stop(m), 0);
	nanosleep(&after, NULL);
	atomic_store(&enough, true);
	for (i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].err, 0);
		assert_true(readers[i].snapshots && readers[i].averages && readers[i].alerts);
	}
	assert_int_equal(inside.err, 0);
	assert_true(inside.averages > 0);
	ktally_monitor__close(m);
}

static void *run_one(void *ctx)
{
	struct ktally_monitor *m = open_monitor();
	struct timespec run = { .tv_nsec = 150000000 };
	struct reader r = { .m = m };
	int i, err = 0;

	(void)ctx;
	for (i = 0; i < ROUNDS && !err; i++) {
		err = ktally_monitor__start(m);
		nanosleep(&run, NULL);
		err = err ? err : read_once(&r);
	}
	err = err ? err : ktally_monitor__stop(m);
	ktally_monitor__close(m);
	return err ? "failed" : NULL;
}

/* No globals: monitors know nothing of each other. */
static void monitors_side_by_side(void **state)
{
	pthread_t threads[3];
	void *failed;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_one, NULL), 0);
	for (i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_and_a_run_do_not_disturb_each_other),
		cmocka_unit_test(monitors_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
