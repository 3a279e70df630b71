// SPDX-License-Identifier: BSD-2-Clause
/* Prometheus' text format, one line at a time. */
#include "doors/promtext.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "doors/number.h"

#define NAME_LEN 256 /* while it grows; store_name has the last word */

struct series {
	char name[NAME_LEN];
	size_t len;
	int32_t pid;
	bool bucket;
};

static size_t left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == ':';
}

static int append(struct series *s, const char *text, size_t len)
{
	if (len >= sizeof(s->name) - s->len)
		return -ENAMETOOLONG;
	memcpy(s->name + s->len, text, len);
	s->len += len;
	return 0;
}

static struct cursor take_name(struct cursor *c)
{
	struct cursor name = { c->at, c->at };

	while (c->at < c->end && is_name(*c->at))
		c->at++;
	name.end = c->at;
	return name;
}

/* Behind the opening quote; escapes stay as they are, store_name makes them _ anyway. */
static int take_quoted(struct cursor *c, struct cursor *ret)
{
	const char *start = c->at;

	while (c->at < c->end && *c->at != '"')
		c->at += *c->at == '\\' ? 2 : 1;
	if (c->at >= c->end)
		return -EINVAL;
	*ret = (struct cursor){ start, c->at++ };
	return 0;
}

static int use_label(struct series *s, const struct cursor *name, const struct cursor *value)
{
	int err;

	if (cursor_is(name, "pid"))
		return number_parse_pid(value->at, left(value), &s->pid);
	s->bucket |= cursor_is(name, "le");
	err = append(s, "_", 1);
	if (!err)
		err = append(s, name->at, left(name));
	if (!err)
		err = append(s, "_", 1);
	return err ? err : append(s, value->at, left(value));
}

static int take_labels(struct cursor *c, struct series *s)
{
	struct cursor name, value;
	int err;

	for (;;) {
		cursor_skip_blanks(c);
		if (cursor_take(c, "}"))
			return 0;
		name = take_name(c);
		cursor_skip_blanks(c);
		if (!left(&name) || !cursor_take(c, "="))
			return -EINVAL;
		cursor_skip_blanks(c);
		if (!cursor_take(c, "\"") || take_quoted(c, &value))
			return -EINVAL;
		err = use_label(s, &name, &value);
		if (err)
			return err;
		cursor_skip_blanks(c);
		if (!cursor_take(c, ",") && (c->at == c->end || *c->at != '}'))
			return -EINVAL;
	}
}

static struct cursor take_word(struct cursor *c)
{
	struct cursor word;

	cursor_skip_blanks(c);
	word = (struct cursor){ c->at, c->at };
	while (c->at < c->end && *c->at != ' ' && *c->at != '\t')
		c->at++;
	word.end = c->at;
	return word;
}

static int parse_line(struct cursor c, sample_fn fn, void *ctx)
{
	struct sample sample = { .kind = VALUE_GAUGE, .weight = 1 };
	struct series s = { .len = 0 };
	struct cursor word = take_name(&c);
	double timestamp;
	int err;

	err = left(&word) ? append(&s, word.at, left(&word)) : -EINVAL;
	cursor_skip_blanks(&c);
	if (!err && cursor_take(&c, "{"))
		err = take_labels(&c, &s);
	word = take_word(&c);
	if (err || number_parse(word.at, left(&word), &sample.value))
		return -EINVAL;
	word = take_word(&c);
	if (left(&word) && number_parse(word.at, left(&word), &timestamp))
		return -EINVAL;
	cursor_skip_blanks(&c);
	if (left(&c))
		return -EINVAL;
	if (s.bucket)
		return 0;
	if (!store_name(s.name, s.len, sample.name))
		return -ENAMETOOLONG;
	if (!isfinite(sample.value))
		sample.value = NAN;
	sample.pid = s.pid;
	fn(ctx, &sample);
	return 0;
}

size_t promtext_parse(const char *text, size_t len, sample_fn fn, void *ctx)
{
	struct cursor all = cursor_of(text, len), line;
	size_t bad = 0;

	while (cursor_until(&all, '\n', &line)) {
		if (line.end > line.at && line.end[-1] == '\r')
			line.end--;
		cursor_skip_blanks(&line);
		if (line.at < line.end && *line.at != '#')
			bad += parse_line(line, fn, ctx) != 0;
	}
	return bad;
}
