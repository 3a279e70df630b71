/* SPDX-License-Identifier: BSD-2-Clause */
/* How many different values: exact, by 64-bit hashes, up to a bound. */
#ifndef KTALLY_DOORS_DISTINCT_H
#define KTALLY_DOORS_DISTINCT_H

#include <stddef.h>
#include <stdint.h>

#define DISTINCT_MAX 4096

struct distinct {
	uint64_t *slots; /* open addressing; 0: free */
	size_t cap;      /* a power of two */
	size_t cnt;
};

/* Never 0. */
uint64_t distinct_hash(const char *text, size_t len);
/* -ENOSPC: full, and hash is not among them; -ENOMEM. */
int distinct_add(struct distinct *d, uint64_t hash);
/* Adds what `from` has; 0 or the last failure. */
int distinct_merge(struct distinct *d, const struct distinct *from);
void distinct_reset(struct distinct *d);
void distinct_fini(struct distinct *d);

#endif
