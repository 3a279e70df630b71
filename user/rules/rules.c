// SPDX-License-Identifier: BSD-2-Clause
/* All rules and all identities: the stage that the monitor drives. */
#include "rules/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/catalog.h"
#include "rules/field.h"
#include "rules/ident.h"
#include "rules/rule.h"
#include "rules/rulefile.h"

/* A custom metric that a rule waits for. Both texts are the rule's. */
struct awaited {
	const char *alert;
	const char *field;
	bool told;
};

struct rules {
	struct rule **v;
	size_t cnt;
	struct catalog catalog;
	struct idents idents;
	struct alert_scratch scratch;
	const char **firing; /* room for the names of all */
	struct awaited *awaited; /* owned */
	size_t awaited_cnt;
};

static const char *const defaults[] = {
	"high_cpu: cpu_percent > 90",
	"high_memory: memory_percent > 85",
	"file_handle_leak: open_fds > 1000",
};

int rules_new(struct rules **ret)
{
	struct rules *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*ret = r;
	return 0;
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	ident_remove_all(&r->idents);
	for (size_t i = 0; i < r->cnt; i++)
		rule_free(r->v[i]);
	catalog_fini(&r->catalog);
	alert_scratch_fini(&r->scratch);
	free(r->firing);
	free(r->awaited);
	free(r->v);
	free(r);
}

/* ---- adding ---- */

/* The default rule that this one replaces, or the end. */
static size_t place_of(const struct rules *r, const struct rule *rule)
{
	for (size_t i = 0; i < r->cnt; i++)
		if (r->v[i]->is_default && !strcmp(r->v[i]->name, rule->name))
			return i;
	return r->cnt;
}

/* Room for more rules, and for their texts. */
static int reserve(struct rules *r, struct rule **batch, size_t cnt)
{
	struct rule **v = reallocarray(r->v, r->cnt + cnt + 1, sizeof(*v));
	const char **firing;
	int err = v ? 0 : -ENOMEM;

	if (v)
		r->v = v;
	firing = reallocarray(r->firing, r->cnt + cnt + 1, sizeof(*firing));
	if (firing)
		r->firing = firing;
	else
		err = -ENOMEM;
	for (size_t i = 0; !err && i < cnt; i++)
		err = alert_scratch_fit(&r->scratch, batch[i]);
	return err;
}

/* Without memory for it nothing is lost but a hint. */
static void await_fields(struct rules *r, const struct rule *rule)
{
	const struct expr *e = rule->expr;
	struct awaited *v = reallocarray(r->awaited, r->awaited_cnt + e->selector_cnt + 1,
					 sizeof(*v));

	if (!v)
		return;
	r->awaited = v;
	for (size_t i = 0; i < e->selector_cnt; i++)
		if (e->selectors[i].metric == METRIC_COUNT &&
		    !field_is_of_record(e->selectors[i].name))
			v[r->awaited_cnt++] =
				(struct awaited){ rule->name, e->selectors[i].name, false };
}

static bool has_custom(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->custom_cnt; i++)
		if (!strcmp(s->custom[i].name, name))
			return true;
	return false;
}

static void note_seen(struct rules *r, const struct snapshot *s)
{
	for (size_t i = 0; i < r->awaited_cnt;)
		if (has_custom(s, r->awaited[i].field))
			r->awaited[i] = r->awaited[--r->awaited_cnt];
		else
			i++;
}

void rules_tell_unseen(struct rules *r, rules_unseen_fn tell, void *ctx)
{
	for (size_t i = 0; i < r->awaited_cnt; i++) {
		struct awaited *a = &r->awaited[i];

		if (!a->told)
			tell(ctx, a->alert, a->field);
		a->told = true;
	}
}

/* All or none; takes the rules over only on success. */
static int add_batch(struct rules *r, struct rule **batch, size_t cnt)
{
	size_t set_cnt = r->catalog.set_cnt;
	size_t window_cnt = r->catalog.window_cnt;
	int err = reserve(r, batch, cnt);

	for (size_t i = 0; !err && i < cnt; i++)
		err = catalog_bind(&r->catalog, batch[i]->expr);
	if (err) {
		catalog_truncate(&r->catalog, set_cnt, window_cnt);
		return err;
	}
	for (size_t i = 0; i < cnt; i++) {
		size_t place = place_of(r, batch[i]);

		if (place < r->cnt)
			rule_free(r->v[place]);
		else
			r->cnt++;
		r->v[place] = batch[i];
		await_fields(r, batch[i]);
	}
	return 0;
}

int rules_add_text(struct rules *r, const char *text, struct rule_error *err)
{
	struct expr_error wrong;
	struct rule *rule = NULL;
	int e = rule_parse(text, &wrong, &rule);

	if (e == -EINVAL)
		snprintf(err->text, sizeof(err->text), "alert '%.60s', column %zu: %s", text,
			 wrong.offset + 1, wrong.text);
	if (!e)
		e = add_batch(r, &rule, 1);
	if (e)
		rule_free(rule);
	if (e == -ENOMEM)
		snprintf(err->text, sizeof(err->text), "%s", strerror(ENOMEM));
	return e;
}

static bool has_name(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->cnt; i++)
		if (!strcmp(r->v[i]->name, name))
			return true;
	return false;
}

static int add_default(struct rules *r, const char *text)
{
	struct expr_error wrong;
	struct rule *rule = NULL;
	int err = rule_parse(text, &wrong, &rule);

	if (err)
		return err;
	rule->is_default = true;
	if (!has_name(r, rule->name))
		err = add_batch(r, &rule, 1);
	if (err || rule != r->v[r->cnt - 1])
		rule_free(rule);
	return err;
}

int rules_add_defaults(struct rules *r)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		err = add_default(r, defaults[i]);
	return err;
}

int rules_add_file(struct rules *r, const char *path, struct rule_error *err)
{
	struct rule_batch batch = {};
	int e = rulefile_read(path, &batch, err);

	if (!e)
		e = add_batch(r, batch.v, batch.cnt);
	if (!e)
		batch.cnt = 0;
	rule_batch_fini(&batch);
	if (e == -ENOMEM)
		snprintf(err->text, sizeof(err->text), "%s: %s", path, strerror(ENOMEM));
	return e;
}

size_t rules_count(const struct rules *r)
{
	return r->cnt;
}

void rules_describe(const struct rules *r, size_t index, struct rule_record *ret)
{
	const struct rule *rule = r->v[index];

	*ret = (struct rule_record){
		.alert = rule->name,
		.expr = rule->expr->text,
		.for_seconds = (double)rule->for_ns / 1e9,
		.severity = rule->severity,
	};
}

/* ---- evaluating ---- */

static int eval_rule(struct rules *r, size_t i, struct change *c, rules_emit_fn emit, void *ctx)
{
	struct ident *id = (struct ident *)c->eval.id;
	struct alert_slot *slot;

	c->rule = r->v[i];
	c->eval.expr = c->rule->expr;
	c->verdict = eval_node(&c->eval, c->rule->expr->root);
	if (c->verdict.is != VALUE_PRESENT && !ident_is_active(id, i))
		return 0;
	slot = ident_alert_get(id, i, r->cnt);
	if (!slot)
		return -ENOMEM;
	c->slot = slot;
	c->before = slot->state;
	if (state_step(c->rule, slot, c->verdict, c->eval.s, &c->state))
		alert_emit(c, &r->scratch, emit, ctx);
	return 0;
}

int rules_eval(struct rules *r, const struct snapshot *s, rules_emit_fn emit, void *ctx)
{
	struct ident *id = NULL;
	struct change c = { .eval = { .s = s, .judged = snapshot_is_short(s) ? NULL : s->v } };
	int err = ident_get(&r->idents, s, &r->catalog, &id);

	if (!err)
		err = ident_observe(id, s, &r->catalog);
	if (err)
		return err;
	if (s->custom_cnt && r->awaited_cnt)
		note_seen(r, s);
	c.eval.id = id;
	for (size_t i = 0; !err && i < r->cnt; i++)
		err = eval_rule(r, i, &c, emit, ctx);
	return err;
}

size_t rules_firing(struct rules *r, const struct snapshot *s, const char *const **ret)
{
	struct ident *id = ident_find(&r->idents, s);
	size_t cnt = 0;

	for (size_t i = 0; id && i < r->cnt; i++)
		if (ident_is_active(id, i) && ident_alert(id, i)->state == ALERT_FIRING)
			r->firing[cnt++] = r->v[i]->name;
	*ret = r->firing;
	return cnt;
}

/* Resolves what is pending or firing, because the process is gone or the rule is. */
static void resolve(struct rules *r, struct ident *id, size_t i, const struct snapshot *s,
		    const char *ended, rules_emit_fn emit, void *ctx)
{
	struct alert_slot *slot = ident_alert(id, i);
	struct change c = {
		.rule = r->v[i],
		.eval = { .expr = r->v[i]->expr, .s = s, .id = id },
		.state = ALERT_RESOLVED,
		.slot = slot,
		.ended = ended,
	};

	if (!ident_is_active(id, i))
		return;
	c.before = slot->state;
	slot->state = ALERT_INACTIVE;
	alert_emit(&c, &r->scratch, emit, ctx);
}

void rules_forget(struct rules *r, const struct snapshot *s, rules_emit_fn emit, void *ctx)
{
	struct ident *id = ident_find(&r->idents, s);

	if (!id)
		return;
	for (size_t i = 0; i < r->cnt; i++)
		resolve(r, id, i, s, "it ended", emit, ctx);
	ident_remove(&r->idents, id);
}

/* ---- replacing ---- */

static size_t find_same(const struct rules *r, const struct rule *rule)
{
	for (size_t i = 0; i < r->cnt; i++)
		if (!strcmp(r->v[i]->name, rule->name) &&
		    !strcmp(r->v[i]->expr->text, rule->expr->text))
			return i;
	return r->cnt;
}

static int copy_idents(const struct rules *r, struct rules *next)
{
	for (struct ident *id = r->idents.head; id; id = ident_next(id)) {
		struct ident *copy;
		struct snapshot s;
		int err;

		ident_describe(id, &s);
		err = ident_get(&next->idents, &s, &next->catalog, &copy);
		if (err)
			return err;
		if (next->cnt && ident_alert(id, 0) && !ident_alert_get(copy, 0, next->cnt))
			return -ENOMEM;
	}
	return 0;
}

static void move_ident(struct rules *r, struct ident *from, struct rules *next,
		       const struct snapshot *s, rules_emit_fn emit, void *ctx)
{
	struct ident *to = ident_find(&next->idents, s);

	for (size_t i = 0; i < r->cnt && ident_alert(from, i); i++) {
		size_t same = find_same(next, r->v[i]);

		if (same == next->cnt) {
			resolve(r, from, i, s, "its rule was removed", emit, ctx);
			continue;
		}
		*ident_alert(to, same) = *ident_alert(from, i);
	}
	for (size_t i = 0; i < ident_window_cnt(from); i++) {
		int same = catalog_find_window(&next->catalog, &r->catalog, i);

		if (same >= 0)
			ident_copy_window(to, (size_t)same, from, i);
	}
}

int rules_replace(struct rules *r, struct rules *next, double timestamp, rules_emit_fn emit,
		  void *ctx)
{
	int err = copy_idents(r, next);
	struct rules old = *r;

	if (err) {
		ident_remove_all(&next->idents);
		return err;
	}
	for (struct ident *id = r->idents.head; id; id = ident_next(id)) {
		struct snapshot s;

		ident_describe(id, &s);
		s.timestamp = timestamp;
		move_ident(r, id, next, &s, emit, ctx);
	}
	*r = *next;
	*next = old;
	rules_free(next);
	return 0;
}
