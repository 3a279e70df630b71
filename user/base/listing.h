/* SPDX-License-Identifier: BSD-2-Clause */
/* The names in a directory, in the caller's memory: a DIR is 32 KiB of malloc each time. */
#ifndef KTALLY_BASE_LISTING_H
#define KTALLY_BASE_LISTING_H

#include <dirent.h>
#include <stddef.h>

/* On the stack of every level of a tree that is walked; the longest entry is 280 bytes. */
#define LISTING_BYTES 2048

struct listing {
	int fd; /* borrowed */
	size_t at;
	size_t len;
	char entries[LISTING_BYTES] __attribute__((aligned(8)));
};

/* fd is open at the directory's start. */
void listing_begin(struct listing *l, int fd);
/* 1: *ret is the next entry, until the next call; 0: there is none; -errno. */
int listing_next(struct listing *l, const struct dirent64 **ret);

#endif
