// SPDX-License-Identifier: BSD-2-Clause
/*
 * Evaluation in three-valued logic. The tables of truth, for what PromQL leaves open because it has
 * no unknown (P present, A absent, U unknown; where U could turn out either way the result is U):
 *   arithmetic, comparison   A with anything is A, else U with anything is U
 *   x and y                  A when either is A, else U when either is U
 *   x or y                   x when x is P or y is A; else y
 *   x unless y               A when x is A or y is P, else U when either is U
 *   absent(field)            1 when the field is unknown: here a rule may ask whether it is
 */
#include "rules/eval.h"

#include <math.h>

#include "rules/field.h"
#include "rules/functions.h"

static const struct value absent = { .is = VALUE_ABSENT };
static const struct value unknown = { .is = VALUE_UNKNOWN };

static struct value present(double v)
{
	return (struct value){ .is = VALUE_PRESENT, .v = v };
}

static struct value eval_constant(const struct eval *e, const struct node *n)
{
	(void)e;
	return present(n->number);
}

static struct value known(double v)
{
	return isnan(v) ? unknown : present(v);
}

static struct value eval_select(const struct eval *e, const struct node *n)
{
	const struct selector *s = &e->expr->selectors[n->selector];

	if (e->run)
		return known(tally_last(&e->run[n->selector]));
	if (!ident_matches(e->id, s->set))
		return absent;
	return known(field_judged(e->s, s->metric, s->name));
}

static struct value eval_negate(const struct eval *e, const struct node *n)
{
	struct value v = eval_node(e, n->left);

	v.v = -v.v;
	return v;
}

static struct value eval_and(struct value left, const struct eval *e, int right)
{
	struct value r;

	if (left.is == VALUE_ABSENT)
		return absent;
	r = eval_node(e, right);
	return r.is == VALUE_PRESENT ? left : r;
}

static struct value eval_or(struct value left, const struct eval *e, int right)
{
	struct value r;

	if (left.is == VALUE_PRESENT)
		return left;
	r = eval_node(e, right);
	return r.is == VALUE_ABSENT ? left : r;
}

static struct value eval_unless(struct value left, const struct eval *e, int right)
{
	struct value r;

	if (left.is == VALUE_ABSENT)
		return absent;
	r = eval_node(e, right);
	if (r.is == VALUE_PRESENT)
		return absent;
	return r.is == VALUE_ABSENT ? left : unknown;
}

static struct value eval_binary(const struct eval *e, const struct node *n)
{
	static struct value (*const sets[])(struct value, const struct eval *, int) = {
		[OP_AND] = eval_and,
		[OP_OR] = eval_or,
		[OP_UNLESS] = eval_unless,
	};
	struct value left = eval_node(e, n->left);
	struct value right;
	double v;

	if (n->op->kind >= OP_AND)
		return sets[n->op->kind](left, e, n->right);
	if (left.is == VALUE_ABSENT)
		return absent;
	right = eval_node(e, n->right);
	if (right.is == VALUE_ABSENT)
		return absent;
	if (left.is == VALUE_UNKNOWN || right.is == VALUE_UNKNOWN)
		return unknown;
	v = n->op->apply(left.v, right.v);
	if (n->op->kind == OP_ARITHMETIC || n->is_bool)
		return present(v);
	return v ? left : absent;
}

static struct value eval_range(const struct eval *e, const struct node *n)
{
	const struct selector *s = &e->expr->selectors[e->expr->nodes[n->left].selector];
	double arg = n->right < 0 ? 0 : eval_number(e, n->right);
	const struct window *w;
	double v;

	if (!ident_matches(e->id, s->set))
		return absent;
	w = ident_window(e->id, s->window);
	return w && n->fn->reduce(w, e->s->monotonic_ns, arg, &v) ? present(v) : unknown;
}

/* Not judged is not absent. */
static bool is_there(const struct eval *e, const struct node *n)
{
	const struct selector *s = &e->expr->selectors[n->selector];

	return !e->run && !isnan(field_value(e->s, s->metric, s->name));
}

static struct value eval_absent(const struct eval *e, const struct node *n)
{
	const struct node *of = &e->expr->nodes[n->left];
	struct value v = eval_node(e, n->left);

	if (v.is == VALUE_PRESENT)
		return absent;
	if (v.is == VALUE_UNKNOWN && (of->kind != NODE_SELECT || is_there(e, of)))
		return unknown;
	return present(1);
}

static struct value eval_call(const struct eval *e, const struct node *n)
{
	struct value v;

	if (n->fn->kind == FN_RANGE)
		return eval_range(e, n);
	if (n->fn->kind == FN_ABSENT)
		return eval_absent(e, n);
	if (n->fn->kind == FN_RUN)
		return known(n->fn->of_run(&e->run[e->expr->nodes[n->left].selector]));
	v = eval_node(e, n->left);
	v.v = fabs(v.v);
	return v;
}

struct value eval_node(const struct eval *e, int node)
{
	static struct value (*const evals[])(const struct eval *, const struct node *) = {
		[NODE_NUMBER] = eval_constant, [NODE_SELECT] = eval_select,
		[NODE_NEGATE] = eval_negate,   [NODE_BINARY] = eval_binary,
		[NODE_CALL] = eval_call,
	};
	const struct node *n = &e->expr->nodes[node];

	return evals[n->kind](e, n);
}

double eval_number(const struct eval *e, int node)
{
	struct value v = node < 0 ? unknown : eval_node(e, node);

	return v.is == VALUE_PRESENT ? v.v : NAN;
}
