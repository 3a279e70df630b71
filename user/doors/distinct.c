// SPDX-License-Identifier: BSD-2-Clause
/* A hash set of hashes. */
#include "doors/distinct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 16

/* FNV-1a: two of 4096 values meet once in 10^12 runs. */
uint64_t distinct_hash(const char *text, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3ull;
	return hash ? hash : 1;
}

/* FNV's low bits are its worst. */
static uint64_t *slot_of(uint64_t *slots, size_t cap, uint64_t hash)
{
	size_t at = (size_t)((hash * 0x9e3779b97f4a7c15ull) >> 32) & (cap - 1);

	while (slots[at] && slots[at] != hash)
		at = (at + 1) & (cap - 1);
	return &slots[at];
}

static int grow(struct distinct *d)
{
	size_t cap = d->cap ? d->cap * 2 : FIRST_CAP, i;
	uint64_t *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < d->cap; i++)
		if (d->slots[i])
			*slot_of(slots, cap, d->slots[i]) = d->slots[i];
	free(d->slots);
	d->slots = slots;
	d->cap = cap;
	return 0;
}

int distinct_add(struct distinct *d, uint64_t hash)
{
	uint64_t *slot;

	if (d->cnt * 2 >= d->cap && d->cap < DISTINCT_MAX * 2) {
		int err = grow(d);

		if (err)
			return err;
	}
	slot = slot_of(d->slots, d->cap, hash);
	if (*slot)
		return 0;
	if (d->cnt == DISTINCT_MAX)
		return -ENOSPC;
	*slot = hash;
	d->cnt++;
	return 0;
}

int distinct_merge(struct distinct *d, const struct distinct *from)
{
	int err = 0, one;
	size_t i;

	for (i = 0; i < from->cap; i++) {
		one = from->slots[i] ? distinct_add(d, from->slots[i]) : 0;
		err = one ? one : err;
	}
	return err;
}

void distinct_reset(struct distinct *d)
{
	if (d->cnt)
		memset(d->slots, 0, d->cap * sizeof(*d->slots));
	d->cnt = 0;
}

void distinct_fini(struct distinct *d)
{
	free(d->slots);
	*d = (struct distinct){ 0 };
}
