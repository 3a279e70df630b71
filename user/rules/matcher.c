// SPDX-License-Identifier: BSD-2-Clause
/*
 * Label matchers. Regular expressions are POSIX extended ones, anchored at both ends as PromQL's are;
 * what RE2 and POSIX read differently is refused rather than understood differently.
 */
#include "rules/matcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* regcomp() expands repetitions, and a product of them without bound takes all memory. RE2 stops at
 * 1000 too. */
#define REPEAT_MAX 1000
#define REGEX_LEN_MAX 256

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

int label_value(const struct snapshot *s, const char *name, size_t name_len, char text[LABEL_TEXT_LEN])
{
	const struct label_def *def = find(name, name_len);

	if (!def)
		return -ENOENT;
	def->get(s, text);
	return 0;
}

/* The character after a backslash, outside and inside of [...] alike. */
static const char *check_escape(char c)
{
	if (strchr("wWsSbB", c) && c)
		return NULL;
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return "of the escapes with a letter or digit only \\w \\W \\s \\S \\b \\B are known";
	return NULL;
}

/* "{2,5}" at text multiplies *product by 5. */
static const char *check_repeat(const char *text, unsigned long *product)
{
	unsigned long most = 0;

	for (const char *c = text + 1; *c && *c != '}'; c++) {
		char *end;
		unsigned long n;

		if (*c < '0' || *c > '9')
			continue;
		n = strtoul(c, &end, 10);
		most = n > most ? n : most;
		c = end - 1;
	}
	if (most > REPEAT_MAX || (most > 1 && (*product *= most) > REPEAT_MAX))
		return "its repetitions multiply to more than 1000";
	return NULL;
}

/* NULL, or what POSIX reads differently from RE2 or cannot do in bounded memory. */
static const char *check_regex(const char *text)
{
	unsigned long product = 1;
	const char *wrong = NULL;

	if (strlen(text) > REGEX_LEN_MAX)
		return "it is longer than 256 bytes";
	for (const char *c = text; *c && !wrong; c++) {
		if (*c == '\\') {
			wrong = check_escape(c[1]);
			c += c[1] != '\0';
		} else if (*c == '{') {
			wrong = check_repeat(c, &product);
		} else if (strchr("(*+?}", *c) && c[1] == '?') {
			wrong = "groups of the form (?...) and lazy repetitions are not known";
		}
	}
	return wrong;
}

static int compile_regex(struct matcher *m, char *reason, size_t len)
{
	const char *wrong = check_regex(m->value);
	char anchored[REGEX_LEN_MAX + 5];
	int r;

	if (wrong) {
		snprintf(reason, len, "%s", wrong);
		return -EINVAL;
	}
	snprintf(anchored, sizeof(anchored), "^(%s)$", m->value);
	r = regcomp(&m->regex, anchored, REG_EXTENDED | REG_NOSUB);
	if (!r)
		return 0;
	regerror(r, NULL, reason, len);
	return r == REG_ESPACE ? -ENOMEM : -EINVAL;
}

int matcher_set_add(struct matcher_set *set, const char *label, bool negate, bool is_regex, char *value,
		    char *reason, size_t len)
{
	struct matcher m = { .label = label, .negate = negate, .is_regex = is_regex, .value = value };
	struct matcher *v = realloc(set->v, (set->cnt + 1) * sizeof(*v));
	int err = -ENOMEM;

	if (v) {
		set->v = v;
		err = is_regex ? compile_regex(&m, reason, len) : 0;
	}
	if (err) {
		free(value);
		return err;
	}
	v[set->cnt++] = m;
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
	same = m->is_regex ? !regexec(&m->regex, text, 0, NULL, 0) : !strcmp(m->value, text);
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
	for (size_t i = 0; i < set->cnt; i++) {
		free(set->v[i].value);
		if (set->v[i].is_regex)
			regfree(&set->v[i].regex);
	}
	free(set->v);
	*set = (struct matcher_set){};
}
