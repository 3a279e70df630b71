// SPDX-License-Identifier: BSD-2-Clause
/* Rules on the command line, in files and in folders. */
#include "rules/sources.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct rule_error *err, const char *what, int e)
{
	snprintf(err->text, sizeof(err->text), "%s: %s", what, strerror(-e));
	return e;
}

/* Hidden ones are what editors and package managers leave behind. */
static int is_rule_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* Not alphasort(3), whose order depends on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_entry(struct rules *r, const char *folder, const char *name, struct rule_error *err)
{
	char *path;
	int e;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return fail(err, folder, -ENOMEM);
	e = rules_add_file(r, path, err);
	free(path);
	return e;
}

static int add_folder(struct rules *r, const char *path, struct rule_error *err)
{
	struct dirent **entries;
	int cnt = scandir(path, &entries, is_rule_file, by_name);
	int e = 0;

	if (cnt < 0)
		return errno == ENOENT ? 0 : fail(err, path, -errno);
	for (int i = 0; i < cnt; i++) {
		if (!e)
			e = add_entry(r, path, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	return e;
}

static int read_source(struct rules *r, enum rule_source_kind kind, const char *text,
		       struct rule_error *err)
{
	static int (*const readers[])(struct rules *, const char *, struct rule_error *) = {
		[RULE_SOURCE_TEXT] = rules_add_text,
		[RULE_SOURCE_FILE] = rules_add_file,
		[RULE_SOURCE_FOLDER] = add_folder,
	};

	return readers[kind](r, text, err);
}

int rule_sources_add(struct rule_sources *sources, enum rule_source_kind kind, const char *text,
		     struct rules *r, struct rule_error *err)
{
	struct rule_source *v = reallocarray(sources->v, sources->cnt + 1, sizeof(*v));
	char *copy = strdup(text);
	int e = v && copy ? 0 : fail(err, text, -ENOMEM);

	if (v)
		sources->v = v;
	if (!e)
		e = read_source(r, kind, text, err);
	if (e) {
		free(copy);
		return e;
	}
	v[sources->cnt++] = (struct rule_source){ kind, copy };
	return 0;
}

int rule_sources_read(const struct rule_sources *sources, struct rules **ret,
		      struct rule_error *err)
{
	struct rules *r = NULL;
	int e = rules_new(&r);

	if (!e && sources->defaults)
		e = rules_add_defaults(r);
	if (e)
		fail(err, "rules", e);
	for (size_t i = 0; !e && i < sources->cnt; i++)
		e = read_source(r, sources->v[i].kind, sources->v[i].text, err);
	if (e)
		rules_free(r);
	else
		*ret = r;
	return e;
}

void rule_sources_fini(struct rule_sources *sources)
{
	if (!sources)
		return;
	for (size_t i = 0; i < sources->cnt; i++)
		free(sources->v[i].text);
	free(sources->v);
	*sources = (struct rule_sources){};
}
