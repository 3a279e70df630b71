// SPDX-License-Identifier: BSD-2-Clause
/* Text into tokens, one at a time, without state and without memory. */
#include "rules/lexer.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_LEN_MAX 64

struct unit {
	const char *name;
	uint64_t ns;
};

static const struct unit units[] = {
	{ "y", 31536000000000000 }, { "w", 604800000000000 }, { "d", 86400000000000 },
	{ "h", 3600000000000 },     { "m", 60000000000 },     { "s", 1000000000 },
	{ "ms", 1000000 },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

/* Longer ones first. */
static const char *const signs[] = {
	"==", "!=", "=~", "!~", ">=", "<=", ">", "<", "=", "+", "-", "*",
	"/",  "%",  "^",  "(",  ")",  "{",  "}", "[", "]", ",", ":", "@",
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
	return is_word_start(c) || is_digit(c);
}

/* The unit that text starts with, among those from `from` on. */
static size_t take_unit(const char *text, size_t len, size_t from, size_t *ret_len)
{
	size_t n = 0;

	while (n < len && is_word_start(text[n]))
		n++;
	*ret_len = n;
	for (size_t i = from; i < UNIT_COUNT; i++)
		if (strlen(units[i].name) == n && !memcmp(units[i].name, text, n))
			return i;
	return UNIT_COUNT;
}

int lex_duration_ns(const char *text, size_t len, uint64_t *ret)
{
	uint64_t total = 0;
	size_t next = 0;
	bool over = false;

	if (len == 1 && *text == '0') {
		*ret = 0;
		return 0;
	}
	do {
		uint64_t n = 0;
		size_t digits = 0;
		size_t unit_len;
		size_t unit;

		for (; digits < len && is_digit(text[digits]); digits++)
			over |= __builtin_mul_overflow(n, 10, &n) ||
				__builtin_add_overflow(n, (uint64_t)(text[digits] - '0'), &n);
		unit = take_unit(text + digits, len - digits, next, &unit_len);
		if (!digits || unit == UNIT_COUNT)
			return -EINVAL;
		over |= __builtin_mul_overflow(n, units[unit].ns, &n) ||
			__builtin_add_overflow(total, n, &total);
		next = unit + 1;
		text += digits + unit_len;
		len -= digits + unit_len;
	} while (len);
	/* As far as a signed count of nanoseconds reaches: 292 years. */
	if (over || total > INT64_MAX)
		return -ERANGE;
	*ret = total;
	return 0;
}

static size_t number_len(const char *text)
{
	bool hex = text[0] == '0' && (text[1] | 32) == 'x';
	size_t n = 0;

	for (;; n++) {
		bool exponent = n && !hex && (text[n - 1] | 32) == 'e';

		if (!is_word(text[n]) && text[n] != '.' &&
		    !(exponent && (text[n] == '+' || text[n] == '-')))
			return n;
	}
}

/* As PromQL reads them: first as an integer, which may be hexadecimal or octal, then as a float;
 * never with the decimal comma of a program's locale. */
static bool take_number(const char *text, double *ret)
{
	locale_t c_locale;
	char *end;

	errno = 0;
	*ret = (double)strtoll(text, &end, 0);
	if (!*end && !errno)
		return true;
	c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	if (!c_locale)
		return false;
	*ret = strtod_l(text, &end, c_locale);
	freelocale(c_locale);
	return !*end;
}

static void lex_number(const char *text, struct token *t)
{
	size_t len = number_len(text + t->start);
	char copy[NUMBER_LEN_MAX];

	t->kind = TOKEN_NUMBER;
	t->end = t->start + len;
	if (len < sizeof(copy)) {
		memcpy(copy, text + t->start, len);
		copy[len] = '\0';
		if (take_number(copy, &t->number))
			return;
		if (!lex_duration_ns(copy, len, &t->ns)) {
			t->is_duration = true;
			t->number = (double)t->ns / 1e9;
			return;
		}
	}
	t->kind = TOKEN_BAD;
	t->problem = "this is neither a number nor a duration such as 1h30m";
}

static void lex_quoted(const char *text, struct token *t)
{
	char quote = text[t->start];
	size_t i = t->start + 1;

	for (; text[i] && text[i] != quote && (quote == '`' || text[i] != '\n'); i++)
		if (text[i] == '\\' && quote != '`' && text[i + 1])
			i++;
	t->kind = TOKEN_STRING;
	t->end = i + 1;
	if (text[i] == quote)
		return;
	t->kind = TOKEN_BAD;
	t->end = i;
	t->problem = "this string has no closing quote";
}

static void lex_word(const char *text, struct token *t)
{
	static const char *const numbers[] = { "inf", "nan" };
	static const double values[] = { INFINITY, NAN };

	/* A colon is part of a metric's name in PromQL, but never its start here. */
	for (t->end = t->start; is_word(text[t->end]) || text[t->end] == ':';)
		t->end++;
	t->kind = TOKEN_WORD;
	for (size_t i = 0; i < 2; i++) {
		if (t->end - t->start != 3 || strncasecmp(text + t->start, numbers[i], 3))
			continue;
		t->kind = TOKEN_NUMBER;
		t->number = values[i];
	}
}

static void lex_sign(const char *text, struct token *t)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t len = strlen(signs[i]);

		if (strncmp(text + t->start, signs[i], len))
			continue;
		t->kind = TOKEN_SIGN;
		t->end = t->start + len;
		return;
	}
	t->kind = TOKEN_BAD;
	t->end = t->start + 1;
	t->problem = "this character has no meaning here";
}

/* Blanks, and comments to the end of their line. */
static size_t skip_blanks(const char *text, size_t i)
{
	for (;;) {
		i += strspn(text + i, " \t\r\n");
		if (text[i] != '#')
			return i;
		i += strcspn(text + i, "\n");
	}
}

struct token lex(const char *text, size_t offset)
{
	struct token t = { .start = skip_blanks(text, offset) };
	char c = text[t.start];

	t.end = t.start;
	if (!c)
		t.kind = TOKEN_END;
	else if (is_digit(c) || (c == '.' && is_digit(text[t.start + 1])))
		lex_number(text, &t);
	else if (is_word_start(c))
		lex_word(text, &t);
	else if (c == '"' || c == '\'' || c == '`')
		lex_quoted(text, &t);
	else
		lex_sign(text, &t);
	return t;
}

char *lex_string(const char *text, const struct token *t)
{
	static const char from[] = "abfnrtv\\'\"";
	static const char to[] = "\a\b\f\n\r\t\v\\'\"";
	bool raw = text[t->start] == '`';
	char *s = malloc(t->end - t->start);
	size_t n = 0;

	for (size_t i = t->start + 1; s && i < t->end - 1; i++) {
		const char *escape = from;

		if (!raw && text[i] == '\\') {
			escape = strchr(from, text[++i]);
			if (!escape) {
				free(s);
				return NULL;
			}
			s[n++] = to[escape - from];
			continue;
		}
		s[n++] = text[i];
	}
	if (s)
		s[n] = '\0';
	return s;
}
