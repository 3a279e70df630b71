/* SPDX-License-Identifier: BSD-2-Clause */
/* What was learned about an address of a module: one slot each, a newcomer takes the place of
 * whoever is there. Bounded by its size, and right without ever being full. */
#ifndef KTALLY_STACKS_CACHE_H
#define KTALLY_STACKS_CACHE_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

struct cache_slot {
	uint64_t address;
	uint32_t module; /* 0: empty */
	void *value;	 /* owned; NULL: known to be nothing */
};

struct cache {
	struct cache_slot *slots;
	uint32_t cnt; /* a power of two */
	void (*drop)(void *value);
};

static inline int cache_init(struct cache *c, uint32_t cnt, void (*drop)(void *value))
{
	c->slots = calloc(cnt, sizeof(*c->slots));
	c->cnt = cnt;
	c->drop = drop;
	return c->slots ? 0 : -ENOMEM;
}

static inline struct cache_slot *cache_slot(const struct cache *c, uint32_t module,
					    uint64_t address)
{
	uint64_t hash = (address ^ (uint64_t)module << 40) * 0x9e3779b97f4a7c15ull;

	return &c->slots[hash >> 32 & (c->cnt - 1)];
}

/* NULL when nothing is known of the address. */
static inline struct cache_slot *cache_find(const struct cache *c, uint32_t module,
					    uint64_t address)
{
	struct cache_slot *slot = cache_slot(c, module, address);

	return slot->module == module && slot->address == address ? slot : NULL;
}

static inline void cache_empty(struct cache *c, struct cache_slot *slot)
{
	if (slot->value)
		c->drop(slot->value);
	*slot = (struct cache_slot){};
}

static inline void cache_put(struct cache *c, uint32_t module, uint64_t address, void *value)
{
	struct cache_slot *slot = cache_slot(c, module, address);

	cache_empty(c, slot);
	*slot = (struct cache_slot){ address, module, value };
}

static inline void cache_forget_module(struct cache *c, uint32_t module)
{
	uint32_t i;

	for (i = 0; i < c->cnt; i++)
		if (c->slots[i].module == module)
			cache_empty(c, &c->slots[i]);
}

static inline void cache_fini(struct cache *c)
{
	uint32_t i;

	for (i = 0; c->slots && i < c->cnt; i++)
		cache_empty(c, &c->slots[i]);
	free(c->slots);
	*c = (struct cache){};
}

#endif
