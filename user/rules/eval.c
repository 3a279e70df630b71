// SPDX-License-Identifier: BSD-2-Clause
/*
 * Evaluation in three-valued logic. The tables of truth, for what PromQL leaves open because it has
 * no unknown (P present, A absent, U unknown; where U could turn out either way the result is U):
 *   arithmetic, comparison   A with anything is A, else U with anything is U
 *   x and y                  A when either is A, else U when either is U: whichever is asked first
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

static inline struct value present(double v)
{
	return (struct value){ .is = VALUE_PRESENT, .v = v };
}

static inline struct value known(double v)
{
	return isnan(v) ? unknown : present(v);
}

static inline bool is_for(const struct eval *e, const struct selector *s)
{
	return s->set < 0 || ident_matches(e->id, s->set);
}

static struct value eval_select(const struct eval *e, const struct node *n)
{
	const struct selector *s = &e->expr->selectors[n->selector];

	if (e->run)
		return known(tally_last(&e->run[n->selector]));
	if (!is_for(e, s))
		return absent;
	return known(field_judged(e->s, s->metric, s->name));
}

static struct value eval_inner(const struct eval *e, const struct node *n);

/* Most nodes are numbers and metrics: they take no call. */
static inline __attribute__((always_inline)) struct value eval_at(const struct eval *e, int node)
{
	const struct node *n = &e->expr->nodes[node];

	if (n->kind == NODE_NUMBER)
		return present(n->number);
	if (n->metric < METRIC_COUNT && e->judged)
		return known(e->judged[n->metric]);
	return eval_inner(e, n);
}

static struct value eval_negate(const struct eval *e, const struct node *n)
{
	struct value v = eval_at(e, n->left);

	v.v = -v.v;
	return v;
}

/* The cheaper side first: where it is absent, as it mostly is, the other is not asked. */
static struct value eval_and(const struct eval *e, const struct node *n)
{
	const struct node *nodes = e->expr->nodes;
	bool swap = nodes[n->right].cost < nodes[n->left].cost;
	struct value first = eval_at(e, swap ? n->right : n->left);
	struct value second;

	if (first.is == VALUE_ABSENT)
		return absent;
	second = eval_at(e, swap ? n->left : n->right);
	if (second.is == VALUE_ABSENT)
		return absent;
	if (first.is == VALUE_UNKNOWN || second.is == VALUE_UNKNOWN)
		return unknown;
	return swap ? second : first;
}

static struct value eval_or(const struct eval *e, const struct node *n)
{
	struct value left = eval_at(e, n->left);
	struct value r;

	if (left.is == VALUE_PRESENT)
		return left;
	r = eval_at(e, n->right);
	return r.is == VALUE_ABSENT ? left : r;
}

static struct value eval_unless(const struct eval *e, const struct node *n)
{
	struct value left = eval_at(e, n->left);
	struct value r;

	if (left.is == VALUE_ABSENT)
		return absent;
	r = eval_at(e, n->right);
	if (r.is == VALUE_PRESENT)
		return absent;
	return r.is == VALUE_ABSENT ? left : unknown;
}

/* Without branches, which in many rules over many processes are guessed wrong. */
static inline bool holds(const struct op *op, double a, double b)
{
	unsigned int order = (a < b) * ORDER_LESS | (a == b) * ORDER_EQUAL |
			     (a > b) * ORDER_GREATER | !!isunordered(a, b) * ORDER_NONE;

	return op->holds & order;
}

static struct value eval_binary(const struct eval *e, const struct node *n)
{
	static struct value (*const sets[])(const struct eval *, const struct node *) = {
		[OP_AND] = eval_and,
		[OP_OR] = eval_or,
		[OP_UNLESS] = eval_unless,
	};
	struct value left, right;
	bool is_so;

	if (n->op->kind >= OP_AND)
		return sets[n->op->kind](e, n);
	left = eval_at(e, n->left);
	if (left.is == VALUE_ABSENT)
		return absent;
	right = eval_at(e, n->right);
	if (right.is == VALUE_ABSENT)
		return absent;
	if (left.is == VALUE_UNKNOWN || right.is == VALUE_UNKNOWN)
		return unknown;
	if (n->op->kind == OP_ARITHMETIC)
		return present(n->op->apply(left.v, right.v));
	is_so = holds(n->op, left.v, right.v);
	if (n->is_bool)
		return present(is_so);
	return is_so ? left : absent;
}

static struct value eval_range(const struct eval *e, const struct node *n)
{
	const struct selector *s = &e->expr->selectors[e->expr->nodes[n->left].selector];
	double arg = n->right < 0 ? 0 : eval_number(e, n->right);
	const struct window *w;
	double v;

	if (!is_for(e, s))
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
	struct value v = eval_at(e, n->left);

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
	v = eval_at(e, n->left);
	v.v = fabs(v.v);
	return v;
}

static struct value eval_inner(const struct eval *e, const struct node *n)
{
	static struct value (*const evals[])(const struct eval *, const struct node *) = {
		[NODE_SELECT] = eval_select,
		[NODE_NEGATE] = eval_negate,
		[NODE_BINARY] = eval_binary,
		[NODE_CALL] = eval_call,
	};

	return evals[n->kind](e, n);
}

struct value eval_node(const struct eval *e, int node)
{
	return eval_at(e, node);
}

double eval_number(const struct eval *e, int node)
{
	struct value v = node < 0 ? unknown : eval_node(e, node);

	return v.is == VALUE_PRESENT ? v.v : NAN;
}
