// SPDX-License-Identifier: BSD-2-Clause
/* A sweep is a set of rules that differ in one number, so that what is said about a threshold is
 * what a rule with it says; windows and matchers they share. */
#include "replay/sweep.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "rules/ast.h"

struct sweep_row {
	double threshold;
	char *expr; /* owned: the rule's text with it */
	uint64_t alerts;
	uint64_t firing; /* now */
	double seconds;	 /* ends minus beginnings so far: what fires now still lacks its end */
};

struct sweep {
	struct rules *rules;
	struct sweep_row *rows; /* owned; rule i is named by its number */
	size_t cnt;
	double now; /* monotonic seconds of the last snapshot */
};

static int fail(struct rule_error *err, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return -EINVAL;
}

/* The place of the number in the text. */
static int find_number(const char *text, size_t *ret_start, size_t *ret_end, struct rule_error *err)
{
	struct expr_error wrong;
	const struct node *n;
	struct expr *e;
	size_t end;
	int r = expr_parse(text, &end, &wrong, &e);

	if (r == -EINVAL)
		snprintf(err->text, sizeof(err->text), "what if '%.60s', column %zu: %s", text,
			 wrong.offset + 1, wrong.text);
	if (r)
		return r;
	n = e->head < 0 ? NULL : &e->nodes[e->nodes[e->head].right];
	if (n && n->kind == NODE_NEGATE && e->nodes[n->left].kind != NODE_NUMBER)
		n = NULL;
	if (n && (n->kind == NODE_NUMBER || n->kind == NODE_NEGATE)) {
		*ret_start = n->start;
		*ret_end = n->end;
	} else {
		r = fail(err, "what if: expected a comparison with a number, such as "
			      "'open_fds > 100 for 10s': the number is what the sweep varies");
	}
	expr_free(e);
	return r;
}

/* Steps of a tenth add up to more than their sum: each threshold is computed from the first, and
 * rounded to what its digits say. */
static double threshold_at(const struct sweep_range *range, size_t i)
{
	char text[32];

	snprintf(text, sizeof(text), "%.12g", range->from + (double)i * range->step);
	return strtod(text, NULL);
}

static int count_of(const struct sweep_range *range, size_t *ret, struct rule_error *err)
{
	double cnt = floor((range->to - range->from) / range->step + 1e-9) + 1;

	if (!(range->step > 0) || !(cnt >= 1))
		return fail(err, "a sweep is FROM:TO:STEP with FROM not above TO and STEP above 0, "
				 "such as 10:1000:10");
	if (!(cnt <= SWEEP_MAX))
		return fail(err, "a sweep has at most 1000 thresholds; use a larger step");
	*ret = (size_t)cnt;
	return 0;
}

/* The text with this threshold. */
static char *text_with(const char *text, size_t start, size_t end, double threshold)
{
	struct buf b = {};
	struct json j = { .out = &b };

	buf_append(&b, text, start);
	jsonw_double(&j, NULL, threshold);
	buf_puts(&b, text + end);
	buf_putc(&b, '\0');
	if (!b.err)
		return b.data;
	buf_fini(&b);
	return NULL;
}

static int add_rule(struct sweep *w, size_t i, struct rule_error *err)
{
	char *text;
	int e;

	if (asprintf(&text, "%zu: %s", i, w->rows[i].expr) < 0)
		return -ENOMEM;
	e = rules_add_text(w->rules, text, err);
	free(text);
	return e;
}

static int make_rules(struct sweep *w, struct rule_error *err)
{
	int e = rules_new(&w->rules);

	for (size_t i = 0; !e && i < w->cnt; i++)
		e = add_rule(w, i, err);
	return e;
}

static int make_rows(struct sweep *w, const char *text, const struct sweep_range *range,
		     struct rule_error *err)
{
	size_t start, end, cnt;
	int e = count_of(range, &cnt, err);

	if (!e)
		e = find_number(text, &start, &end, err);
	if (e)
		return e;
	w->rows = calloc(cnt, sizeof(*w->rows));
	if (!w->rows)
		return -ENOMEM;
	for (w->cnt = 0; w->cnt < cnt; w->cnt++) {
		struct sweep_row *row = &w->rows[w->cnt];

		row->threshold = threshold_at(range, w->cnt);
		row->expr = text_with(text, start, end, row->threshold);
		if (!row->expr)
			return -ENOMEM;
	}
	return make_rules(w, err);
}

int sweep_new(const char *text, const struct sweep_range *range, struct sweep **ret,
	      struct rule_error *err)
{
	struct sweep *w = calloc(1, sizeof(*w));
	int e = w ? make_rows(w, text, range, err) : -ENOMEM;

	if (!e) {
		*ret = w;
		return 0;
	}
	if (e == -ENOMEM)
		snprintf(err->text, sizeof(err->text), "%s", strerror(ENOMEM));
	sweep_free(w);
	return e;
}

void sweep_free(struct sweep *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->cnt; i++)
		free(w->rows[i].expr);
	free(w->rows);
	rules_free(w->rules);
	free(w);
}

/* Time firing is a sum over processes, so whose beginning an end belongs to does not matter. */
static void count(void *ctx, const struct alert_record *alert)
{
	struct sweep *w = ctx;
	struct sweep_row *row = &w->rows[strtoul(alert->alert, NULL, 10)];

	if (alert->state == ALERT_FIRING) {
		row->alerts++;
		row->firing++;
		row->seconds -= w->now;
	} else if (alert->state == ALERT_RESOLVED && alert->before == ALERT_FIRING) {
		row->firing--;
		row->seconds += w->now;
	}
}

int sweep_eval(struct sweep *w, const struct snapshot *s)
{
	int err;

	w->now = (double)s->monotonic_ns / 1e9;
	err = rules_eval(w->rules, s, count, w);
	if (!err && s->final)
		rules_forget(w->rules, s, count, w);
	return err;
}

static void stop_firing(struct sweep *w)
{
	for (size_t i = 0; i < w->cnt; i++) {
		struct sweep_row *row = &w->rows[i];

		row->seconds += (double)row->firing * w->now;
		row->firing = 0;
	}
}

int sweep_restart(struct sweep *w)
{
	struct rule_error err;

	stop_firing(w);
	rules_free(w->rules);
	w->rules = NULL;
	return make_rules(w, &err);
}

void sweep_report(struct sweep *w, double timestamp, sweep_emit_fn emit, void *ctx)
{
	stop_firing(w);
	for (size_t i = 0; i < w->cnt; i++) {
		const struct sweep_row *row = &w->rows[i];
		struct sweep_record record = {
			.timestamp = timestamp,
			.expr = row->expr,
			.threshold = row->threshold,
			.alerts = row->alerts,
			.firing_seconds = row->seconds,
		};

		emit(ctx, &record);
	}
}
