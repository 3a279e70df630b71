// SPDX-License-Identifier: BSD-2-Clause
/* Assertions: a tally for each field that one names and each target. */
#include "rules/assertion.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/eval.h"
#include "rules/field.h"
#include "rules/rule.h"
#include "snapshot/tally.h"

struct assertion {
	struct expr *expr;
	size_t first; /* of its tallies in a target's */
};

struct assertions {
	struct assertion *v; /* owned */
	size_t cnt;
	size_t tally_cnt; /* of one target */
	struct tally *tallies; /* owned: target_cnt times tally_cnt */
	size_t target_cnt;
	double timestamp; /* of the last snapshot */
};

int assertions_new(struct assertions **ret)
{
	struct assertions *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	*ret = a;
	return 0;
}

void assertions_free(struct assertions *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->cnt; i++)
		expr_free(a->v[i].expr);
	free(a->v);
	free(a->tallies);
	free(a);
}

int assertions_add(struct assertions *a, const char *text, struct rule_error *err)
{
	struct assertion *v = reallocarray(a->v, a->cnt + 1, sizeof(*v));
	struct expr_error wrong;
	struct expr *expr;
	int e = v ? expr_parse_assertion(text, &wrong, &expr) : -ENOMEM;

	if (v)
		a->v = v;
	if (e == -EINVAL)
		snprintf(err->text, sizeof(err->text), "assertion '%.60s', column %zu: %s", text,
			 wrong.offset + 1, wrong.text);
	else if (e)
		snprintf(err->text, sizeof(err->text), "%s", strerror(-e));
	if (e)
		return e;
	v[a->cnt++] = (struct assertion){ expr, a->tally_cnt };
	a->tally_cnt += expr->selector_cnt;
	return 0;
}

static int fit(struct assertions *a, size_t target_cnt)
{
	struct tally *v;

	if (target_cnt <= a->target_cnt)
		return 0;
	v = reallocarray(a->tallies, target_cnt, (a->tally_cnt + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	memset(v + a->target_cnt * a->tally_cnt, 0,
	       (target_cnt - a->target_cnt) * a->tally_cnt * sizeof(*v));
	a->tallies = v;
	a->target_cnt = target_cnt;
	return 0;
}

static void observe(const struct expr *e, struct tally *tallies, const struct snapshot *s)
{
	for (size_t i = 0; i < e->selector_cnt; i++) {
		const struct selector *sel = &e->selectors[i];

		tally_add(&tallies[i], s, sel->metric, field_value(s, sel->metric, sel->name));
	}
}

int assertions_observe(struct assertions *a, const struct snapshot *s)
{
	int err = s->member ? 0 : fit(a, (size_t)s->target + 1);

	if (err || s->member)
		return err;
	a->timestamp = s->timestamp;
	for (size_t i = 0; i < a->cnt; i++)
		observe(a->v[i].expr, a->tallies + s->target * a->tally_cnt + a->v[i].first, s);
	return 0;
}

/* ---- verdicts ---- */

/* "max(open_fds) is 57"; where several conditions are joined, of the first. */
static void say(const struct expr *e, double value, enum presence is, struct buf *out)
{
	const struct node *n = e->head < 0 ? NULL : &e->nodes[e->nodes[e->head].left];

	if (!n) {
		buf_puts(out, is == VALUE_PRESENT ? "it holds" : "it does not hold");
	} else {
		buf_append(out, e->text + n->start, n->end - n->start);
		buf_puts(out, " is ");
		template_number(out, value);
	}
	if (is == VALUE_UNKNOWN)
		buf_puts(out, ": no snapshot could say it");
	buf_putc(out, '\0');
}

static void judge(const struct assertion *assertion, const struct tally *tallies,
		  struct verdict_record *v, struct buf *text)
{
	const struct expr *expr = assertion->expr;
	struct eval e = { .expr = expr, .run = tallies };
	struct value verdict = eval_node(&e, expr->root);
	const struct node *head = expr->head < 0 ? NULL : &expr->nodes[expr->head];
	const struct node *alone = expr_comparison(expr);

	v->assertion = expr->text;
	v->passed = verdict.is == VALUE_PRESENT;
	v->value = head ? eval_number(&e, head->left) : NAN;
	v->threshold = alone ? eval_number(&e, alone->right) : NAN;
	buf_reset(text);
	say(expr, v->value, verdict.is, text);
	v->message = text->err ? "" : text->data;
}

void assertions_judge(const struct assertions *a, size_t target_cnt, verdict_emit_fn emit,
		      void *ctx)
{
	struct tally *none = calloc(a->tally_cnt + 1, sizeof(*none));
	struct buf text = {};

	for (size_t t = 0; none && t < target_cnt; t++) {
		const struct tally *of = t < a->target_cnt ? a->tallies + t * a->tally_cnt : none;

		for (size_t i = 0; i < a->cnt; i++) {
			struct verdict_record v = { .timestamp = a->timestamp,
						    .target = (uint32_t)t };

			judge(&a->v[i], of + a->v[i].first, &v, &text);
			emit(ctx, &v);
		}
	}
	buf_fini(&text);
	free(none);
}
