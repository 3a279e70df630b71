// SPDX-License-Identifier: BSD-2-Clause
/* One rule: its parts, and its short form on the command line. */
#include "rules/rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "rules/lexer.h"

#define SEVERITY_DEFAULT "warning"

struct rule *rule_new(const char *name)
{
	struct rule *rule = calloc(1, sizeof(*rule));

	if (!rule)
		return NULL;
	rule->severity = SEVERITY_DEFAULT;
	rule->name = strdup(name);
	if (rule->name)
		return rule;
	free(rule);
	return NULL;
}

static void free_labels(struct label *labels, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		free((char *)labels[i].name);
		free((char *)labels[i].value);
	}
	free(labels);
}

void rule_free(struct rule *rule)
{
	if (!rule)
		return;
	free_labels(rule->labels, rule->label_cnt);
	free_labels(rule->annotations, rule->annotation_cnt);
	expr_free(rule->expr);
	free(rule->name);
	free(rule);
}

static int add_label(struct label **labels, size_t *cnt, const char *name, const char *value)
{
	struct label *v = reallocarray(*labels, *cnt + 1, sizeof(*v));
	struct label *label;

	if (!v)
		return -ENOMEM;
	*labels = v;
	label = &v[(*cnt)++];
	label->name = strdup(name);
	label->value = strdup(value);
	return label->name && label->value ? 0 : -ENOMEM;
}

int rule_add_label(struct rule *rule, const char *name, const char *value, struct expr_error *err)
{
	int r = template_check(value, err);
	const char *action = strstr(value, "{{");

	if (!r && action && !strcmp(name, "severity")) {
		err->offset = (size_t)(action - value);
		snprintf(err->text, sizeof(err->text), "expected a severity without a template");
		r = -EINVAL;
	}
	if (!r)
		r = add_label(&rule->labels, &rule->label_cnt, name, value);
	if (!r && !strcmp(name, "severity"))
		rule->severity = rule->labels[rule->label_cnt - 1].value;
	return r;
}

int rule_add_annotation(struct rule *rule, const char *name, const char *value,
			struct expr_error *err)
{
	int r = template_check(value, err);

	return r ? r : add_label(&rule->annotations, &rule->annotation_cnt, name, value);
}

static int fail(struct expr_error *err, size_t offset, const char *text)
{
	err->offset = offset;
	snprintf(err->text, sizeof(err->text), "%s", text);
	return -EINVAL;
}

/* The text after "for": a duration as on the command line ("1.5s") or as in PromQL ("1w"). */
static int parse_for(const char *text, size_t offset, struct expr_error *err, uint64_t *ret)
{
	char copy[32];
	size_t start = offset + strspn(text + offset, " \t");
	size_t len = strcspn(text + start, " \t");
	size_t rest = start + len + strspn(text + start + len, " \t");

	if (len >= sizeof(copy))
		return fail(err, start, "expected a duration such as 10s after 'for'");
	memcpy(copy, text + start, len);
	copy[len] = '\0';
	if (!len || (parse_duration_ns(copy, ret) && lex_duration_ns(copy, len, ret)))
		return fail(err, start, "expected a duration such as 10s after 'for'");
	return text[rest] ? fail(err, rest, "expected the end after the duration") : 0;
}

static int parse_expr(const char *text, size_t start, struct rule *rule, struct expr_error *err)
{
	size_t end = 0;
	int r;

	start += strspn(text + start, " \t\n");
	r = expr_parse(text + start, &end, err, &rule->expr);

	if (r) {
		err->offset += start;
		return r;
	}
	end += start;
	return text[end] ? parse_for(text, end + strlen("for"), err, &rule->for_ns) : 0;
}

int rule_parse(const char *text, struct expr_error *err, struct rule **ret)
{
	size_t start = strspn(text, " \t");
	size_t colon = start + strcspn(text + start, ":");
	size_t end = colon;
	struct rule *rule = NULL;
	char *name;
	int r;

	while (end > start && strchr(" \t", text[end - 1]))
		end--;
	if (!text[colon] || end == start)
		return fail(err, text[colon] ? start : colon,
			    "expected 'NAME: EXPRESSION [for DURATION]', such as "
			    "'fds: open_fds > 500 for 10s'");
	name = strndup(text + start, end - start);
	if (name)
		rule = rule_new(name);
	free(name);
	if (!rule)
		return -ENOMEM;
	r = parse_expr(text, colon + 1, rule, err);
	if (r)
		rule_free(rule);
	else
		*ret = rule;
	return r;
}
