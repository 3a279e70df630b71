// SPDX-License-Identifier: BSD-2-Clause
/* Every operator and function against Prometheus: the cases and their values are in promtool's
 * format, so promtool checks the numbers and this program checks the rules against them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ast.h"
#include "rules/catalog.h"
#include "rules/eval.h"
#include "rules/ident.h"
#include "rules/yaml.h"

#define CASES       "data/promtool/operators.yaml" /* beside this file */
#define TEXT_MAX    (1 << 17)
#define SAMPLES_MAX 32
#define SERIES_MAX  16
#define MINUTE_NS   60000000000ull

struct series {
	char name[48];
	double v[SAMPLES_MAX];
	size_t cnt;
};

struct data {
	struct series series[SERIES_MAX];
	size_t series_cnt;
	size_t checked;
	/* the case that is being read */
	const char *expr;
	size_t minutes;
	bool present;
	double value;
};

static void cases_path(char *path, size_t len)
{
	const char *name = strrchr(__FILE__, '/');

	snprintf(path, len, "%.*s" CASES, name ? (int)(name - __FILE__) + 1 : 0, __FILE__);
}

static const char *scalar(struct yaml_reader *r, yaml_node_t *node)
{
	const char *text = NULL;

	assert_int_equal(yaml_text(r, node, "text", &text), 0);
	return text;
}

/* One word of promtool's notation: "7", "_", "100+10x10", "1024x10". */
static void add_values(struct series *s, char *word)
{
	char *end = NULL;
	double v = *word == '_' ? NAN : strtod(word, &end);
	double step = 0;
	long more = 0;

	if (end && (*end == '+' || *end == '-'))
		step = strtod(end, &end);
	if (end && *end == 'x')
		more = strtol(end + 1, &end, 10);
	assert_true(!end || !*end);
	for (long i = 0; i <= more; i++) {
		assert_true(s->cnt < SAMPLES_MAX);
		s->v[s->cnt++] = v + step * (double)i;
	}
}

static int read_series_name(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct data *d = into;
	const char *text = scalar(r, node);

	assert_true(d->series_cnt < SERIES_MAX);
	snprintf(d->series[d->series_cnt].name, sizeof(d->series[0].name), "%.*s",
		 (int)strcspn(text, "{"), text);
	return 0;
}

static int read_values(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct data *d = into;
	char *text = strdup(scalar(r, node));
	char *rest = NULL;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		add_values(&d->series[d->series_cnt], word);
	free(text);
	d->series_cnt++;
	return 0;
}

static const struct yaml_key series_keys[] = {
	{ .name = "series", .read = read_series_name, .required = true },
	{ .name = "values", .read = read_values, .required = true },
	{},
};

static int read_series(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_mapping(r, node, "a series", series_keys, into);
}

static int read_all_series(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_sequence(r, node, "series", read_series, into);
}

/* ---- one case ---- */

/* The process at that minute: fields of the table by their place, others as custom metrics. */
static void make_snapshot(const struct data *d, size_t minute, struct custom_metric *custom,
			  struct snapshot *s)
{
	*s = (struct snapshot){ .monotonic_ns = (1000 + minute) * MINUTE_NS,
				.pid = 42,
				.comm = "redis",
				.interval_seconds = 60,
				.custom = custom };
	for (size_t i = 0; i < METRIC_COUNT; i++)
		s->v[i] = NAN;
	for (size_t i = 0; i < d->series_cnt; i++) {
		const struct series *from = &d->series[i];
		size_t metric = metric_find(from->name);

		if (minute >= from->cnt)
			continue;
		if (metric < METRIC_COUNT) {
			s->v[metric] = from->v[minute];
			continue;
		}
		snprintf(custom[s->custom_cnt].name, sizeof(custom->name), "%s", from->name);
		custom[s->custom_cnt++].value = from->v[minute];
	}
}

static bool is_same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static struct value evaluate(const struct data *d)
{
	struct custom_metric custom[SERIES_MAX];
	struct catalog catalog = {};
	struct idents all = {};
	struct expr_error wrong;
	struct snapshot s;
	struct eval e = { .s = &s };
	struct expr *expr = NULL;
	struct value v;

	if (expr_parse(d->expr, NULL, &wrong, &expr))
		fail_msg("%s: %s", d->expr, wrong.text);
	assert_int_equal(catalog_bind(&catalog, expr), 0);
	for (size_t minute = 0; minute <= d->minutes; minute++) {
		struct ident *id = NULL;

		make_snapshot(d, minute, custom, &s);
		assert_int_equal(ident_get(&all, &s, &catalog, &id), 0);
		assert_int_equal(ident_observe(id, &s, &catalog), 0);
		e.id = id;
	}
	e.expr = expr;
	v = eval_node(&e, expr->root);
	e.judged = s.v; /* all of them, which is the shorter way */
	assert_int_equal(eval_node(&e, expr->root).is, v.is);
	if (v.is == VALUE_PRESENT)
		assert_true(is_same(eval_node(&e, expr->root).v, v.v));
	ident_remove_all(&all);
	catalog_fini(&catalog);
	expr_free(expr);
	return v;
}

static bool is_near(double a, double b)
{
	return is_same(a, b) || fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

static void check_case(struct data *d)
{
	struct value v = evaluate(d);

	d->checked++;
	if (v.is != (d->present ? VALUE_PRESENT : VALUE_ABSENT))
		fail_msg("%s: presence is %d, Prometheus says %d", d->expr, v.is, d->present);
	if (d->present && !is_near(v.v, d->value))
		fail_msg("%s: %.17g, Prometheus says %.17g", d->expr, v.v, d->value);
}

static int read_expr(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	((struct data *)into)->expr = scalar(r, node);
	return 0;
}

static int read_eval_time(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	((struct data *)into)->minutes = strtoul(scalar(r, node), NULL, 10);
	return 0;
}

static int read_labels(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	(void)into;
	scalar(r, node);
	return 0;
}

static int read_value(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct data *d = into;
	const char *text = scalar(r, node);

	/* YAML writes ".inf". */
	d->value = strtod(text + (text[0] == '.' && text[1] == 'i'), NULL);
	if (!strcmp(text, "-.inf"))
		d->value = -INFINITY;
	d->present = true;
	return 0;
}

static const struct yaml_key sample_keys[] = {
	{ .name = "labels", .read = read_labels },
	{ .name = "value", .read = read_value, .required = true },
	{},
};

static int read_sample(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_mapping(r, node, "a sample", sample_keys, into);
}

static int read_samples(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_sequence(r, node, "samples", read_sample, into);
}

static const struct yaml_key case_keys[] = {
	{ .name = "expr", .read = read_expr, .required = true },
	{ .name = "eval_time", .read = read_eval_time, .required = true },
	{ .name = "exp_samples", .read = read_samples, .required = true },
	{},
};

static int read_case(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	struct data *d = into;
	int err;

	d->present = false;
	err = yaml_mapping(r, node, "a case", case_keys, d);
	if (!err)
		check_case(d);
	return err;
}

static int read_cases(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_sequence(r, node, "cases", read_case, into);
}

static const struct yaml_key test_keys[] = {
	{ .name = "interval", .read = read_labels },
	{ .name = "input_series", .read = read_all_series, .required = true },
	{ .name = "promql_expr_test", .read = read_cases, .required = true },
	{},
};

static int read_test(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_mapping(r, node, "a test", test_keys, into);
}

static int read_tests(struct yaml_reader *r, yaml_node_t *node, void *into)
{
	return yaml_sequence(r, node, "tests", read_test, into);
}

static const struct yaml_key file_keys[] = {
	{ .name = "evaluation_interval", .read = read_labels },
	{ .name = "tests", .read = read_tests, .required = true },
	{},
};

static void test_rules_agree(void **state)
{
	char *text = malloc(TEXT_MAX);
	struct rule_error err = {};
	struct yaml_reader r = { .name = CASES, .text = text, .err = &err };
	struct data d = {};
	char path[512];
	FILE *f;

	(void)state;
	cases_path(path, sizeof(path));
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(text);
	r.len = fread(text, 1, TEXT_MAX, f);
	fclose(f);
	if (yaml_load(&r) || yaml_mapping(&r, yaml_root(&r), "the file", file_keys, &d))
		fail_msg("%s", err.text);
	yaml_unload(&r);
	free(text);
	assert_true(d.checked > 150);
}

static void test_promtool_agrees(void **state)
{
	char path[512];
	char command[600];

	(void)state;
	if (system("command -v promtool >/dev/null")) {
		print_message(
			"promtool is not installed: the numbers are not checked against it\n");
		skip();
	}
	cases_path(path, sizeof(path));
	snprintf(command, sizeof(command), "promtool test rules '%s' >/dev/null", path);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_agree),
		cmocka_unit_test(test_promtool_agrees),
	};

	return cmocka_run_group_tests_name("rules_promql", tests, NULL, NULL);
}
