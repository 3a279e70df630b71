// SPDX-License-Identifier: BSD-2-Clause
/*
 * For every object libbpf reads all of the kernel's types, twice in memory, and gives them back: 5
 * MB each time on Debian's kernels. malloc maps and unmaps that anew, a page fault at a time, which
 * was half the time from start to the first armed tick. Here the room is made once, in one call,
 * and kept until all objects are loaded. What lives longer than one object's types is small, and
 * has a room of its own: within the other, it would keep the next object's types out of it.
 */
#include "cli/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_TYPES  "/sys/kernel/btf/vmlinux"
#define THRESHOLD     (32 << 20) /* the most that mallopt(3) takes for M_MMAP_THRESHOLD */
#define GLIBC_DEFAULT (128 << 10)
#define SMALL_ROOM    (1 << 20) /* twice what -a takes */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* As much as two copies take; the top of the heap afterwards. */
static void make_room(size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start;
	char *room = malloc(size);

	if (!room)
		return;
	start = ((uintptr_t)room + page - 1) & ~(page - 1);
	madvise((void *)start, size - page, MADV_POPULATE_WRITE);
	free(room);
}

/* malloc takes the smallest piece that fits: small blocks come from the first room, not the second,
 * from which what is returned keeps it apart. */
void *cli_heap_prepare(void)
{
	char *volatile small; /* or the compiler leaves the pair of calls out */
	char *between, *shrunk;
	struct stat st;

	if (stat(KERNEL_TYPES, &st))
		return NULL;
	mallopt(M_MMAP_THRESHOLD, THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, THRESHOLD * 2);
	small = malloc(SMALL_ROOM);
	between = malloc(SMALL_ROOM); /* a small one would come from anywhere */
	shrunk = realloc(between, 1);
	make_room((size_t)st.st_size * 2 + GLIBC_DEFAULT);
	free(small);
	return shrunk ? shrunk : between;
}

void cli_heap_settle(void *between)
{
	free(between);
	mallopt(M_MMAP_THRESHOLD, GLIBC_DEFAULT);
	mallopt(M_TRIM_THRESHOLD, GLIBC_DEFAULT);
	malloc_trim(0);
}
