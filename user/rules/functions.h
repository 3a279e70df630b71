/* SPDX-License-Identifier: BSD-2-Clause */
/* The operators and functions that expressions have, and the names of those of PromQL that they
 * lack. */
#ifndef KTALLY_RULES_FUNCTIONS_H
#define KTALLY_RULES_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/ast.h"
#include "snapshot/tally.h"
#include "rules/window.h"

enum function_kind { FN_RANGE, FN_ABS, FN_ABSENT, FN_RUN };

struct function {
	const char *name;
	enum function_kind kind;
	size_t arg_cnt; /* 1, or 2 with a number as the second */
	enum window_keep keep;
	window_fn *reduce;
	tally_fn *of_run; /* FN_RUN */
};

#define FUNCTION_NAMES \
	"abs, absent, avg_over_time, deriv, max_over_time, min_over_time, predict_linear, rate"
#define ASSERTION_FUNCTION_NAMES "abs, absent, avg, first, last, max, min, sum"

/* NULL when there is none. Names of set operators are words and not case-sensitive. */
const struct op *op_find(const char *text, size_t len);
const struct function *function_find(const char *name, size_t len);
/* Of those that assertions have. */
const struct function *function_find_assertion(const char *name, size_t len);
bool promql_has(const char *name, size_t len);

#endif
