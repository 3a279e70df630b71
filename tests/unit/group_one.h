/* SPDX-License-Identifier: BSD-2-Clause */
/* A member of a target over ticks, as the sampler would keep it. */
#ifndef KTALLY_TESTS_GROUP_ONE_H
#define KTALLY_TESTS_GROUP_ONE_H

#include "unit.h"

#include <stdlib.h>

#include "snapshot/derive.h"

#define ALL_PROVIDED (~0ULL)

/* One member over ticks: what the sampler keeps of it. */
struct one {
	struct raw_row now;
	struct raw_row last;
	struct raw_row first;
	uint32_t alive;
	bool whole;
	bool closes_balance;
	bool moved_in;
	bool moved_out;
	uint64_t untold;
};

static inline void one_init(struct one *o)
{
	raw_row_clear(&o->now);
	raw_row_clear(&o->last);
	raw_row_clear(&o->first);
	o->alive = 1;
	o->untold = 0;
	o->whole = o->closes_balance = o->moved_in = o->moved_out = false;
}

static inline void add(struct group *g, struct one *o)
{
	struct group_member m = { .now = &o->now, .last = &o->last, .first = &o->first,
				  .moved_in = o->moved_in, .moved_out = o->moved_out,
				  .alive = o->alive, .whole = o->whole,
				  .closes_balance = o->closes_balance, .untold = o->untold };

	group_add(g, &m);
}

static inline void settle(struct one *o)
{
	o->last = o->now;
}

static inline void group_of_two(struct group *g, struct one *a, struct one *b)
{
	group_init(g);
	one_init(a);
	one_init(b);
}

#endif
