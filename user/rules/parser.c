// SPDX-License-Identifier: BSD-2-Clause
/* PromQL's grammar, by precedence climbing. */
#include "rules/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/functions.h"

/* Bounds the stack that parsing a hostile expression can take. */
#define DEPTH_MAX 64
/* Binds tighter than any operator but ^: -2^2 is -4. */
#define PRECEDENCE_SIGN 6

static int parse_number(struct parser *p)
{
	struct node n = { .kind = NODE_NUMBER, .number = p->t.number, .start = p->t.start };

	n.left = n.right = -1;
	parser_next(p);
	return parser_add(p, &n);
}

static int parse_parentheses(struct parser *p)
{
	size_t start = p->t.start;
	int node, err;

	parser_next(p);
	node = parser_binary(p, 1);
	if (node < 0)
		return node;
	err = parser_expect(p, ")", "')'");
	if (err)
		return err;
	if (parser_at_sign(p, "["))
		return parser_lacking(p, "subquery", strlen("subquery"));
	err = parser_refuse_modifier(p);
	p->e->nodes[node].start = start;
	p->e->nodes[node].end = p->last_end;
	return err ? err : node;
}

static int parse_signed(struct parser *p)
{
	struct node n = { .kind = NODE_NEGATE, .start = p->t.start, .right = -1 };
	bool minus = parser_at_sign(p, "-");

	parser_next(p);
	n.left = parser_binary(p, PRECEDENCE_SIGN);
	if (n.left < 0)
		return n.left;
	n.type = p->e->nodes[n.left].type;
	if (n.type == TYPE_RANGE)
		return parser_fail(p, n.start, "a sign wants a number or a value, not a range");
	return minus ? parser_add(p, &n) : n.left;
}

static int parse_operand(struct parser *p)
{
	int node;

	if (p->depth == DEPTH_MAX)
		return parser_fail(p, p->t.start, "this is nested more than %d deep", DEPTH_MAX);
	p->depth++;
	if (p->t.kind == TOKEN_NUMBER)
		node = parse_number(p);
	else if (p->t.kind == TOKEN_WORD)
		node = parser_name(p);
	else if (parser_at_sign(p, "("))
		node = parse_parentheses(p);
	else if (parser_at_sign(p, "-") || parser_at_sign(p, "+"))
		node = parse_signed(p);
	else
		node = parser_expected(p, "a number or a field");
	p->depth--;
	return node;
}

/* Types as PromQL has them; a comparison with its number on the left is turned around, which
 * changes neither what it filters nor the value that it leaves. */
static int check_binary(struct parser *p, struct node *n)
{
	enum value_type left = p->e->nodes[n->left].type;
	enum value_type right = p->e->nodes[n->right].type;
	const char *op = n->op->text;
	int other = n->left;

	n->type = left == TYPE_NUMBER && right == TYPE_NUMBER ? TYPE_NUMBER : TYPE_VALUE;
	if (left == TYPE_RANGE || right == TYPE_RANGE)
		return parser_fail(p, n->start,
				   "'%s' wants values, not ranges such as open_fds[5m]", op);
	if (n->op->kind >= OP_AND && (left == TYPE_NUMBER || right == TYPE_NUMBER))
		return parser_fail(p, n->start, "'%s' wants a comparison or a field on both sides",
				   op);
	if (n->op->kind != OP_COMPARISON)
		return 0;
	if (n->type == TYPE_NUMBER && !n->is_bool)
		return parser_fail(p, n->start,
				   "'%s' between two numbers: expected a field on one side", op);
	if (left == TYPE_NUMBER && right == TYPE_VALUE) {
		n->op = op_find(n->op->mirror, strlen(n->op->mirror));
		n->left = n->right;
		n->right = other;
	}
	return 0;
}

static const struct op *binary_operator(const struct parser *p, int precedence)
{
	const struct op *op = NULL;

	if (p->t.kind == TOKEN_SIGN || p->t.kind == TOKEN_WORD)
		op = op_find(p->text + p->t.start, p->t.end - p->t.start);
	return op && op->precedence >= precedence ? op : NULL;
}

/* What follows an operator, up to its right side. */
static int parse_operator(struct parser *p, struct node *n)
{
	parser_next(p);
	if (n->op->kind == OP_COMPARISON && parser_at_word(p, "bool")) {
		n->is_bool = true;
		parser_next(p);
	}
	return parser_refuse_modifier(p);
}

int parser_binary(struct parser *p, int precedence)
{
	size_t start = p->t.start;
	int left = parse_operand(p);
	const struct op *op;

	while (left >= 0 && (op = binary_operator(p, precedence))) {
		struct node n = { .kind = NODE_BINARY, .op = op, .left = left, .start = start };
		int err = parse_operator(p, &n);

		if (err)
			return err;
		n.right = parser_binary(p, op->precedence + !op->right);
		if (n.right < 0)
			return n.right;
		err = check_binary(p, &n);
		left = err ? err : parser_add(p, &n);
	}
	return left;
}

/* ---- whole expressions ---- */

/* The comparison at the root, or the first of those that and/unless combine. */
static int find_head(const struct expr *e)
{
	int i = e->root;

	while (e->nodes[i].kind == NODE_BINARY &&
	       (e->nodes[i].op->kind == OP_AND || e->nodes[i].op->kind == OP_UNLESS))
		i = e->nodes[i].left;
	if (e->nodes[i].kind != NODE_BINARY || e->nodes[i].op->kind != OP_COMPARISON)
		return -1;
	return e->nodes[i].is_bool ? -1 : i;
}

const struct node *expr_comparison(const struct expr *e)
{
	return e->head == e->root ? &e->nodes[e->head] : NULL;
}

static int parse_whole(struct parser *p, size_t *ret_end)
{
	parser_next(p);
	p->e->root = parser_binary(p, 1);
	if (p->e->root < 0)
		return p->e->root;
	if (p->t.kind != TOKEN_END && !(ret_end && parser_at_word(p, "for")))
		return parser_expected(p, "an operator or the end");
	if (p->e->nodes[p->e->root].type == TYPE_RANGE)
		return parser_fail(p, 0,
				   "expected a condition, not a range: use a function such as "
				   "rate(), avg_over_time()");
	p->e->head = find_head(p->e);
	if (ret_end)
		*ret_end = p->t.start;
	return 0;
}

/* What says yes or no by being there. */
static int check_condition(struct parser *p)
{
	const struct node *n = &p->e->nodes[p->e->root];

	if ((n->kind == NODE_BINARY && n->op->kind != OP_ARITHMETIC && !n->is_bool) ||
	    (n->kind == NODE_CALL && n->fn->kind == FN_ABSENT))
		return 0;
	return parser_fail(p, 0, "expected a comparison, such as max(open_fds) < 200");
}

/* What a window tells takes a division or three, where a number is read from the snapshot. */
#define RANGE_COST 8

static int cost_of(const struct expr *e, const struct node *n)
{
	int cost = n->kind == NODE_CALL && n->fn->kind == FN_RANGE ? RANGE_COST : 1;

	if (n->kind == NODE_NUMBER || n->kind == NODE_SELECT)
		return cost;
	cost += e->nodes[n->left].cost;
	return n->kind == NODE_BINARY ? cost + e->nodes[n->right].cost : cost;
}

/* What evaluation would else find out for each process. Operands come before their operators. */
static void prepare(struct expr *e)
{
	for (size_t i = 0; i < e->node_cnt; i++) {
		struct node *n = &e->nodes[i];

		n->cost = cost_of(e, n);
		n->metric = METRIC_COUNT;
		if (n->kind == NODE_SELECT && !e->selectors[n->selector].matchers.cnt)
			n->metric = e->selectors[n->selector].metric;
	}
}

static int parse(const char *text, size_t *ret_end, bool assertion, struct expr_error *err,
		 struct expr **ret)
{
	struct parser p = { .text = text, .err = err, .assertion = assertion };
	int r = -ENOMEM;

	p.e = calloc(1, sizeof(*p.e));
	if (!p.e)
		return r;
	p.e->text = strdup(text);
	if (p.e->text)
		r = parse_whole(&p, ret_end);
	if (!r && assertion)
		r = check_condition(&p);
	if (r) {
		expr_free(p.e);
		return r;
	}
	/* Only the expression itself: no blanks around it, no "for 10s" after it. */
	p.e->text[p.last_end] = '\0';
	prepare(p.e);
	*ret = p.e;
	return 0;
}

int expr_parse(const char *text, size_t *ret_end, struct expr_error *err, struct expr **ret)
{
	return parse(text, ret_end, false, err, ret);
}

int expr_parse_assertion(const char *text, struct expr_error *err, struct expr **ret)
{
	return parse(text, NULL, true, err, ret);
}

void expr_free(struct expr *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->selector_cnt; i++) {
		free(e->selectors[i].name);
		matcher_set_fini(&e->selectors[i].matchers);
	}
	free(e->selectors);
	free(e->nodes);
	free(e->text);
	free(e);
}
