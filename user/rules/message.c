// SPDX-License-Identifier: BSD-2-Clause
/* Alert records: their texts, and the sentence for rules that bring none. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rule.h"

struct unit {
	const char *name;
	uint64_t ns;
};

static void append_duration(struct buf *out, uint64_t ns)
{
	static const struct unit units[] = {
		{ "d", 86400000000000 }, { "h", 3600000000000 }, { "m", 60000000000 },
		{ "s", 1000000000 },     { "ms", 1000000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns >= units[i].ns)
			buf_printf(out, "%llu%s", (unsigned long long)(ns / units[i].ns),
				   units[i].name);
		ns %= units[i].ns;
	}
}

static void append_subject(struct buf *out, const struct change *c, int node)
{
	const struct expr *e = c->rule->expr;
	const struct node *n = &e->nodes[node < 0 ? e->root : node];

	buf_append(out, e->text + n->start, n->end - n->start);
}

static void append_since(struct buf *out, const struct change *c)
{
	if (c->state == ALERT_RESOLVED || !c->rule->for_ns)
		return;
	buf_puts(out, c->state == ALERT_PENDING ? "; fires if this lasts for " : " for ");
	append_duration(out, c->rule->for_ns);
}

void message_generate(const struct change *c, double value, double threshold, struct buf *out)
{
	const struct expr *e = c->rule->expr;
	const struct node *n = expr_comparison(e);

	append_subject(out, c, e->head < 0 ? -1 : e->nodes[e->head].left);
	buf_puts(out, c->ended ? " was " : " is ");
	template_number(out, value);
	if (c->ended) {
		buf_printf(out, " when %s", c->ended);
	} else if (n && !isnan(threshold)) {
		buf_puts(out, c->state == ALERT_RESOLVED ? ", no longer " : ", ");
		buf_printf(out, "%s ", n->op->words);
		template_number(out, threshold);
	} else if (e->head >= 0) {
		/* Several conditions: the whole says which. */
		buf_puts(out, c->state == ALERT_RESOLVED ? ", no longer: " : ": ");
		append_subject(out, c, -1);
	}
	append_since(out, c);
}

static const char *find_annotation(const struct rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->annotation_cnt; i++)
		if (!strcmp(rule->annotations[i].name, name))
			return rule->annotations[i].value;
	return NULL;
}

int alert_scratch_fit(struct alert_scratch *scratch, const struct rule *rule)
{
	/* One more than needed, so that there is an array also for none. */
	size_t want = rule->label_cnt + rule->annotation_cnt + 1;
	struct label *labels;

	if (want <= scratch->label_cap)
		return 0;
	labels = reallocarray(scratch->labels, want, sizeof(*labels));
	if (!labels)
		return -ENOMEM;
	scratch->labels = labels;
	scratch->label_cap = want;
	return 0;
}

void alert_scratch_fini(struct alert_scratch *scratch)
{
	if (!scratch)
		return;
	buf_fini(&scratch->text);
	free(scratch->labels);
	*scratch = (struct alert_scratch){};
}

static void expand_all(const struct label *from, size_t cnt, const struct template_values *values,
		       struct buf *out)
{
	for (size_t i = 0; i < cnt; i++) {
		template_expand(from[i].value, values, out);
		buf_putc(out, '\0');
	}
}

/* Points labels at texts that lie one after the other from text on; returns what follows them. */
static const char *point_all(struct label *to, const struct label *from, size_t cnt,
			     const char *text)
{
	for (size_t i = 0; i < cnt; i++) {
		to[i] = (struct label){ .name = from[i].name, .value = text };
		text += strlen(text) + 1;
	}
	return text;
}

static void append_message(const struct change *c, const struct alert_record *a, struct buf *out)
{
	const char *text = find_annotation(c->rule, "summary");

	if (!text)
		text = find_annotation(c->rule, "description");
	if (text)
		template_expand(text, &(struct template_values){ c->eval.s, a->value }, out);
	else
		message_generate(c, a->value, a->threshold, out);
	buf_putc(out, '\0');
}

/* Texts first, into a buffer that moves while it grows; then the pointers into it. Without memory
 * the alert is still said, by its name. */
static void render(const struct change *c, struct alert_scratch *scratch, struct alert_record *a)
{
	const struct rule *rule = c->rule;
	struct template_values values = { c->eval.s, a->value };
	struct label *annotations = scratch->labels + rule->label_cnt;
	struct buf *text = &scratch->text;
	const char *next;

	buf_reset(text);
	expand_all(rule->labels, rule->label_cnt, &values, text);
	expand_all(rule->annotations, rule->annotation_cnt, &values, text);
	append_message(c, a, text);
	a->message = rule->name;
	if (text->err)
		return;
	next = point_all(scratch->labels, rule->labels, rule->label_cnt, text->data);
	a->message = point_all(annotations, rule->annotations, rule->annotation_cnt, next);
	a->labels = scratch->labels;
	a->label_cnt = rule->label_cnt;
	a->annotations = annotations;
	a->annotation_cnt = rule->annotation_cnt;
}

static double current_value(const struct change *c)
{
	const struct expr *e = c->rule->expr;

	if (c->verdict.is == VALUE_PRESENT)
		return c->verdict.v;
	return e->head < 0 ? NAN : eval_number(&c->eval, e->nodes[e->head].left);
}

static bool is_about_descriptors(const struct expr *e)
{
	size_t i;

	for (i = 0; i < e->selector_cnt; i++)
		if (!strncmp(e->selectors[i].name, "fd_", 3) ||
		    !strncmp(e->selectors[i].name, "open_f", 6))
			return true;
	return false;
}

void alert_emit(const struct change *c, struct alert_scratch *scratch, rules_emit_fn emit,
		void *ctx)
{
	const struct snapshot *s = c->eval.s;
	const struct node *comparison = expr_comparison(c->rule->expr);
	struct alert_record a = {
		.timestamp = s->timestamp,
		.alert = c->rule->name,
		.state = c->state,
		.before = c->before,
		.severity = c->rule->severity,
		.expr = c->rule->expr->text,
		.value = c->ended ? c->slot->value : current_value(c),
		.threshold = comparison ? eval_number(&c->eval, comparison->right) : NAN,
		.for_seconds = (double)c->rule->for_ns / 1e9,
		.started_at = c->slot->started_at,
		.target = s->target,
		.pid = s->pid,
		.about_descriptors = is_about_descriptors(c->rule->expr),
	};

	memcpy(a.comm, s->comm, sizeof(a.comm));
	render(c, scratch, &a);
	emit(ctx, &a);
}
