/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of PromQL. */
#ifndef KTALLY_RULES_LEXER_H
#define KTALLY_RULES_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NUMBER, /* number; a duration is its seconds, and ns too */
	TOKEN_STRING, /* start and end include the quotes */
	TOKEN_WORD,
	TOKEN_SIGN, /* operators and punctuation */
	TOKEN_BAD,  /* problem says why */
};

struct token {
	enum token_kind kind;
	size_t start;
	size_t end;
	double number;
	bool is_duration;
	uint64_t ns;
	const char *problem;
};

/* The token that starts at or after offset. text is NUL-terminated. */
struct token lex(const char *text, size_t offset);
/* A string's value, escapes undone; NULL: out of memory, or an escape that there is not. */
char *lex_string(const char *text, const struct token *t);
/* "1h30m": whole numbers with the units of PromQL, largest first. -EINVAL, or -ERANGE. */
int lex_duration_ns(const char *text, size_t len, uint64_t *ret);

#endif
