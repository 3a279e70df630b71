/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of leaks.h, from the inside. */
#ifndef KTALLY_LEAKS_INTERNAL_H
#define KTALLY_LEAKS_INTERNAL_H

#include <utlist.h>

#include "base/hash.h"
#include "leaks/leaks.h"

struct entry_key {
	uint64_t process;
	int64_t fd;
};

struct entry {
	struct entry_key key;
	uint64_t file;
	uint64_t opened_ns; /* 0: before ktally */
	uint32_t site;
	uint32_t type; /* index of leak_types */
	bool seen;     /* in the look under way */
	char *text;    /* owned */
	struct entry *prev, *next; /* of its process */
	UT_hash_handle hh;
};

struct holder {
	uint64_t id;
	struct entry *entries;
	uint64_t open;
	uint64_t low; /* the least since the last sample */
	struct trend trend;
	bool ended;
	char comm[16];
	double open_fds;
	double limit;
	uint64_t of_site; /* while a report is made */
	bool offered;
	UT_hash_handle hh;
};

struct site {
	struct leak_stack *stack; /* owned */
	uint64_t open;
	uint64_t low;
	uint64_t opened;
	uint64_t inherited;
	uint64_t closed;
	uint64_t torn_down;
	uint64_t moved_out;
	uint32_t texts; /* entries that have one */
	struct trend trend;
};

struct leaks {
	struct entry *entries;
	struct holder *holders;
	struct site *sites[LEAKS_SITES_MAX];
	uint32_t site_cnt;
	uint64_t lost;
	uint64_t look_ns;	 /* 0: no look under way */
	struct entry_key *recent; /* closed since then */
	size_t recent_cnt;
	size_t recent_cap;
};

/* types.c */
extern const char *const leak_types[];
extern const size_t leak_type_cnt;
uint32_t leak_type_of(uint32_t mode, const char *name);

#endif
