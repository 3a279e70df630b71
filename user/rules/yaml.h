/* SPDX-License-Identifier: BSD-2-Clause */
/* YAML by tables of keys, with the position of whatever is wrong. */
#ifndef KTALLY_RULES_YAML_H
#define KTALLY_RULES_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "rules/rules.h"

struct yaml_reader {
	const char *name; /* of the file */
	const char *text;
	size_t len;
	struct rule_error *err;
	yaml_document_t doc;
	bool loaded;
};

typedef int (*yaml_read_fn)(struct yaml_reader *r, yaml_node_t *node, void *into);

struct yaml_key {
	const char *name; /* NULL ends the table */
	yaml_read_fn read;
	bool required;
	const char *lacking; /* a key of Prometheus that is refused, and why */
};

/* -EINVAL fills r->err. */
int yaml_load(struct yaml_reader *r);
void yaml_unload(struct yaml_reader *r);
/* NULL: the file is empty. */
yaml_node_t *yaml_root(struct yaml_reader *r);
yaml_node_t *yaml_node(struct yaml_reader *r, int index);

int yaml_mapping(struct yaml_reader *r, yaml_node_t *node, const char *what,
		 const struct yaml_key *keys, void *into);
int yaml_sequence(struct yaml_reader *r, yaml_node_t *node, const char *what, yaml_read_fn read,
		  void *into);
/* A scalar that is not empty; the text is the document's. */
int yaml_text(struct yaml_reader *r, yaml_node_t *node, const char *what, const char **ret);

/* Both return -EINVAL; the second points into the node's text. */
int yaml_fail(struct yaml_reader *r, const yaml_node_t *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int yaml_fail_inside(struct yaml_reader *r, const yaml_node_t *node, size_t offset, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));

#endif
