// SPDX-License-Identifier: BSD-2-Clause
/* One tick of 20 rules over many processes: bench_rules RULES.yaml [PROCESSES [TICKS]]. Adds rules
 * without windows until there are 20. Prints µs of each tick once windows are warm. A measurement,
 * not a test. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rules/rules.h"

#define RULES	   20
#define WARM_TICKS 700 /* windows of ten minutes are full */
#define TICK_NS	   1000000000ull

static void count(void *ctx, const struct alert_record *alert)
{
	(void)alert;
	++*(unsigned long *)ctx;
}

static struct rules *load(const char *path)
{
	struct rule_error error;
	struct rules *rules;
	char text[96];

	if (rules_new(&rules))
		exit(1);
	if (rules_add_file(rules, path, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	while (rules_count(rules) < RULES) {
		snprintf(text, sizeof(text), "extra%zu: threads * 2 > open_fds + 1e9 for 1m",
			 rules_count(rules));
		if (rules_add_text(rules, text, &error)) {
			fprintf(stderr, "%s\n", error.text);
			exit(1);
		}
	}
	return rules;
}

static void fill(struct snapshot *s, unsigned long pid)
{
	size_t i;

	*s = (struct snapshot){ .scope = SCOPE_PROCESS, .pid = (int)pid + 1, .start_ticks = pid,
				.comm = "redis-server", .processes = 1, .interval_seconds = 1 };
	for (i = 0; i < METRIC_COUNT; i++)
		s->v[i] = (double)((i * 7919 + pid) % 97);
}

int main(int argc, char **argv)
{
	unsigned long processes = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
	unsigned long ticks = argc > 3 ? strtoul(argv[3], NULL, 10) : 30;
	struct snapshot *all = calloc(processes, sizeof(*all));
	unsigned long alerts = 0, tick, i;
	struct rules *rules;

	if (argc < 2 || !all)
		return 2;
	rules = load(argv[1]);
	for (i = 0; i < processes; i++)
		fill(&all[i], i);
	for (tick = 1; tick <= WARM_TICKS + ticks; tick++) {
		uint64_t start_ns = clock_own_cpu_ns();

		for (i = 0; i < processes; i++) {
			all[i].timestamp = (double)tick;
			all[i].monotonic_ns = tick * TICK_NS;
			if (rules_eval(rules, &all[i], count, &alerts))
				return 1;
		}
		if (tick > WARM_TICKS)
			printf("%.1f\n", (double)(clock_own_cpu_ns() - start_ns) / 1e3);
	}
	fprintf(stderr, "%zu rules, %lu processes, %lu changes of alerts\n", rules_count(rules),
		processes, alerts);
	rules_free(rules);
	free(all);
	return 0;
}
