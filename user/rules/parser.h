/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parser's files share. Functions that return a node give its index, or -errno with p->err
 * filled, and leave p->t at the token after what they read.
 */
#ifndef KTALLY_RULES_PARSER_H
#define KTALLY_RULES_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/ast.h"
#include "rules/lexer.h"

struct parser {
	const char *text;
	struct token t;
	size_t last_end; /* of the token before t */
	struct expr *e;
	struct expr_error *err;
	int depth;
	bool assertion;
};

/* All three return -EINVAL. */
int parser_fail(struct parser *p, size_t offset, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int parser_expected(struct parser *p, const char *what);
int parser_lacking(struct parser *p, const char *what, size_t len);

/* How much of a token an error shows. */
int parser_shown(const struct token *t);
void parser_next(struct parser *p);
bool parser_at_sign(const struct parser *p, const char *sign);
bool parser_at_word(const struct parser *p, const char *word);
int parser_expect(struct parser *p, const char *sign, const char *what);
int parser_refuse_modifier(struct parser *p);
int parser_add(struct parser *p, const struct node *node);

/* A field or a call of a function. */
int parser_name(struct parser *p);
/* Operands joined by operators that bind at least as tight as precedence; 1: all of them. */
int parser_binary(struct parser *p, int precedence);

#endif
