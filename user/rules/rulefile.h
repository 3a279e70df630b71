/* SPDX-License-Identifier: BSD-2-Clause */
/* Prometheus's rule files. */
#ifndef KTALLY_RULES_RULEFILE_H
#define KTALLY_RULES_RULEFILE_H

#include <stddef.h>

#include "rules/rule.h"
#include "rules/rules.h"

struct rule_batch {
	struct rule **v; /* owned, and so are the rules */
	size_t cnt;
};

void rule_batch_fini(struct rule_batch *b);
/* -EINVAL fills *err; what is in the batch then is of no use. */
int rulefile_parse(const char *name, const char *text, size_t len, struct rule_batch *batch,
		   struct rule_error *err);
int rulefile_read(const char *path, struct rule_batch *batch, struct rule_error *err);

#endif
