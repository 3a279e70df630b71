// SPDX-License-Identifier: BSD-2-Clause
/*
 * The pattern is read anew at each match, with the set of positions in the text that its part so
 * far can end at: bit p of a uint32_t is position p. A part maps a set to a set; repetition is the
 * iteration of that map until it adds nothing. Bytes are bytes: "." is one of them, UTF-8 or not.
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

struct byte_set {
	uint32_t bits[8];
};

struct repeat {
	uint32_t least;
	uint32_t most;
};

static uint32_t walk_any(struct walk *w, uint32_t in);

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

/* ---- parts ---- */

static uint32_t step(const struct walk *w, const struct byte_set *set, uint32_t in)
{
	uint32_t out = 0;

	for (uint32_t p = 0; p < w->len; p++) {
		unsigned char c = (unsigned char)w->text[p];

		if (in >> p & 1 && set->bits[c / 32] >> (c % 32) & 1)
			out |= UINT32_C(2) << p;
	}
	return out;
}

static uint32_t walk_group(struct walk *w, uint32_t in)
{
	uint32_t out = 0;

	if (*w->at == '?' && !take(w, "?:"))
		fail(w, "of the groups that start with (? only (?:...) is known");
	else if (++w->nested > NESTED_MAX)
		fail(w, "groups are nested more than 8 deep");
	else
		out = walk_any(w, in);
	w->nested--;
	if (!take(w, ")"))
		fail(w, "a '(' has no ')'");
	return out;
}

static uint32_t walk_atom(struct walk *w, uint32_t in)
{
	struct byte_set set = {};
	unsigned char c;

	if (take(w, "("))
		return walk_group(w, in);
	if (take(w, "^"))
		return in & 1;
	if (take(w, "$"))
		return in & UINT32_C(1) << w->len;
	if (strchr("*+?{", *w->at))
		fail(w, "a repetition has nothing before it to repeat");
	else if (take(w, "["))
		take_set(w, &set);
	else if (take(w, "."))
		add_range(&set, 0, 255);
	else if (take_member(w, &set, &c))
		add_range(&set, c, c);
	return step(w, &set, in);
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

/* The atom at `atom`, which has led from in to once, again and again. */
static uint32_t iterate(struct walk *w, const char *atom, const struct repeat *r, uint32_t in,
			uint32_t once)
{
	const char *after = w->at;
	uint32_t out = r->least ? 0 : in;
	uint32_t now = once, before = in;

	for (uint32_t i = 1; i <= r->most; i++) {
		/* Nothing new beyond the least; or, before it, no change in what repeats. */
		if (i >= r->least && !(now & ~out))
			break;
		if (i >= r->least || now == before)
			out |= now;
		if (i < r->least && now == before)
			break;
		before = now;
		w->at = atom;
		now = walk_atom(w, now);
	}
	w->at = after;
	return out;
}

static uint32_t walk_repeat(struct walk *w, uint32_t in)
{
	const char *atom = w->at;
	uint32_t once = walk_atom(w, in);
	struct repeat r;

	if (!take_repeat(w, &r) || w->wrong)
		return once;
	return iterate(w, atom, &r, in, once);
}

static uint32_t walk_any(struct walk *w, uint32_t in)
{
	uint32_t out = 0;

	do {
		uint32_t now = in;

		while (*w->at && *w->at != '|' && *w->at != ')')
			now = walk_repeat(w, now);
		out |= now;
	} while (take(w, "|"));
	return out;
}

const char *regex_check(const char *pattern)
{
	struct walk w = { .at = pattern, .text = "" };

	if (strlen(pattern) > PATTERN_MAX)
		return "it is longer than 256 bytes";
	walk_any(&w, 1);
	if (*w.at == ')')
		fail(&w, "a ')' has no '('");
	return w.wrong;
}

bool regex_matches(const char *pattern, const char *text)
{
	struct walk w = { .at = pattern, .text = text };

	w.len = (uint32_t)strnlen(text, REGEX_TEXT_MAX);
	return walk_any(&w, 1) >> w.len & 1;
}
