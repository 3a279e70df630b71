/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditions on a whole run, such as 'max(open_fds) < 200': text in, a verdict for each and target
 * out. The language is that of rules, with functions over the run in place of ranges and labels.
 * Pure. */
#ifndef KTALLY_RULES_ASSERTION_H
#define KTALLY_RULES_ASSERTION_H

#include <stddef.h>

#include "rules/rules.h"
#include "snapshot/record.h"

struct assertions;

typedef void (*verdict_emit_fn)(void *ctx, const struct verdict_record *verdict);

int assertions_new(struct assertions **ret);
void assertions_free(struct assertions *a);
/* -EINVAL: *err says why. */
int assertions_add(struct assertions *a, const char *text, struct rule_error *err);
/* Lines of members say nothing new. */
int assertions_observe(struct assertions *a, const struct snapshot *s);
/* At the end. target_cnt: also for targets without a snapshot. An assertion whose value is unknown
 * fails. */
void assertions_judge(const struct assertions *a, size_t target_cnt, verdict_emit_fn emit,
		      void *ctx);

#endif
