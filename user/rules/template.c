// SPDX-License-Identifier: BSD-2-Clause
/*
 * The part of Prometheus's templates that needs no query: $value, $labels.NAME (the labels scope,
 * comm, pid and target, and beyond Prometheus every number of the snapshot), and functions over
 * them.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "rules/field.h"
#include "rules/matcher.h"
#include "rules/rule.h"

#define FUNCTIONS "humanize, humanize1024, humanizeDuration, humanizePercentage"

/* $value, or a label; without a number a function leaves the text as it is. */
struct operand {
	const char *name; /* NULL: $value */
	size_t len;
};

struct action {
	struct operand of;
	void (*function)(struct buf *out, double v);
};

/* Decimals without their trailing zeros. */
static void append_fixed(struct buf *out, double v, int decimals)
{
	struct json j = { .out = out };

	if (fabs(v) >= 0x1p53) {
		buf_printf(out, "%.0f", v);
		return;
	}
	jsonw_fixed(&j, NULL, v, decimals);
	while (!out->err && out->len && out->data[out->len - 1] == '0')
		out->len--;
	if (!out->err && out->len && out->data[out->len - 1] == '.')
		out->len--;
}

void template_number(struct buf *out, double v)
{
	if (isnan(v))
		buf_puts(out, "unknown");
	else if (isinf(v))
		buf_puts(out, v > 0 ? "+Inf" : "-Inf");
	else if (v == trunc(v))
		buf_printf(out, "%.0f", v);
	else
		append_fixed(out, v, 6);
}

struct prefix {
	const char *name;
	double size;
};

static void append_scaled(struct buf *out, double v, const struct prefix *prefixes, size_t cnt)
{
	size_t i = 0;

	if (!isfinite(v)) {
		template_number(out, v);
		return;
	}
	while (i < cnt - 1 && fabs(v) < prefixes[i].size)
		i++;
	append_fixed(out, v / prefixes[i].size, 3);
	buf_puts(out, prefixes[i].name);
}

static void humanize(struct buf *out, double v)
{
	static const struct prefix prefixes[] = {
		{ "T", 1e12 }, { "G", 1e9 }, { "M", 1e6 }, { "k", 1e3 }, { "", 1 },
	};

	append_scaled(out, v, prefixes, sizeof(prefixes) / sizeof(prefixes[0]));
}

static void humanize1024(struct buf *out, double v)
{
	static const struct prefix prefixes[] = {
		{ "Ti", 1099511627776 },
		{ "Gi", 1073741824 },
		{ "Mi", 1048576 },
		{ "ki", 1024 },
		{ "", 1 },
	};

	append_scaled(out, v, prefixes, sizeof(prefixes) / sizeof(prefixes[0]));
}

static void humanize_percentage(struct buf *out, double v)
{
	if (!isfinite(v)) {
		template_number(out, v);
		return;
	}
	append_fixed(out, v * 100, 2);
	buf_putc(out, '%');
}

/* "1d 2h 3m 4s"; below a minute with decimals. */
static void humanize_duration(struct buf *out, double v)
{
	double left = fabs(v);
	unsigned long long s;

	if (!isfinite(v) || left >= 1e15) {
		template_number(out, v);
		return;
	}
	if (v < 0)
		buf_putc(out, '-');
	if (left < 60) {
		append_fixed(out, left, 3);
		buf_putc(out, 's');
		return;
	}
	s = (unsigned long long)left;
	if (s >= 86400)
		buf_printf(out, "%llud ", s / 86400);
	if (s >= 3600)
		buf_printf(out, "%lluh ", s / 3600 % 24);
	buf_printf(out, "%llum %llus", s / 60 % 60, s % 60);
}

struct function_def {
	const char *name;
	void (*apply)(struct buf *out, double v);
};

static const struct function_def functions[] = {
	{ "humanize", humanize },
	{ "humanize1024", humanize1024 },
	{ "humanizeDuration", humanize_duration },
	{ "humanizePercentage", humanize_percentage },
};

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " \t\r\n");
}

static bool take(const char **at, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*at, text, len))
		return false;
	*at += len;
	return true;
}

static size_t name_len(const char *at)
{
	return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static const char *take_operand(const char **at, struct operand *ret)
{
	*ret = (struct operand){};
	if (take(at, "$labels.")) {
		ret->name = *at;
		ret->len = name_len(*at);
		*at += ret->len;
		return ret->len ? NULL : "expected the name of a label or field after $labels.";
	}
	if (take(at, "$value") && !name_len(*at))
		return NULL;
	return "expected $value or $labels.NAME, then perhaps | and one of: " FUNCTIONS;
}

static const char *take_function(const char **at, struct action *a)
{
	size_t len = name_len(*at);

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strlen(functions[i].name) != len || memcmp(functions[i].name, *at, len))
			continue;
		*at += len;
		a->function = functions[i].apply;
		return NULL;
	}
	return "expected a function after '|': " FUNCTIONS;
}

/* What stands between {{ and }}; moves past the closing braces. NULL, or what was expected. */
static const char *take_action(const char **at, struct action *ret)
{
	const char *wrong;

	*ret = (struct action){};
	skip_blanks(at);
	wrong = take_operand(at, &ret->of);
	skip_blanks(at);
	if (!wrong && take(at, "|")) {
		skip_blanks(at);
		wrong = take_function(at, ret);
		skip_blanks(at);
	}
	if (!wrong && !take(at, "}}"))
		wrong = "expected '}}'";
	return wrong;
}

int template_check(const char *text, struct expr_error *err)
{
	const char *at = text;

	while ((at = strstr(at, "{{"))) {
		struct action action;
		const char *wrong;

		at += 2;
		wrong = take_action(&at, &action);
		if (!wrong)
			continue;
		err->offset = (size_t)(at - text);
		snprintf(err->text, sizeof(err->text), "%s", wrong);
		return -EINVAL;
	}
	return 0;
}

static double field_by_name(const struct snapshot *s, const struct operand *of)
{
	char name[sizeof(((struct custom_metric *)NULL)->name)];

	if (of->len >= sizeof(name))
		return NAN;
	memcpy(name, of->name, of->len);
	name[of->len] = '\0';
	return field_value(s, metric_find(name), name);
}

static void append_action(const struct action *a, const struct template_values *values,
			  struct buf *out)
{
	char label[LABEL_TEXT_LEN];
	double v;

	if (a->of.name && !label_value(values->s, a->of.name, a->of.len, label)) {
		buf_puts(out, label);
		return;
	}
	v = a->of.name ? field_by_name(values->s, &a->of) : values->value;
	if (a->function)
		a->function(out, v);
	else
		template_number(out, v);
}

void template_expand(const char *text, const struct template_values *values, struct buf *out)
{
	const char *open;

	while ((open = strstr(text, "{{"))) {
		struct action action;

		buf_append(out, text, (size_t)(open - text));
		text = open + 2;
		if (!take_action(&text, &action))
			append_action(&action, values, out);
	}
	buf_puts(out, text);
}
