/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* How many descriptors a table has open, and which: from its bitmap. */
#ifndef KTALLY_FDS_BPF_H
#define KTALLY_FDS_BPF_H

#include "compat.bpf.h"

/* The bitmap of a table with up to this many words is read: 65,536 descriptors; above, the level is
 * unknown here and the user side asks /proc. In blocks, each a call of a global function, which the
 * verifier walks once (bpf_loop, which would do without, needs 5.17). */
#define FD_WORDS_MAX   1024
#define FD_BLOCK_WORDS 64

static __always_inline u64 popcount64(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}

static __always_inline u64 fds_word(unsigned long *bits, u32 i)
{
	u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), bits + i);
	return word;
}

/* A read that may fault costs a call, whatever its size. */
static __always_inline u64 fds_in_eight_words(unsigned long *bits)
{
	unsigned long words[8] = {};
	u64 open = 0;
	u32 i;

	bpf_probe_read_kernel(words, sizeof(words), bits);
	for (i = 0; i < 8; i++)
		open += popcount64(words[i]);
	return open;
}

/* Bits set in so many words, FD_BLOCK_WORDS at most. Global functions take numbers only. */
__noinline u64 fds_in_block(u64 bits_at, u32 words)
{
	unsigned long *bits = (unsigned long *)bits_at;
	u64 open = 0;
	u32 i;

	for (i = 0; i < FD_BLOCK_WORDS / 8 && words >= 8; i++, words -= 8, bits += 8)
		open += fds_in_eight_words(bits);
	for (i = 0; i < 7 && i < words; i++)
		open += popcount64(fds_word(bits, i));
	return open;
}

/* Likewise of a table's bitmap, FD_WORDS_MAX at most. */
__noinline u64 fds_count(u64 bits_at, u32 words)
{
	u64 open = 0;
	u32 i;

	for (i = 0; i < FD_WORDS_MAX / FD_BLOCK_WORDS && words > FD_BLOCK_WORDS; i++) {
		open += fds_in_block(bits_at, FD_BLOCK_WORDS);
		bits_at += FD_BLOCK_WORDS * sizeof(u64);
		words -= FD_BLOCK_WORDS;
	}
	return open + fds_in_block(bits_at, words);
}

/* Open descriptors of a task in [first, last], as /proc/PID/fd counts them: bits of the table. -1
 * when the table is larger than is read here, or gone. Whole words first, then what sticks out at
 * both ends is taken off. */
static __always_inline s64 fds_open_between(struct task_struct *task, u32 first, u32 last)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	unsigned long *bits = BPF_CORE_READ(fdt, open_fds);
	u32 max_fds = BPF_CORE_READ(fdt, max_fds);
	u32 words;
	s64 open;

	if (!fdt || !bits || !max_fds)
		return -1;
	if (last >= max_fds)
		last = max_fds - 1;
	if (first > last)
		return 0;
	words = last / 64 - first / 64 + 1;
	if (words > FD_WORDS_MAX)
		return -1;
	open = fds_count((u64)(bits + first / 64), words);
	open -= popcount64(fds_word(bits, first / 64) & ~(~0ULL << (first & 63)));
	open -= popcount64(fds_word(bits, last / 64) & ~(~0ULL >> (63 - (last & 63))));
	return open;
}

/* The first 64 of a table, which no table is smaller than. */
static __always_inline u64 fds_low(struct task_struct *task)
{
	unsigned long *bits = BPF_CORE_READ(task, files, fdt, open_fds);

	return bits ? fds_word(bits, 0) : 0;
}

/* Is this descriptor open: 1 or 0; -1 when the table is gone. */
static __always_inline s64 fd_open_at(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	unsigned long *bits = BPF_CORE_READ(fdt, open_fds);

	if (!fdt || !bits)
		return -1;
	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	return (fds_word(bits, fd / 64) >> (fd & 63)) & 1;
}

#endif
