// SPDX-License-Identifier: BSD-2-Clause
/*
 * The pattern is read anew at each match, once from its start to its end. Of each part it is found
 * where in the text that can end, for every position where it may start; parts that follow each
 * other, that are alternatives, or that are repeated are put together from that. Nothing is read
 * again for a repetition, so that those within others do not multiply. Bytes are bytes: "." is one
 * of them, UTF-8 or not.
 */
#include "rules/regex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 256
#define NESTED_MAX  8
#define REPEAT_MAX  1000 /* as in RE2 */
#define UNBOUNDED   UINT32_MAX

struct walk {
	const char *at; /* in the pattern */
	const char *text;
	uint32_t len;
	int nested;
	const char *wrong; /* the first thing found; then nothing moves any more */
};

#define POSITIONS (REGEX_TEXT_MAX + 1)

/* By start: the positions where a part can end, bit p for position p; never before its start. */
struct part {
	uint32_t ends[POSITIONS];
};

struct byte_set {
	uint32_t bits[8];
};

struct repeat {
	uint32_t least;
	uint32_t most;
};

static void walk_any(struct walk *w, struct part *ret);

static void fail(struct walk *w, const char *wrong)
{
	if (!w->wrong)
		w->wrong = wrong;
	w->at = "";
}

static bool take(struct walk *w, const char *sign)
{
	size_t len = strlen(sign);

	if (strncmp(w->at, sign, len))
		return false;
	w->at += len;
	return true;
}

/* ---- sets of bytes ---- */

static void add_range(struct byte_set *set, unsigned int from, unsigned int to)
{
	for (unsigned int c = from; c <= to; c++)
		set->bits[c / 32] |= UINT32_C(1) << (c % 32);
}

static void invert(struct byte_set *set)
{
	for (int i = 0; i < 8; i++)
		set->bits[i] = ~set->bits[i];
}

static void add_class(struct byte_set *set, char name)
{
	struct byte_set class = {};
	char lower = (char)(name | 32);

	if (lower == 's') {
		add_range(&class, '\t', '\n');
		add_range(&class, '\f', '\r');
		add_range(&class, ' ', ' ');
	} else {
		add_range(&class, '0', '9');
	}
	if (lower == 'w') {
		add_range(&class, 'a', 'z');
		add_range(&class, 'A', 'Z');
		add_range(&class, '_', '_');
	}
	if (name != lower)
		invert(&class);
	for (int i = 0; i < 8; i++)
		set->bits[i] |= class.bits[i];
}

/* After a backslash. True: a single byte, to *ret; else the set has grown. */
static bool take_escape(struct walk *w, struct byte_set *set, unsigned char *ret)
{
	static const char from[] = "nrtfv";
	static const char to[] = "\n\r\t\f\v";
	char c = *w->at;
	const char *control = c ? strchr(from, c) : NULL;

	if (c && strchr("dDwWsS", c)) {
		w->at++;
		add_class(set, c);
		return false;
	}
	if (!c || (!control && ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')))) {
		fail(w, "of the escapes with a letter or digit only \\d \\w \\s \\D \\W \\S "
			"\\n \\r \\t \\f \\v are known");
		return false;
	}
	w->at++;
	*ret = (unsigned char)(control ? to[control - from] : c);
	return true;
}

/* One byte of a [...], or what stands for several. */
static bool take_member(struct walk *w, struct byte_set *set, unsigned char *ret)
{
	if (take(w, "\\"))
		return take_escape(w, set, ret);
	if (!strncmp(w->at, "[:", 2)) {
		fail(w, "classes of the form [:name:] are not known");
		return false;
	}
	*ret = (unsigned char)*w->at;
	if (*w->at)
		w->at++;
	return true;
}

static void take_range(struct walk *w, struct byte_set *set)
{
	unsigned char from = 0, to = 0;

	if (!take_member(w, set, &from))
		return;
	to = from;
	if (w->at[0] == '-' && w->at[1] && w->at[1] != ']') {
		w->at++;
		if (!take_member(w, set, &to) || to < from)
			fail(w, "a range in [...] goes from a lower to a higher character");
	}
	add_range(set, from, to);
}

/* After the opening bracket. */
static void take_set(struct walk *w, struct byte_set *set)
{
	bool negate = take(w, "^");

	do {
		if (!*w->at) {
			fail(w, "a '[' has no ']'");
			return;
		}
		take_range(w, set);
	} while (*w->at != ']');
	w->at++;
	if (negate)
		invert(set);
}

/* ---- what parts make together ---- */

static void part_empty(struct part *ret)
{
	for (uint32_t p = 0; p < POSITIONS; p++)
		ret->ends[p] = UINT32_C(1) << p;
}

static void part_or(struct part *a, const struct part *b)
{
	for (uint32_t p = 0; p < POSITIONS; p++)
		a->ends[p] |= b->ends[p];
}

static uint32_t ends_from(const struct part *part, uint32_t starts)
{
	uint32_t ends = 0;

	for (; starts; starts &= starts - 1)
		ends |= part->ends[__builtin_ctz(starts)];
	return ends;
}

/* a, and then b; which may be a itself: ends are not before their start, so that what is still to
 * be looked up is not yet overwritten going up. */
static void part_then(struct part *a, const struct part *b)
{
	for (uint32_t p = 0; p < POSITIONS; p++)
		a->ends[p] = ends_from(b, a->ends[p]);
}

/* Any number of times. From the end of the text on: wherever it leads to is known by then. */
static void part_star(struct part *a)
{
	for (uint32_t p = POSITIONS; p-- > 0;) {
		uint32_t here = UINT32_C(1) << p;

		a->ends[p] = here | ends_from(a, a->ends[p] & ~here);
	}
}

/* So many times, by squares. */
static void part_power(struct part *a, uint32_t times)
{
	struct part square = *a;

	part_empty(a);
	for (; times; times >>= 1) {
		if (times & 1)
			part_then(a, &square);
		part_then(&square, &square);
	}
}

static void part_repeat(struct part *a, const struct repeat *r)
{
	struct part rest = *a;

	if (r->most == UNBOUNDED) {
		part_star(&rest);
	} else {
		struct part none;

		part_empty(&none);
		part_or(&rest, &none);
		part_power(&rest, r->most - r->least);
	}
	part_power(a, r->least);
	part_then(a, &rest);
}

/* ---- parts ---- */

static void part_byte(const struct walk *w, const struct byte_set *set, struct part *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t p = 0; p < w->len; p++) {
		unsigned char c = (unsigned char)w->text[p];

		if (set->bits[c / 32] >> (c % 32) & 1)
			ret->ends[p] = UINT32_C(2) << p;
	}
}

/* Nothing, at one position only. */
static void part_anchor(uint32_t position, struct part *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ends[position] = UINT32_C(1) << position;
}

static void walk_group(struct walk *w, struct part *ret)
{
	part_empty(ret);
	if (*w->at == '?' && !take(w, "?:"))
		fail(w, "of the groups that start with (? only (?:...) is known");
	else if (++w->nested > NESTED_MAX)
		fail(w, "groups are nested more than 8 deep");
	else
		walk_any(w, ret);
	w->nested--;
	if (!take(w, ")"))
		fail(w, "a '(' has no ')'");
}

static void walk_byte(struct walk *w, struct part *ret)
{
	struct byte_set set = {};
	unsigned char c;

	if (strchr("*+?{", *w->at))
		fail(w, "a repetition has nothing before it to repeat");
	else if (take(w, "["))
		take_set(w, &set);
	else if (take(w, "."))
		add_range(&set, 0, 255);
	else if (take_member(w, &set, &c))
		add_range(&set, c, c);
	part_byte(w, &set, ret);
}

static void walk_atom(struct walk *w, struct part *ret)
{
	if (take(w, "("))
		walk_group(w, ret);
	else if (take(w, "^"))
		part_anchor(0, ret);
	else if (take(w, "$"))
		part_anchor(w->len, ret);
	else
		walk_byte(w, ret);
}

static uint32_t take_bound(struct walk *w)
{
	char *end;
	unsigned long n;

	if (*w->at < '0' || *w->at > '9') {
		fail(w, "expected a number in {...}");
		return 0;
	}
	n = strtoul(w->at, &end, 10);
	w->at = end;
	if (n > REPEAT_MAX)
		fail(w, "a repetition goes to 1000 at most");
	return (uint32_t)n;
}

static void take_bounds(struct walk *w, struct repeat *ret)
{
	ret->least = ret->most = take_bound(w);
	if (take(w, ","))
		ret->most = *w->at == '}' ? UNBOUNDED : take_bound(w);
	if (!take(w, "}") || ret->most < ret->least)
		fail(w, "expected {N}, {N,} or {N,M} with N not above M");
}

/* False: none follows. A lazy one matches the same texts. */
static bool take_repeat(struct walk *w, struct repeat *ret)
{
	*ret = (struct repeat){ .most = UNBOUNDED };
	if (take(w, "?"))
		ret->most = 1;
	else if (take(w, "+"))
		ret->least = 1;
	else if (take(w, "{"))
		take_bounds(w, ret);
	else if (!take(w, "*"))
		return false;
	take(w, "?");
	if (*w->at && strchr("*+?{", *w->at))
		fail(w, "a repetition is repeated: use a group");
	return true;
}

static void walk_repeat(struct walk *w, struct part *ret)
{
	struct repeat r;

	walk_atom(w, ret);
	if (take_repeat(w, &r) && !w->wrong)
		part_repeat(ret, &r);
}

static void walk_any(struct walk *w, struct part *ret)
{
	struct part branch, next;

	memset(ret, 0, sizeof(*ret));
	do {
		part_empty(&branch);
		while (*w->at && *w->at != '|' && *w->at != ')') {
			walk_repeat(w, &next);
			part_then(&branch, &next);
		}
		part_or(ret, &branch);
	} while (take(w, "|"));
}

const char *regex_check(const char *pattern)
{
	struct walk w = { .at = pattern, .text = "" };
	struct part whole;

	if (strlen(pattern) > PATTERN_MAX)
		return "it is longer than 256 bytes";
	walk_any(&w, &whole);
	if (*w.at == ')')
		fail(&w, "a ')' has no '('");
	return w.wrong;
}

bool regex_matches(const char *pattern, const char *text)
{
	struct walk w = { .at = pattern, .text = text };
	struct part whole;

	w.len = (uint32_t)strnlen(text, REGEX_TEXT_MAX);
	walk_any(&w, &whole);
	return whole.ends[0] >> w.len & 1;
}
