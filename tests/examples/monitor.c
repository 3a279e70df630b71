// SPDX-License-Identifier: BSD-2-Clause
/*
 * The library in one page: watch this process twice a second with a metric of its own, do some
 * work, stop, print averages. cc monitor.c $(pkg-config --cflags --libs ktally); run as root.
 */
#include <ktally.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct work {
	unsigned long
		rounds; /* written here, read on the monitor's thread: a whole word is never torn */
};

static int report_rounds(void *ctx, struct ktally_metrics *metrics)
{
	const volatile struct work *work = ctx;

	return ktally_metrics__set(metrics, "rounds", (double)work->rounds);
}

static void run_something(volatile struct work *work)
{
	time_t end = time(NULL) + 3;

	while (time(NULL) < end)
		work->rounds++;
}

static void print_average(const struct ktally_averages *a, const char *name, const char *unit)
{
	double value;

	if (ktally_averages__get(a, name, &value))
		printf("average %-12s unknown\n", name);
	else
		printf("average %-12s %.2f %s\n", name, value, unit);
}

int main(void)
{
	struct ktally_monitor *monitor;
	struct ktally_averages *averages;
	struct work work = { 0 };
	size_t target;
	int err;
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = 500000000);
	KTALLY_OPTS(ktally_target_opts, self, .kind = KTALLY_TARGET_PID, .pid = (int)getpid());

	err = ktally_monitor__open(&opts, &monitor);
	if (err) {
		fprintf(stderr, "monitor: %s\n", strerror(-err));
		return 1;
	}
	err = ktally_monitor__add_target(monitor, &self, &target);
	if (!err)
		err = ktally_monitor__add_metrics(monitor, report_rounds, &work);
	if (!err)
		err = ktally_monitor__start(monitor);
	if (err) {
		fprintf(stderr, "monitor: %s\n", ktally_monitor__last_error(monitor));
		ktally_monitor__close(monitor);
		return 1;
	}
	run_something(&work);
	ktally_monitor__stop(monitor);
	err = ktally_monitor__averages(monitor, target, 5 * 60, &averages);
	if (!err) {
		printf("%zu snapshots\n", ktally_averages__count(averages));
		print_average(averages, "cpu_percent", "%");
		print_average(averages, "memory_mb", "MiB");
		print_average(averages, "rounds", "");
		ktally_averages__free(averages);
	}
	ktally_monitor__close(monitor);
	return err ? 1 : 0;
}
