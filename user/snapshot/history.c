// SPDX-License-Identifier: BSD-2-Clause
/* Ring and means of history.h. */
#include "snapshot/history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16

void history_init(struct history *h, size_t limit)
{
	memset(h, 0, sizeof(*h));
	h->limit = limit;
}

void history_fini(struct history *h)
{
	size_t i;

	for (i = 0; i < h->cap; i++)
		free(h->ring[i].custom);
	free(h->ring);
	history_init(h, h->limit);
}

/* The ring is in order from slot 0 while it grows: it wraps only once it has its full size. */
static int grow(struct history *h)
{
	size_t cap = h->cap ? h->cap * 2 : FIRST_CAP;
	struct kept_snapshot *ring;

	if (cap > h->limit)
		cap = h->limit;
	ring = realloc(h->ring, cap * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	memset(ring + h->cap, 0, (cap - h->cap) * sizeof(*ring));
	h->ring = ring;
	h->cap = cap;
	return 0;
}

static int keep(struct kept_snapshot *slot, const struct snapshot *s)
{
	struct custom_metric *custom;

	if (s->custom_cnt > slot->custom_cap) {
		custom = realloc(slot->custom, s->custom_cnt * sizeof(*custom));
		if (!custom)
			return -ENOMEM;
		slot->custom = custom;
		slot->custom_cap = s->custom_cnt;
	}
	if (s->custom_cnt)
		memcpy(slot->custom, s->custom, s->custom_cnt * sizeof(*s->custom));
	slot->s = *s;
	slot->s.custom = slot->custom;
	slot->s.firing = NULL;
	slot->s.firing_cnt = 0;
	return 0;
}

int history_push(struct history *h, const struct snapshot *s)
{
	size_t slot;
	int err = 0;

	if (!h->limit)
		return 0;
	if (h->count == h->cap && h->cap < h->limit)
		err = grow(h);
	if (err)
		return err;
	slot = (h->first + h->count) % h->cap;
	err = keep(&h->ring[slot], s);
	if (err)
		return err;
	if (h->count < h->cap)
		h->count++;
	else
		h->first = (h->first + 1) % h->cap;
	return 0;
}

const struct snapshot *history_at(const struct history *h, size_t index)
{
	if (index >= h->count)
		return NULL;
	return &h->ring[(h->first + index) % h->cap].s;
}

void averages_init(struct averages *a)
{
	memset(a, 0, sizeof(*a));
}

void averages_add(struct averages *a, const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		tally_add(&a->of[i], s, i, s->v[i]);
}

double averages_mean(const struct averages *a, size_t metric)
{
	return tally_avg(&a->of[metric]);
}

/* Beside a mean that has what the short intervals brought, none is below it. */
double averages_max(const struct averages *a, size_t metric)
{
	const struct tally *t = &a->of[metric];

	return t->cnt < t->total_cnt ? fmax(tally_max(t), tally_avg(t)) : tally_max(t);
}

size_t history_averages(const struct history *h, uint64_t since_ns, struct averages *ret)
{
	const struct snapshot *s;
	size_t i, n = 0;

	averages_init(ret);
	for (i = h->count; i-- > 0; n++) {
		s = history_at(h, i);
		if (s->monotonic_ns < since_ns)
			break;
		averages_add(ret, s);
	}
	return n;
}
