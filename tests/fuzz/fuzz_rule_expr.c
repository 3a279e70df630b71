// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: a rule as on the command line. What parses must evaluate, and its text parse again.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *ctx, const struct alert_record *alert)
{
	*(size_t *)ctx += strlen(alert->message);
}

static void run(struct rules *r)
{
	struct custom_metric custom = { "queue_depth", 3 };
	struct snapshot s = { .pid = 1, .comm = "redis", .interval_seconds = 1, .custom = &custom };
	size_t said = 0;

	for (size_t t = 1; t < 24; t++) {
		for (size_t i = 0; i < METRIC_COUNT; i++)
			s.v[i] = (t + i) % 5 ? (double)(t * i) : NAN;
		s.monotonic_ns = t * 1000000000;
		s.timestamp = (double)t;
		s.custom_cnt = t % 2;
		if (rules_eval(r, &s, count, &said))
			abort();
	}
	rules_forget(r, &s, count, &said);
}

/* The text of an expression is an expression again, and the same. */
static void read_back(struct rules *r)
{
	struct rule_error err;
	struct rule_record rule, again;
	char *text;

	rules_describe(r, 0, &rule);
	text = malloc(strlen(rule.expr) + 4);
	if (!text)
		return;
	strcpy(text, "x: ");
	strcat(text, rule.expr);
	if (rules_add_text(r, text, &err))
		abort();
	rules_describe(r, 0, &rule);
	rules_describe(r, 1, &again);
	if (strcmp(rule.expr, again.expr))
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct rules *r = NULL;
	struct rule_error err = {};

	if (!text || rules_new(&r))
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (!rules_add_text(r, text, &err)) {
		read_back(r);
		run(r);
	} else if (!*err.text) {
		abort();
	}
	rules_free(r);
	free(text);
	return 0;
}
