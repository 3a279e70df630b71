/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of an expression for one process. Pure. */
#ifndef KTALLY_RULES_EVAL_H
#define KTALLY_RULES_EVAL_H

#include "rules/ast.h"
#include "rules/ident.h"
#include "snapshot/record.h"

/* Absent is PromQL's "no such element": false, to a rule. Unknown is neither true nor false. */
enum presence { VALUE_ABSENT, VALUE_PRESENT, VALUE_UNKNOWN };

struct value {
	enum presence is;
	double v; /* when present */
};

struct eval {
	const struct expr *expr;
	const struct snapshot *s;
	const struct ident *id; /* which has observed s */
	const struct tally *run; /* in an assertion, instead of both: by selector */
	/* The metrics of s where rules judge all of them as they are (field_judged); NULL: ask of
	 * each. */
	const double *judged;
};

struct value eval_node(const struct eval *e, int node);
/* The number, or NaN. node may be -1. */
double eval_number(const struct eval *e, int node);

#endif
