// SPDX-License-Identifier: BSD-2-Clause
/* Aggregates in two levels of hash tables: process, name. */
#include "doors/store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "doors/distinct.h"

struct aggregate {
	enum value_kind kind;
	double value; /* gauge; counter: total */
	double sum;   /* the rest is of this interval */
	double max;
	double events;
	struct distinct members;
};

struct entry {
	char name[STORE_NAME_LEN];
	struct aggregate a;
	UT_hash_handle hh;
};

struct owner {
	int32_t pid; /* see heir_of for those below 0 */
	bool taken;
	int target; /* that took it last, or STORE_NO_TARGET */
	struct entry *entries;
	UT_hash_handle hh;
};

struct taken {
	const char *name; /* of an entry */
	struct aggregate a;
};

struct store {
	struct owner *owners;
	struct taken taken[STORE_NAMES_MAX];
	size_t taken_cnt;
};

int store_new(struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static void entry_free(struct entry *e)
{
	distinct_fini(&e->a.members);
	free(e);
}

static void owner_free(struct owner *o)
{
	struct entry *e, *next;

	HASH_ITER (hh, o->entries, e, next) {
		HASH_DEL(o->entries, e);
		entry_free(e);
	}
	free(o);
}

static void reset_taken(struct store *s)
{
	while (s->taken_cnt)
		distinct_fini(&s->taken[--s->taken_cnt].a.members);
}

void store_free(struct store *s)
{
	struct owner *o, *next;

	if (!s)
		return;
	reset_taken(s);
	HASH_ITER (hh, s->owners, o, next) {
		HASH_DEL(s->owners, o);
		owner_free(o);
	}
	free(s);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

bool store_name(const char *text, size_t len, char ret[STORE_NAME_LEN])
{
	size_t lead = len && is_digit(text[0]), i;

	if (!len || lead + len >= STORE_NAME_LEN)
		return false;
	ret[0] = '_';
	for (i = 0; i < len; i++)
		ret[lead + i] = is_name(text[i]) ? text[i] : '_';
	ret[lead + len] = '\0';
	return true;
}

/* ---- adding ---- */

static struct owner *owner_of(struct store *s, int32_t pid)
{
	struct owner *o = NULL;

	HASH_FIND(hh, s->owners, &pid, sizeof(pid), o);
	if (o || HASH_COUNT(s->owners) >= STORE_OWNERS_MAX)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->pid = pid;
	o->target = STORE_NO_TARGET;
	HASH_ADD(hh, s->owners, pid, sizeof(o->pid), o);
	if (o->hh.tbl)
		return o;
	free(o);
	return NULL;
}

static struct entry *entry_of(struct owner *o, const char *name, enum value_kind kind)
{
	struct entry *e = NULL;

	HASH_FIND_STR(o->entries, name, e);
	if (e || HASH_COUNT(o->entries) >= STORE_NAMES_MAX)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	memcpy(e->name, name, sizeof(e->name));
	e->a.kind = kind;
	HASH_ADD_STR(o->entries, name, e);
	if (e->hh.tbl)
		return e;
	free(e);
	return NULL;
}

/* The owner that keeps what ended processes of a target have counted: no number goes backwards
 * because one of them ends. */
static int32_t heir_of(int target)
{
	return -1 - target;
}

static void add_timer(struct aggregate *a, double value, double weight)
{
	if (!a->events || value > a->max)
		a->max = value;
	a->sum += value * weight;
	a->events += weight;
}

int store_add(struct store *s, const struct sample *sample)
{
	struct owner *o;
	struct entry *e;

	if (sample->kind != VALUE_GAUGE && !isfinite(sample->value))
		return -EINVAL;
	o = owner_of(s, sample->pid);
	e = o ? entry_of(o, sample->name, sample->kind) : NULL;
	if (!e)
		return -ENOSPC;
	if (e->a.kind != sample->kind)
		return -EEXIST;
	switch (sample->kind) {
	case VALUE_GAUGE:
		/* A change of what is unknown is a change of nothing. */
		e->a.value = sample->relative && isfinite(e->a.value) ? e->a.value + sample->value
								      : sample->value;
		break;
	case VALUE_COUNTER:
		e->a.value += sample->value * sample->weight;
		e->a.sum += sample->value * sample->weight;
		break;
	case VALUE_TIMER:
		add_timer(&e->a, sample->value, sample->weight);
		break;
	case VALUE_SET:
		return distinct_add(&e->a.members, sample->hash);
	}
	return 0;
}

void store_forget_values(struct store *s)
{
	struct owner *o, *next_owner;
	struct entry *e, *next;

	HASH_ITER (hh, s->owners, o, next_owner)
		HASH_ITER (hh, o->entries, e, next)
			e->a.value = NAN;
}

/* ---- taking and reading ---- */

static struct aggregate *taken_of(struct store *s, const struct entry *e)
{
	size_t i;

	for (i = 0; i < s->taken_cnt; i++)
		if (!strcmp(s->taken[i].name, e->name))
			return s->taken[i].a.kind == e->a.kind ? &s->taken[i].a : NULL;
	if (s->taken_cnt == STORE_NAMES_MAX)
		return NULL;
	s->taken[s->taken_cnt] = (struct taken){ .name = e->name, .a = { .kind = e->a.kind } };
	return &s->taken[s->taken_cnt++].a;
}

static void merge(struct aggregate *to, const struct aggregate *from)
{
	to->value += from->value;
	to->sum += from->sum;
	if (from->events && (!to->events || from->max > to->max))
		to->max = from->max;
	to->events += from->events;
	distinct_merge(&to->members, &from->members);
}

static void take(struct store *s, struct owner *o)
{
	struct entry *e, *next;
	struct aggregate *to;

	o->taken = true;
	HASH_ITER (hh, o->entries, e, next) {
		to = taken_of(s, e);
		if (to)
			merge(to, &e->a);
	}
}

static struct owner *find_owner(struct store *s, int32_t pid)
{
	struct owner *o = NULL;

	HASH_FIND(hh, s->owners, &pid, sizeof(pid), o);
	return o;
}

void store_take(struct store *s, int target, int32_t pid)
{
	struct owner *o = find_owner(s, pid);

	if (!o)
		return;
	take(s, o);
	if (target != STORE_NO_TARGET)
		o->target = target;
}

static void tell(const char *name, const char *suffix, double value, store_fn fn, void *ctx)
{
	char full[STORE_NAME_LEN + 8];

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	fn(ctx, full, value);
}

static void tell_all(const struct taken *t, double interval_seconds, store_fn fn, void *ctx)
{
	const struct aggregate *a = &t->a;

	switch (a->kind) {
	case VALUE_GAUGE:
		tell(t->name, "", a->value, fn, ctx);
		break;
	case VALUE_COUNTER:
		tell(t->name, "", a->value, fn, ctx);
		tell(t->name, "_per_sec", interval_seconds > 0 ? a->sum / interval_seconds : NAN,
		     fn, ctx);
		break;
	case VALUE_TIMER:
		tell(t->name, "_mean", a->events ? a->sum / a->events : NAN, fn, ctx);
		tell(t->name, "_max", a->events ? a->max : NAN, fn, ctx);
		tell(t->name, "_count", a->events, fn, ctx);
		break;
	case VALUE_SET:
		tell(t->name, "_count", (double)a->members.cnt, fn, ctx);
		break;
	}
}

void store_read(struct store *s, int target, double interval_seconds, store_fn fn, void *ctx)
{
	struct owner *heir = target == STORE_NO_TARGET ? NULL : find_owner(s, heir_of(target));
	size_t i;

	if (heir)
		take(s, heir);
	for (i = 0; i < s->taken_cnt; i++)
		tell_all(&s->taken[i], interval_seconds, fn, ctx);
	reset_taken(s);
}

bool store_has_processes(const struct store *s)
{
	const struct owner *o;

	for (o = s->owners; o; o = o->hh.next)
		if (o->pid > 0)
			return true;
	return false;
}

static void begin_interval(struct owner *o)
{
	struct entry *e, *next;

	o->taken = false;
	HASH_ITER (hh, o->entries, e, next) {
		e->a.sum = e->a.events = e->a.max = 0;
		distinct_reset(&e->a.members);
	}
}

static void leave_to_heir(struct store *s, const struct owner *o)
{
	struct sample left = { .pid = heir_of(o->target), .kind = VALUE_COUNTER, .weight = 1 };
	const struct entry *e;

	if (o->target == STORE_NO_TARGET)
		return;
	for (e = o->entries; e; e = e->hh.next) {
		if (e->a.kind != VALUE_COUNTER)
			continue;
		memcpy(left.name, e->name, sizeof(left.name));
		left.value = e->a.value;
		store_add(s, &left);
	}
}

void store_settle(struct store *s)
{
	struct owner *o, *next;

	HASH_ITER (hh, s->owners, o, next) {
		if (o->taken || o->pid <= 0)
			continue;
		HASH_DEL(s->owners, o);
		leave_to_heir(s, o);
		owner_free(o);
	}
	for (o = s->owners; o; o = o->hh.next)
		begin_interval(o);
}
