/* SPDX-License-Identifier: BSD-2-Clause */
/* What all rules together want to know of one process: each set of matchers and each window once.
 */
#ifndef KTALLY_RULES_CATALOG_H
#define KTALLY_RULES_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "rules/ast.h"
#include "rules/window.h"

struct window_spec {
	size_t metric;
	const char *name;
	uint64_t range_ns;
	enum window_keep keep;
	int set; /* -1: for every process */
};

/* Names and matchers belong to the expressions, which must outlive it. */
struct catalog {
	const struct matcher_set **sets;
	size_t set_cnt;
	struct window_spec *windows;
	size_t window_cnt;
};

/* Finds or adds what the expression needs and notes the indices in its selectors. */
int catalog_bind(struct catalog *c, struct expr *e);
/* The window of c that is the same as window i of other; -1: there is none. */
int catalog_find_window(const struct catalog *c, const struct catalog *other, size_t i);
/* Takes back what was added since the counts were these. */
void catalog_truncate(struct catalog *c, size_t set_cnt, size_t window_cnt);
void catalog_fini(struct catalog *c);

#endif
