/* SPDX-License-Identifier: BSD-2-Clause */
/* {comm=~"redis.*",scope="process"}: which processes a selector is about. */
#ifndef KTALLY_RULES_MATCHER_H
#define KTALLY_RULES_MATCHER_H

#include <stdbool.h>
#include <stddef.h>

#include "snapshot/record.h"

#define LABEL_TEXT_LEN 24
#define LABEL_NAMES    "scope, comm, pid, target"

/* The labels of a snapshot. Writes the value of one into text; -ENOENT: there is none of this name.
 */
int label_value(const struct snapshot *s, const char *name, size_t name_len,
		char text[LABEL_TEXT_LEN]);
/* NULL when there is none of this name. */
const char *label_find(const char *name, size_t len);

struct matcher {
	const char *label; /* as from label_find */
	bool negate;
	bool is_regex;
	char *value; /* owned */
};

struct matcher_set {
	struct matcher *v; /* owned */
	size_t cnt;
};

/* label: as from label_find; value is taken over, also on failure. -EINVAL: *ret_wrong says what is
 * wrong with the regular expression. */
int matcher_set_add(struct matcher_set *set, const char *label, bool negate, bool is_regex,
		    char *value, const char **ret_wrong);
bool matcher_set_equal(const struct matcher_set *a, const struct matcher_set *b);
bool matcher_set_matches(const struct matcher_set *set, const struct snapshot *s);
void matcher_set_fini(struct matcher_set *set);

#endif
