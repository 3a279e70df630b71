// SPDX-License-Identifier: BSD-2-Clause
/* Sets of matchers and windows, found or added. */
#include "rules/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/functions.h"

static int bind_set(struct catalog *c, const struct matcher_set *set)
{
	const struct matcher_set **sets;

	for (size_t i = 0; i < c->set_cnt; i++)
		if (matcher_set_equal(c->sets[i], set))
			return (int)i;
	sets = reallocarray(c->sets, c->set_cnt + 1, sizeof(*sets));
	if (!sets)
		return -ENOMEM;
	c->sets = sets;
	sets[c->set_cnt] = set;
	return (int)c->set_cnt++;
}

/* But for the processes that they are for. */
static bool same_window(const struct window_spec *a, const struct window_spec *b)
{
	return a->metric == b->metric && !strcmp(a->name, b->name) && a->range_ns == b->range_ns &&
	       a->keep == b->keep;
}

static int bind_window(struct catalog *c, const struct window_spec *spec)
{
	struct window_spec *windows;

	for (size_t i = 0; i < c->window_cnt; i++)
		if (same_window(&c->windows[i], spec) && c->windows[i].set == spec->set)
			return (int)i;
	windows = reallocarray(c->windows, c->window_cnt + 1, sizeof(*windows));
	if (!windows)
		return -ENOMEM;
	c->windows = windows;
	windows[c->window_cnt] = *spec;
	return (int)c->window_cnt++;
}

static int bind_selector(struct catalog *c, struct selector *s, enum window_keep keep)
{
	struct window_spec spec;

	s->set = s->matchers.cnt ? bind_set(c, &s->matchers) : -1;
	if (s->set < -1)
		return s->set;
	if (!s->range_ns)
		return 0;
	spec = (struct window_spec){ s->metric, s->name, s->range_ns, keep, s->set };
	s->window = bind_window(c, &spec);
	return s->window < 0 ? s->window : 0;
}

/* A range stands nowhere but as the first argument of a function, which says how to keep it. */
static enum window_keep keep_of(const struct expr *e, size_t selector)
{
	for (size_t i = 0; i < e->node_cnt; i++) {
		const struct node *n = &e->nodes[i];

		if (n->kind == NODE_CALL && n->fn->kind == FN_RANGE &&
		    e->nodes[n->left].selector == (int)selector)
			return n->fn->keep;
	}
	return KEEP_RATE;
}

int catalog_bind(struct catalog *c, struct expr *e)
{
	for (size_t i = 0; i < e->selector_cnt; i++) {
		int err = bind_selector(c, &e->selectors[i], keep_of(e, i));

		if (err)
			return err;
	}
	return 0;
}

static bool same_set(const struct catalog *a, int i, const struct catalog *b, int j)
{
	if (i < 0 || j < 0)
		return i == j;
	return matcher_set_equal(a->sets[i], b->sets[j]);
}

int catalog_find_window(const struct catalog *c, const struct catalog *other, size_t i)
{
	const struct window_spec *spec = &other->windows[i];

	for (size_t k = 0; k < c->window_cnt; k++)
		if (same_window(&c->windows[k], spec) &&
		    same_set(c, c->windows[k].set, other, spec->set))
			return (int)k;
	return -1;
}

void catalog_truncate(struct catalog *c, size_t set_cnt, size_t window_cnt)
{
	c->set_cnt = set_cnt;
	c->window_cnt = window_cnt;
}

void catalog_fini(struct catalog *c)
{
	if (!c)
		return;
	free(c->sets);
	free(c->windows);
	*c = (struct catalog){};
}
