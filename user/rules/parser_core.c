// SPDX-License-Identifier: BSD-2-Clause
/* The parser's hands: tokens, nodes, and sentences about what is wrong. */
#include "rules/parser.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/functions.h"

/* Bounds the stack that evaluating a hostile expression can take. */
#define NODES_MAX 256
#define SHOWN_MAX 40

int parser_fail(struct parser *p, size_t offset, const char *fmt, ...)
{
	va_list args;

	p->err->offset = offset;
	va_start(args, fmt);
	vsnprintf(p->err->text, sizeof(p->err->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

int parser_shown(const struct token *t)
{
	size_t len = t->end - t->start;

	return len < SHOWN_MAX ? (int)len : SHOWN_MAX;
}

int parser_expected(struct parser *p, const char *what)
{
	const struct token *t = &p->t;

	if (t->kind == TOKEN_BAD)
		return parser_fail(p, t->start, "expected %s, not '%.*s': %s", what,
				   parser_shown(t), p->text + t->start, t->problem);
	if (t->kind == TOKEN_END)
		return parser_fail(p, t->start, "expected %s, but the expression ends", what);
	return parser_fail(p, t->start, "expected %s, not '%.*s'", what, parser_shown(t),
			   p->text + t->start);
}

int parser_lacking(struct parser *p, const char *what, size_t len)
{
	return parser_fail(p, p->t.start,
			   "'%.*s' is PromQL that ktally does not have; it has: " FUNCTION_NAMES,
			   (int)len, what);
}

void parser_next(struct parser *p)
{
	p->last_end = p->t.end;
	p->t = lex(p->text, p->t.end);
}

bool parser_at_sign(const struct parser *p, const char *sign)
{
	return p->t.kind == TOKEN_SIGN && strlen(sign) == p->t.end - p->t.start &&
	       !memcmp(p->text + p->t.start, sign, strlen(sign));
}

bool parser_at_word(const struct parser *p, const char *word)
{
	return p->t.kind == TOKEN_WORD && strlen(word) == p->t.end - p->t.start &&
	       !strncasecmp(p->text + p->t.start, word, strlen(word));
}

int parser_expect(struct parser *p, const char *sign, const char *what)
{
	if (!parser_at_sign(p, sign))
		return parser_expected(p, what);
	parser_next(p);
	return 0;
}

int parser_add(struct parser *p, const struct node *node)
{
	struct expr *e = p->e;
	struct node *nodes;

	if (e->node_cnt == NODES_MAX)
		return parser_fail(p, node->start, "this expression has more than %d parts",
				   NODES_MAX);
	/* Doubles: the array is full whenever its size is a power of two. */
	if (!(e->node_cnt & (e->node_cnt - 1))) {
		nodes = realloc(e->nodes, (e->node_cnt ? 2 * e->node_cnt : 1) * sizeof(*nodes));
		if (!nodes)
			return -ENOMEM;
		e->nodes = nodes;
	}
	e->nodes[e->node_cnt] = *node;
	e->nodes[e->node_cnt].end = p->last_end;
	return (int)e->node_cnt++;
}

/* Words of PromQL that may follow a selector, an operator or an aggregation, none of which is here.
 */
static bool is_modifier(const struct parser *p)
{
	static const char *const modifiers[] = { "offset",      "on", "ignoring", "group_left",
						 "group_right", "by", "without",  "atan2" };

	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++)
		if (parser_at_word(p, modifiers[i]))
			return true;
	return parser_at_sign(p, "@");
}

int parser_refuse_modifier(struct parser *p)
{
	if (!is_modifier(p))
		return 0;
	return parser_lacking(p, p->text + p->t.start, p->t.end - p->t.start);
}
