// SPDX-License-Identifier: BSD-2-Clause
/* The labels of a snapshot, and matchers of them. */
#include "rules/matcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/regex.h"

struct label_def {
	const char *name;
	void (*get)(const struct snapshot *s, char *text);
};

static void get_scope(const struct snapshot *s, char *text)
{
	snprintf(text, LABEL_TEXT_LEN, "%s", scope_names[s->scope]);
}

static void get_comm(const struct snapshot *s, char *text)
{
	snprintf(text, LABEL_TEXT_LEN, "%.*s", (int)sizeof(s->comm), s->comm);
}

/* A target without one process to name has no pid, which to a matcher is "". */
static void get_pid(const struct snapshot *s, char *text)
{
	if (s->pid)
		snprintf(text, LABEL_TEXT_LEN, "%d", s->pid);
	else
		*text = '\0';
}

static void get_target(const struct snapshot *s, char *text)
{
	snprintf(text, LABEL_TEXT_LEN, "%u", s->target);
}

static const struct label_def labels[] = {
	{ "scope", get_scope },
	{ "comm", get_comm },
	{ "pid", get_pid },
	{ "target", get_target },
};

static const struct label_def *find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strlen(labels[i].name) == len && !memcmp(labels[i].name, name, len))
			return &labels[i];
	return NULL;
}

const char *label_find(const char *name, size_t len)
{
	const struct label_def *def = find(name, len);

	return def ? def->name : NULL;
}

int label_value(const struct snapshot *s, const char *name, size_t name_len,
		char text[LABEL_TEXT_LEN])
{
	const struct label_def *def = find(name, name_len);

	if (!def)
		return -ENOENT;
	def->get(s, text);
	return 0;
}

int matcher_set_add(struct matcher_set *set, const char *label, bool negate, bool is_regex,
		    char *value, const char **ret_wrong)
{
	const char *wrong = is_regex ? regex_check(value) : NULL;
	struct matcher *v = wrong ? NULL : reallocarray(set->v, set->cnt + 1, sizeof(*v));

	if (!v) {
		free(value);
		*ret_wrong = wrong;
		return wrong ? -EINVAL : -ENOMEM;
	}
	set->v = v;
	v[set->cnt++] = (struct matcher){ label, negate, is_regex, value };
	return 0;
}

static bool matcher_equal(const struct matcher *a, const struct matcher *b)
{
	return a->label == b->label && a->negate == b->negate && a->is_regex == b->is_regex &&
	       !strcmp(a->value, b->value);
}

bool matcher_set_equal(const struct matcher_set *a, const struct matcher_set *b)
{
	if (a->cnt != b->cnt)
		return false;
	for (size_t i = 0; i < a->cnt; i++)
		if (!matcher_equal(&a->v[i], &b->v[i]))
			return false;
	return true;
}

static bool matches(const struct matcher *m, const struct snapshot *s)
{
	char text[LABEL_TEXT_LEN] = "";
	bool same;

	label_value(s, m->label, strlen(m->label), text);
	same = m->is_regex ? regex_matches(m->value, text) : !strcmp(m->value, text);
	return same != m->negate;
}

bool matcher_set_matches(const struct matcher_set *set, const struct snapshot *s)
{
	for (size_t i = 0; i < set->cnt; i++)
		if (!matches(&set->v[i], s))
			return false;
	return true;
}

void matcher_set_fini(struct matcher_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->cnt; i++)
		free(set->v[i].value);
	free(set->v);
	*set = (struct matcher_set){};
}
