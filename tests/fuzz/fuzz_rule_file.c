// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: rule files. A refusal says why and where; what is taken is complete, and its
 * templates expand. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rulefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand(const struct label *labels, size_t cnt)
{
	struct snapshot s = { .comm = "redis" };
	struct template_values values = { &s, 1.5 };
	struct buf out = {};

	for (size_t i = 0; i < cnt; i++)
		template_expand(labels[i].value, &values, &out);
	buf_fini(&out);
}

static void check_rule(const struct rule *rule)
{
	if (!*rule->name || !rule->expr || !*rule->severity)
		abort();
	expand(rule->labels, rule->label_cnt);
	expand(rule->annotations, rule->annotation_cnt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_batch batch = {};
	struct rule_error err = {};
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (rulefile_parse("f", text, size, &batch, &err)) {
		if (strncmp(err.text, "f:", 2))
			abort();
	} else {
		for (size_t i = 0; i < batch.cnt; i++)
			check_rule(batch.v[i]);
	}
	rule_batch_fini(&batch);
	free(text);
	return 0;
}
