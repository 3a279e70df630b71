/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* How many descriptors a table has open, and which. */
#ifndef KTALLY_FDS_BPF_H
#define KTALLY_FDS_BPF_H

#include "compat.bpf.h"

/* A table with up to this many words of bits is read: 65,536 descriptors; above, the level is
 * unknown here and the user side asks /proc. In blocks, each a call of a global function, which the
 * verifier walks once (bpf_loop, which would do without, needs 5.17). */
#define FD_WORDS_MAX   1024
#define FD_BLOCK_WORDS 32

/* The slots that belong to a word of bits. */
#define FD_WORD_SLOTS_BYTES (64 * sizeof(struct file *))

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

/* Of 16 slots, those that have a file. Addresses of the kernel have their top bit set; to take that
 * is no branch, of which the verifier would follow both sides. Many slots are read at once: a read
 * that may fault costs a call, whatever its size. Global functions, as this and the next ones, the
 * verifier walks once, and not for each call; they take numbers only. */
__noinline u64 fds_filled_16(u64 slots_at)
{
	u64 slots[16] = {}, filled = 0;
	u32 i;

	bpf_probe_read_kernel(slots, sizeof(slots), (void *)slots_at);
	for (i = 0; i < 16; i++)
		filled |= (slots[i] >> 63) << i;
	return filled;
}

/* Of the 64 descriptors whose bits these are, those that are open. A bit alone is a number that a
 * call has reserved and may yet give back, such as accept(2) while it waits (fs/file.c: alloc_fd,
 * fd_install). */
__noinline u64 fds_filled(u64 slots_at, u64 word)
{
	u64 filled = 0;
	u32 i;

	for (i = 0; i < 64 && word; i += 16)
		filled |= fds_filled_16(slots_at + i * sizeof(struct file *)) << i;
	return filled & word;
}

/* Likewise how many in one word of a table; mask: those that are meant. */
__noinline u64 fds_in_word(u64 slots_at, u64 bits_at, u32 i, u64 mask)
{
	u64 word = fds_word((unsigned long *)bits_at, i) & mask;

	return popcount64(fds_filled(slots_at + i * FD_WORD_SLOTS_BYTES, word));
}

/* In so many words, FD_BLOCK_WORDS at most. */
__noinline u64 fds_in_block(u64 slots_at, u64 bits_at, u32 words)
{
	u64 open = 0;
	u32 i;

	for (i = 0; i < FD_BLOCK_WORDS && i < words; i++)
		open += fds_in_word(slots_at, bits_at, i, ~0ULL);
	return open;
}

/* Likewise of a table, FD_WORDS_MAX at most. */
__noinline u64 fds_count(u64 slots_at, u64 bits_at, u32 words)
{
	u64 open = 0;
	u32 i;

	for (i = 0; i < FD_WORDS_MAX && i < words; i += FD_BLOCK_WORDS)
		open += fds_in_block(slots_at + i * FD_WORD_SLOTS_BYTES, bits_at + i * sizeof(u64),
				     words - i);
	return open;
}

/* Open descriptors of a task in [first, last], as /proc/PID/fd lists them. -1 when the table is
 * larger than is read here, or gone. Whole words first, then what sticks out at both ends is taken
 * off. */
static __always_inline s64 fds_open_between(struct task_struct *task, u32 first, u32 last)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	u64 slots = (u64)BPF_CORE_READ(fdt, fd), bits = (u64)BPF_CORE_READ(fdt, open_fds);
	u32 max_fds = BPF_CORE_READ(fdt, max_fds);
	u32 words;
	s64 open;

	if (!fdt || !slots || !bits || !max_fds)
		return -1;
	if (last >= max_fds)
		last = max_fds - 1;
	if (first > last)
		return 0;
	words = last / 64 - first / 64 + 1;
	if (words > FD_WORDS_MAX)
		return -1;
	open = fds_count(slots + first / 64 * FD_WORD_SLOTS_BYTES, bits + first / 64 * 8, words);
	if (first & 63)
		open -= fds_in_word(slots, bits, first / 64, ~(~0ULL << (first & 63)));
	if (~last & 63)
		open -= fds_in_word(slots, bits, last / 64, ~(~0ULL >> (63 - (last & 63))));
	return open;
}

/* The first 64 of a table, which no table is smaller than. */
static __always_inline u64 fds_low(struct task_struct *task)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	unsigned long *bits = BPF_CORE_READ(fdt, open_fds);

	return bits ? fds_filled((u64)BPF_CORE_READ(fdt, fd), fds_word(bits, 0)) : 0;
}

/* Of one below max_fds: is there a file, and is there a bit? */
static __always_inline bool fd_is_filled(struct fdtable *fdt, u32 fd)
{
	struct file **slots = BPF_CORE_READ(fdt, fd), *there = NULL;

	bpf_probe_read_kernel(&there, sizeof(there), slots + fd);
	return there;
}

static __always_inline bool fd_is_taken(struct fdtable *fdt, u32 fd)
{
	return (fds_word(BPF_CORE_READ(fdt, open_fds), fd / 64) >> (fd & 63)) & 1;
}

/* Is this descriptor open: 1 or 0; -1 when the table is gone. */
static __always_inline s64 fd_open_at(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);

	if (!fdt)
		return -1;
	return fd < BPF_CORE_READ(fdt, max_fds) && fd_is_filled(fdt, fd);
}

#endif
