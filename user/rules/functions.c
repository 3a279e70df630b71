// SPDX-License-Identifier: BSD-2-Clause
/* Tables: a new operator or function is a new row. */
#include "rules/functions.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static double add(double a, double b)
{
	return a + b;
}

static double subtract(double a, double b)
{
	return a - b;
}

static double multiply(double a, double b)
{
	return a * b;
}

static double divide(double a, double b)
{
	return a / b;
}

static const struct op ops[] = {
	{ .text = "or", .kind = OP_OR, .precedence = 1 },
	{ .text = "and", .kind = OP_AND, .precedence = 2 },
	{ .text = "unless", .kind = OP_UNLESS, .precedence = 2 },
	{ "==", OP_COMPARISON, 3, false, "==", "equal to", ORDER_EQUAL, NULL },
	{ "!=", OP_COMPARISON, 3, false, "!=", "not equal to", ~ORDER_EQUAL, NULL },
	{ ">", OP_COMPARISON, 3, false, "<", "above", ORDER_GREATER, NULL },
	{ "<", OP_COMPARISON, 3, false, ">", "below", ORDER_LESS, NULL },
	{ ">=", OP_COMPARISON, 3, false, "<=", "at or above", ORDER_GREATER | ORDER_EQUAL, NULL },
	{ "<=", OP_COMPARISON, 3, false, ">=", "at or below", ORDER_LESS | ORDER_EQUAL, NULL },
	{ .text = "+", .precedence = 4, .apply = add },
	{ .text = "-", .precedence = 4, .apply = subtract },
	{ .text = "*", .precedence = 5, .apply = multiply },
	{ .text = "/", .precedence = 5, .apply = divide },
	{ .text = "%", .precedence = 5, .apply = fmod },
	{ .text = "^", .precedence = 6, .right = true, .apply = pow },
};

static const struct function functions[] = {
	{ .name = "abs", .kind = FN_ABS, .arg_cnt = 1 },
	{ .name = "absent", .kind = FN_ABSENT, .arg_cnt = 1 },
	{ "avg_over_time", FN_RANGE, 1, KEEP_MEAN, window_avg, NULL },
	{ "deriv", FN_RANGE, 1, KEEP_LINE, window_deriv, NULL },
	{ "max_over_time", FN_RANGE, 1, KEEP_MAX, window_extreme, NULL },
	{ "min_over_time", FN_RANGE, 1, KEEP_MIN, window_extreme, NULL },
	{ "predict_linear", FN_RANGE, 2, KEEP_LINE, window_predict, NULL },
	{ "rate", FN_RANGE, 1, KEEP_RATE, window_rate, NULL },
};

/* Over a whole run. Under these names PromQL has aggregations over many series, of which there is
 * one here. */
static const struct function assertion_functions[] = {
	{ .name = "abs", .kind = FN_ABS, .arg_cnt = 1 },
	{ .name = "absent", .kind = FN_ABSENT, .arg_cnt = 1 },
	{ .name = "avg", .kind = FN_RUN, .arg_cnt = 1, .of_run = tally_avg },
	{ .name = "first", .kind = FN_RUN, .arg_cnt = 1, .of_run = tally_first },
	{ .name = "last", .kind = FN_RUN, .arg_cnt = 1, .of_run = tally_last },
	{ .name = "max", .kind = FN_RUN, .arg_cnt = 1, .of_run = tally_max },
	{ .name = "min", .kind = FN_RUN, .arg_cnt = 1, .of_run = tally_min },
	{ .name = "sum", .kind = FN_RUN, .arg_cnt = 1, .of_run = tally_sum },
};

/* Prometheus 3.5: aggregations, then functions. */
static const char *const lacking[] = {
	"avg",
	"bottomk",
	"count",
	"count_values",
	"group",
	"limit_ratio",
	"limitk",
	"max",
	"min",
	"quantile",
	"stddev",
	"stdvar",
	"sum",
	"topk",
	"absent_over_time",
	"acos",
	"acosh",
	"asin",
	"asinh",
	"atan",
	"atanh",
	"ceil",
	"changes",
	"clamp",
	"clamp_max",
	"clamp_min",
	"cos",
	"cosh",
	"count_over_time",
	"day_of_month",
	"day_of_week",
	"day_of_year",
	"days_in_month",
	"deg",
	"delta",
	"double_exponential_smoothing",
	"exp",
	"floor",
	"histogram_avg",
	"histogram_count",
	"histogram_fraction",
	"histogram_quantile",
	"histogram_stddev",
	"histogram_stdvar",
	"histogram_sum",
	"holt_winters",
	"hour",
	"idelta",
	"increase",
	"info",
	"irate",
	"label_join",
	"label_replace",
	"last_over_time",
	"ln",
	"log10",
	"log2",
	"mad_over_time",
	"minute",
	"month",
	"pi",
	"present_over_time",
	"quantile_over_time",
	"rad",
	"resets",
	"round",
	"scalar",
	"sgn",
	"sin",
	"sinh",
	"sort",
	"sort_by_label",
	"sort_by_label_desc",
	"sort_desc",
	"sqrt",
	"stddev_over_time",
	"stdvar_over_time",
	"sum_over_time",
	"tan",
	"tanh",
	"time",
	"timestamp",
	"ts_of_last_over_time",
	"ts_of_max_over_time",
	"ts_of_min_over_time",
	"vector",
	"year",
};

static bool is(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && !strncasecmp(name, text, len);
}

const struct op *op_find(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (is(ops[i].text, text, len))
			return &ops[i];
	return NULL;
}

static const struct function *find(const struct function *list, size_t cnt, const char *name,
				   size_t len)
{
	for (size_t i = 0; i < cnt; i++)
		if (strlen(list[i].name) == len && !memcmp(list[i].name, name, len))
			return &list[i];
	return NULL;
}

const struct function *function_find(const char *name, size_t len)
{
	return find(functions, sizeof(functions) / sizeof(functions[0]), name, len);
}

const struct function *function_find_assertion(const char *name, size_t len)
{
	return find(assertion_functions,
		    sizeof(assertion_functions) / sizeof(assertion_functions[0]), name, len);
}

bool promql_has(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++)
		if (is(lacking[i], name, len))
			return true;
	return false;
}
