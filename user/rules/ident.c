// SPDX-License-Identifier: BSD-2-Clause
/* The table of identities. */
#include "rules/ident.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include "base/hash.h"
#include "rules/field.h"

/* Compared as bytes: no padding. */
struct ident_key {
	uint64_t start_ticks;
	uint32_t target;
	int32_t pid;
	uint32_t member;
	uint32_t unused;
};

struct ident {
	UT_hash_handle hh; /* beside the key: looking up 10,000 of them is all cache misses */
	struct ident_key key;
	enum scope scope;
	char comm[16];
	uint32_t window_cnt;
	uint64_t interval_ns;
	struct alert_slot *alerts; /* by rule */
	bool *matched;		   /* by set of the catalog */
	struct window *windows;	   /* by window of the catalog */
	struct window_block *blocks; /* owned: their points */
	uint32_t alert_cnt;
	uint32_t set_cnt;
};

static struct ident_key key_of(const struct snapshot *s)
{
	return (struct ident_key){
		.start_ticks = s->start_ticks,
		.target = s->target,
		.pid = s->pid,
		.member = s->member,
	};
}

static bool is_of(const struct ident *id, const struct ident_key *key)
{
	return id && !memcmp(&id->key, key, sizeof(*key));
}

/* Snapshots come in the order in which their processes came, and rules ask twice about each: a
 * search through the table, whose entries are all cache misses, is the exception. */
struct ident *ident_find(struct idents *all, const struct snapshot *s)
{
	struct ident_key key = key_of(s);
	struct ident *last = all->last;
	struct ident *id = last ? last->hh.next : all->head;

	if (is_of(last, &key))
		return last;
	if (!is_of(id, &key))
		HASH_FIND(hh, all->head, &key, sizeof(key), id);
	if (id)
		all->last = id;
	return id;
}

struct ident *ident_next(struct ident *id)
{
	return id->hh.next;
}

static void ident_free(struct ident *id)
{
	for (struct window_block *next, *block = id->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	free(id->windows);
	free(id->matched);
	free(id->alerts);
	free(id);
}

void ident_remove(struct idents *all, struct ident *id)
{
	if (all->last == id)
		all->last = id->hh.prev;
	HASH_DEL(all->head, id);
	ident_free(id);
}

void ident_remove_all(struct idents *all)
{
	while (all->head)
		ident_remove(all, all->head);
}

static struct ident *ident_new(struct idents *all, const struct snapshot *s)
{
	struct ident *id = calloc(1, sizeof(*id));

	if (!id)
		return NULL;
	id->key = key_of(s);
	id->scope = s->scope;
	if (s->interval_seconds > 0 && s->interval_seconds < 1e6)
		id->interval_ns = (uint64_t)llround(s->interval_seconds * 1e9);
	HASH_ADD(hh, all->head, key, sizeof(id->key), id);
	if (ident_find(all, s) == id)
		return id;
	ident_free(id);
	return NULL;
}

/* Room for want elements, the new ones zero. */
static int fit(void *array, size_t size, uint32_t *cnt, size_t want)
{
	void **v = array;
	char *grown;

	if (want <= *cnt)
		return 0;
	grown = reallocarray(*v, want, size);
	if (!grown)
		return -ENOMEM;
	memset(grown + *cnt * size, 0, (want - *cnt) * size);
	*v = grown;
	*cnt = (uint32_t)want;
	return 0;
}

static int take_windows(struct ident *id, const struct catalog *c)
{
	struct window_block *block;
	int err;

	for (size_t i = 0; i < id->window_cnt; i++) {
		const struct window_spec *spec = &c->windows[i];

		if (!id->windows[i].points && ident_matches(id, spec->set))
			window_init(&id->windows[i], spec->range_ns, id->interval_ns, spec->keep,
				    (uint32_t)id->key.pid);
	}
	err = windows_alloc(id->windows, id->window_cnt, &block);
	if (err || !block)
		return err;
	block->next = id->blocks;
	id->blocks = block;
	return 0;
}

/* Matchers are asked again only when the name has changed: they are the dearest thing here. */
static int match(struct ident *id, const struct snapshot *s, const struct catalog *c)
{
	memcpy(id->comm, s->comm, sizeof(id->comm));
	for (size_t i = 0; i < id->set_cnt; i++)
		id->matched[i] = matcher_set_matches(c->sets[i], s);
	return take_windows(id, c);
}

int ident_get(struct idents *all, const struct snapshot *s, const struct catalog *c,
	      struct ident **ret)
{
	struct ident *id = ident_find(all, s);
	int err = 0;

	if (!id)
		id = ident_new(all, s);
	if (!id)
		return -ENOMEM;
	if (id->set_cnt < c->set_cnt || id->window_cnt < c->window_cnt) {
		err = fit(&id->matched, sizeof(*id->matched), &id->set_cnt, c->set_cnt);
		if (!err)
			err = fit(&id->windows, sizeof(*id->windows), &id->window_cnt,
				  c->window_cnt);
		if (!err)
			err = match(id, s, c);
	}
	if (!err)
		*ret = id;
	return err;
}

/* What the next snapshot will ask for, while this one's rules are evaluated: first where its
 * windows are, then what they will look at. */
static void prefetch_windows(const struct ident *id)
{
	for (size_t i = 0; i < id->window_cnt; i++)
		__builtin_prefetch(&id->windows[i]);
}

static void prefetch_points(const struct ident *id)
{
	for (size_t i = 0; i < id->window_cnt; i++)
		if (id->windows[i].points)
			window_prefetch(&id->windows[i]);
}

int ident_observe(struct ident *id, const struct snapshot *s, const struct catalog *c)
{
	int err = memcmp(id->comm, s->comm, sizeof(id->comm)) ? match(id, s, c) : 0;
	const struct ident *next = id->hh.next;

	if (next) {
		prefetch_windows(next);
		__builtin_prefetch(next->hh.next);
	}
	for (size_t i = 0; !err && i < id->window_cnt; i++) {
		const struct window_spec *spec = &c->windows[i];

		if (id->windows[i].points && ident_matches(id, spec->set))
			window_push(&id->windows[i], s->monotonic_ns,
				    field_judged(s, spec->metric, spec->name));
	}
	if (next)
		prefetch_points(next);
	return err;
}

void ident_copy_window(struct ident *id, size_t to, const struct ident *old, size_t from)
{
	if (id->windows[to].points && old->windows[from].points)
		window_copy(&id->windows[to], &old->windows[from]);
}

size_t ident_window_cnt(const struct ident *id)
{
	return id->window_cnt;
}

struct alert_slot *ident_alert(const struct ident *id, size_t rule)
{
	return rule < id->alert_cnt ? &id->alerts[rule] : NULL;
}

struct alert_slot *ident_alert_get(struct ident *id, size_t rule, size_t rule_cnt)
{
	if (fit(&id->alerts, sizeof(*id->alerts), &id->alert_cnt, rule_cnt))
		return NULL;
	return &id->alerts[rule];
}

bool ident_is_active(const struct ident *id, size_t rule)
{
	return rule < id->alert_cnt && id->alerts[rule].state != ALERT_INACTIVE;
}

bool ident_matches(const struct ident *id, int set)
{
	return set < 0 || id->matched[set];
}

const struct window *ident_window(const struct ident *id, int window)
{
	return id->windows[window].points ? &id->windows[window] : NULL;
}

void ident_describe(const struct ident *id, struct snapshot *ret)
{
	*ret = (struct snapshot){
		.target = id->key.target,
		.scope = id->scope,
		.member = id->key.member,
		.pid = id->key.pid,
		.start_ticks = id->key.start_ticks,
		.interval_seconds = (double)id->interval_ns / 1e9,
	};
	memcpy(ret->comm, id->comm, sizeof(ret->comm));
	for (size_t i = 0; i < METRIC_COUNT; i++)
		ret->v[i] = NAN;
}
