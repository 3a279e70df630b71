/* SPDX-License-Identifier: BSD-2-Clause */
/* Where rules come from, remembered, so that a reload can read them again. Touches nothing but the
 * rule files and folders that it is told to read. */
#ifndef KTALLY_RULES_SOURCES_H
#define KTALLY_RULES_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/rules.h"

/* A folder stands for its *.yaml and *.yml, in the order of their names; one that is not there for
 * none. */
enum rule_source_kind { RULE_SOURCE_TEXT, RULE_SOURCE_FILE, RULE_SOURCE_FOLDER };

struct rule_source {
	enum rule_source_kind kind;
	char *text; /* owned: the rule, or the path */
};

struct rule_sources {
	bool defaults; /* before all others */
	struct rule_source *v; /* owned */
	size_t cnt;
};

/* Adds what the source says to r, and remembers it. On failure *err says why and neither is so. */
int rule_sources_add(struct rule_sources *sources, enum rule_source_kind kind, const char *text,
		     struct rules *r, struct rule_error *err);
/* All of them, read anew. On failure *err says why. */
int rule_sources_read(const struct rule_sources *sources, struct rules **ret,
		      struct rule_error *err);
void rule_sources_fini(struct rule_sources *sources);

#endif
