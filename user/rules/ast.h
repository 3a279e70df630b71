/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule's expression, compiled once: a tree in one array, with the fields it reads beside it.
 *
 * A subset of PromQL in a world of one process at a time: what is a vector there has at most one
 * element here. A value is therefore present, absent (filtered out, as PromQL's comparisons do), or
 * unknown (ktally could not read it), which is neither.
 */
#ifndef KTALLY_RULES_AST_H
#define KTALLY_RULES_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/matcher.h"

enum value_type { TYPE_NUMBER, TYPE_VALUE, TYPE_RANGE };

/* From OP_AND on: sets, which combine values instead of computing with them. */
enum op_kind { OP_ARITHMETIC, OP_COMPARISON, OP_AND, OP_OR, OP_UNLESS };

/* How a number stands to another; a comparison holds for a set of these. */
enum order { ORDER_LESS = 1, ORDER_EQUAL = 2, ORDER_GREATER = 4, ORDER_NONE = 8 };

struct op {
	const char *text;
	enum op_kind kind;
	int precedence;
	bool right;                          /* groups from the right */
	const char *mirror;                  /* comparison: the same with its sides swapped */
	const char *words;                   /* comparison: "above" */
	unsigned int holds;                  /* comparison: for these of enum order */
	double (*apply)(double a, double b); /* arithmetic */
};

struct function;

enum node_kind { NODE_NUMBER, NODE_SELECT, NODE_NEGATE, NODE_BINARY, NODE_CALL };

struct node {
	enum node_kind kind;
	enum value_type type;
	const struct op *op;
	const struct function *fn;
	bool is_bool; /* comparison that gives 0 or 1 and filters nothing */
	double number;
	int selector; /* index into selectors */
	size_t metric; /* field of every process, without labels: its; METRIC_COUNT: no such */
	int left;     /* index into nodes: the only operand, or the first; -1: none */
	int right;
	int cost;     /* of its value, next to that of others */
	size_t start; /* of its text */
	size_t end;
};

struct selector {
	char *name;
	size_t metric; /* METRIC_COUNT: a custom metric of that name */
	struct matcher_set matchers;
	uint64_t range_ns; /* 0: the value now */
	/* Where expr_bind put it in the catalog. */
	int set;    /* -1: matches everything */
	int window; /* -1: no range */
};

struct expr {
	char *text;
	struct node *nodes;
	size_t node_cnt;
	int root;
	int head; /* the comparison whose left side is the alert's value; -1: none */
	struct selector *selectors;
	size_t selector_cnt;
};

/* What is wrong, and where in the text. */
struct expr_error {
	size_t offset;
	char text[400];
};

/* text: NUL-terminated. *ret_end is where the expression ends: the end of the text, or a word "for"
 * when ret_end is given; NULL: nothing may follow. -EINVAL fills *err. */
int expr_parse(const char *text, size_t *ret_end, struct expr_error *err, struct expr **ret);
/* A condition on a whole run, with other functions and without labels and ranges. */
int expr_parse_assertion(const char *text, struct expr_error *err, struct expr **ret);
void expr_free(struct expr *e);
/* The comparison that decides alone, or NULL: only then is there one threshold. */
const struct node *expr_comparison(const struct expr *e);

#endif
