// SPDX-License-Identifier: BSD-2-Clause
/* The StatsD line, section by section. */
#include "doors/statsd_parse.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cursor.h"
#include "doors/distinct.h"
#include "doors/number.h"

struct line {
	struct sample sample; /* what its values share */
	double rate;
};

struct type {
	const char *name;
	enum value_kind kind;
};

static const struct type types[] = {
	{ "g", VALUE_GAUGE }, { "c", VALUE_COUNTER }, { "ms", VALUE_TIMER },  { "h", VALUE_TIMER },
	{ "d", VALUE_TIMER }, { "s", VALUE_SET },     { "m", VALUE_COUNTER },
};

static size_t left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

static int parse_type(struct cursor section, struct line *line)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!cursor_is(&section, types[i].name))
			continue;
		line->sample.kind = types[i].kind;
		return 0;
	}
	return -EINVAL;
}

static int parse_tags(struct cursor section, struct line *line)
{
	struct cursor tag;

	while (cursor_until(&section, ',', &tag))
		if (cursor_take(&tag, "pid:") &&
		    number_parse_pid(tag.at, left(&tag), &line->sample.pid))
			return -EINVAL;
	return 0;
}

/* Sections that are not known, such as the container of DogStatsD, are left alone. */
static int parse_section(struct cursor section, struct line *line)
{
	if (cursor_take(&section, "#"))
		return parse_tags(section, line);
	if (!cursor_take(&section, "@"))
		return 0;
	if (number_parse(section.at, left(&section), &line->rate) || !(line->rate > 0) ||
	    line->rate > 1)
		return -EINVAL;
	return 0;
}

/* "4:5" of "NAME:4:5|ms". */
static int parse_value(struct cursor text, const struct line *line, struct sample *ret)
{
	struct sample s = line->sample;
	char first = left(&text) ? *text.at : '\0';

	s.weight = 1 / line->rate;
	if (!first)
		return -EINVAL;
	if (s.kind == VALUE_SET) {
		s.hash = distinct_hash(text.at, left(&text));
	} else {
		if (number_parse(text.at, left(&text), &s.value) || !isfinite(s.value))
			return -EINVAL;
		s.relative = s.kind == VALUE_GAUGE && (first == '+' || first == '-');
	}
	*ret = s;
	return 0;
}

static size_t parse_values(struct cursor values, const struct line *line, statsd_fn fn, void *ctx)
{
	struct cursor value;
	struct sample s;
	size_t bad = 0;

	/* A set's member may be anything: an address with colons too. */
	if (line->sample.kind == VALUE_SET) {
		if (parse_value(values, line, &s))
			return 1;
		fn(ctx, &s);
		return 0;
	}
	if (!left(&values))
		return 1;
	while (cursor_until(&values, ':', &value)) {
		if (parse_value(value, line, &s))
			bad++;
		else
			fn(ctx, &s);
	}
	return bad;
}

static size_t parse_line(struct cursor text, statsd_fn fn, void *ctx)
{
	struct line line = { .rate = 1 };
	struct cursor head, name, section;

	if (cursor_take(&text, "_e{") || cursor_take(&text, "_sc|"))
		return 0;
	if (!cursor_until(&text, '|', &head) || !cursor_until(&head, ':', &name) ||
	    !store_name(name.at, left(&name), line.sample.name) ||
	    !cursor_until(&text, '|', &section) || parse_type(section, &line))
		return 1;
	while (cursor_until(&text, '|', &section))
		if (parse_section(section, &line))
			return 1;
	return parse_values(head, &line, fn, ctx);
}

size_t statsd_parse(const char *data, size_t len, statsd_fn fn, void *ctx)
{
	struct cursor all = cursor_of(data, len), line;
	size_t bad = 0;

	while (cursor_until(&all, '\n', &line)) {
		if (line.end > line.at && line.end[-1] == '\r')
			line.end--;
		if (line.end > line.at)
			bad += parse_line(line, fn, ctx);
	}
	return bad;
}
