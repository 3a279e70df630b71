/* SPDX-License-Identifier: BSD-2-Clause */
/* uthash with a hash for keys of a few words: a multiplication a word, where its own takes thirty
 * instructions for any. Tables of thousands of processes are searched several times a tick. */
#ifndef KTALLY_BASE_HASH_H
#define KTALLY_BASE_HASH_H

#include <stdint.h>
#include <string.h>

#define HASH_FUNCTION(key, len, ret) ((ret) = hash_words((key), (len)))

#include <uthash.h>

/* The high half has seen all bits of the key. */
static inline unsigned int hash_words(const void *key, size_t len)
{
	const char *at = key;
	uint64_t h = len, word;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, at, len);
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
	return (unsigned int)(h >> 32);
}

#endif
