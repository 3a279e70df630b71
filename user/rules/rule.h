/* SPDX-License-Identifier: BSD-2-Clause */
/* One rule, and how its texts are read. */
#ifndef KTALLY_RULES_RULE_H
#define KTALLY_RULES_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "rules/ast.h"
#include "rules/eval.h"
#include "rules/rules.h"
#include "snapshot/record.h"

struct rule {
	char *name;
	struct expr *expr;
	uint64_t for_ns;
	uint64_t keep_firing_ns;
	struct label *labels; /* owned, as are their texts; values are templates */
	size_t label_cnt;
	struct label *annotations;
	size_t annotation_cnt;
	const char *severity; /* among the labels, or constant */
	bool is_default;      /* gives way to a rule of the same name */
};

struct rule *rule_new(const char *name);
void rule_free(struct rule *rule);
/* Copies both texts. -EINVAL: the value is no template; reason says why. */
int rule_add_label(struct rule *rule, const char *name, const char *value, struct expr_error *err);
int rule_add_annotation(struct rule *rule, const char *name, const char *value,
			struct expr_error *err);

/* 'NAME: EXPR [for DUR]'. */
int rule_parse(const char *text, struct expr_error *err, struct rule **ret);

/* ---- templates: {{ $value }}, {{ $labels.comm }}, {{ $labels.open_fds | humanize }} ---- */

struct template_values {
	const struct snapshot *s;
	double value;
};

/* -EINVAL with the offset and what was expected. */
int template_check(const char *text, struct expr_error *err);
void template_expand(const char *text, const struct template_values *values, struct buf *out);
/* A number for people: no more than six decimals, "unknown" for NaN. */
void template_number(struct buf *out, double v);

/* ---- alert records ---- */

/* An alert that changes to state; ended: because of that, whatever the condition; NULL: by itself.
 */
struct change {
	const struct rule *rule;
	struct eval eval;
	enum alert_state before;
	enum alert_state state;
	const struct alert_slot *slot;
	struct value verdict;
	const char *ended;
};

/* "open_fds is 1203, above 1000 for 10s" */
void message_generate(const struct change *c, double value, double threshold, struct buf *out);

/* Where a record's texts live while it is handed on. */
struct alert_scratch {
	struct buf text;
	struct label *labels; /* owned; label_cap of them */
	size_t label_cap;
};

/* Room for the labels and annotations of any of the rules so far and this one. */
int alert_scratch_fit(struct alert_scratch *scratch, const struct rule *rule);
void alert_scratch_fini(struct alert_scratch *scratch);
void alert_emit(const struct change *c, struct alert_scratch *scratch, rules_emit_fn emit,
		void *ctx);

/* One step of the alert's state. True: it changed, to *ret. */
bool state_step(const struct rule *rule, struct alert_slot *slot, struct value verdict,
		const struct snapshot *s, enum alert_state *ret);

#endif
