/* SPDX-License-Identifier: BSD-2-Clause */
/* One rule with many thresholds at once: what each would have said. Pure. */
#ifndef KTALLY_REPLAY_SWEEP_H
#define KTALLY_REPLAY_SWEEP_H

#include "rules/rules.h"
#include "snapshot/record.h"

#define SWEEP_MAX 1000

struct sweep;

struct sweep_range {
	double from, to, step;
};

typedef void (*sweep_emit_fn)(void *ctx, const struct sweep_record *record);

/* text: 'EXPR [for DUR]'; the number on the right side of its comparison (of the first one, where
 * and/unless join several) takes each value of the range. On failure *err says why. */
int sweep_new(const char *text, const struct sweep_range *range, struct sweep **ret,
	      struct rule_error *err);
void sweep_free(struct sweep *w);
int sweep_eval(struct sweep *w, const struct snapshot *s);
/* What is to come is of another recording. */
int sweep_restart(struct sweep *w);
/* At the end, one record for each threshold; what still fires has fired until the last snapshot. */
void sweep_report(struct sweep *w, double timestamp, sweep_emit_fn emit, void *ctx);

#endif
