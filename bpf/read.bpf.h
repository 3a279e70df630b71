/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/*
 * Programs by which user space reads a map and takes elements out of it: an iterator, which writes
 * each element as its key and its value, another that writes those whose keys are in `wanted`, and
 * a raw tracepoint program that is attached to nothing and run by BPF_PROG_TEST_RUN with keys as
 * its arguments. user/base/bpfread.h says why.
 */
#ifndef KTALLY_READ_BPF_H
#define KTALLY_READ_BPF_H

#include "compat.bpf.h"
#include "read.h"

/* Keys of the elements that the reader wants, of all maps whose keys are processes; 0: none. Made
 * by targets.bpf.c's object, and user space's to write. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WANTED_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, u64);
} wanted SEC(".maps");

/* Of maps whose keys are 64 bits. False: it does not fit; the kernel takes back what was written of
 * it and comes again with this element. */
static __always_inline bool write_element(struct bpf_iter__bpf_map_elem *ctx, void *key,
					  void *value, u32 value_size)
{
	struct seq_file *seq = ctx->meta->seq;

	return key && value && !bpf_seq_write(seq, key, sizeof(u64)) &&
	       !bpf_seq_write(seq, value, value_size);
}

/* Up to the first key that is 0. Unrolled, since arguments are known by their numbers. */
#define MAP_FORGETTER(name)                                    \
	SEC("?raw_tp")                                         \
	int name##_forget(u64 *args)                           \
	{                                                      \
		u32 i;                                         \
		_Pragma("unroll")                              \
		for (i = 0; i < FORGET_MAX; i++) {             \
			u64 key = args[i];                     \
			if (!key)                              \
				break;                         \
			bpf_map_delete_elem(&name, &key);      \
		}                                              \
		return 0;                                      \
	}

/* The program NAME_find: an iterator over `wanted`, which spares a look at every bucket. */
#define MAP_FINDER(name, value_type)                                       \
	SEC("?iter/bpf_map_elem")                                          \
	int name##_find(struct bpf_iter__bpf_map_elem *ctx)                \
	{                                                                  \
		u64 *at = ctx->value, key = at ? *at : 0;                  \
		if (!key)                                                  \
			return 0;                                          \
		write_element(ctx, &key, bpf_map_lookup_elem(&name, &key), \
			      sizeof(value_type));                         \
		return 0;                                                  \
	}

/* The programs NAME_read and NAME_forget of the map NAME. */
#define MAP_READER(name, value_type)                                          \
	SEC("?iter/bpf_map_elem")                                             \
	int name##_read(struct bpf_iter__bpf_map_elem *ctx)                   \
	{                                                                     \
		write_element(ctx, ctx->key, ctx->value, sizeof(value_type)); \
		return 0;                                                     \
	}                                                                     \
	MAP_FORGETTER(name)

/* The same for values that are added up, so that none may come twice. It could: when the bucket
 * grows between two pieces of the output, or when the element at hand is freed and taken again,
 * which leads the iterator into another bucket. `session` belongs to the reader: the last that had
 * it. */
#define MAP_READER_ONCE(name, value_type)                                           \
	SEC("?iter/bpf_map_elem")                                                   \
	int name##_read(struct bpf_iter__bpf_map_elem *ctx)                         \
	{                                                                           \
		u64 session = ctx->meta->session_id;                                \
		value_type *v = ctx->value;                                         \
		if (v && v->session != (typeof(v->session))session &&               \
		    write_element(ctx, ctx->key, v, sizeof(*v)))                    \
			v->session = session;                                       \
		return 0;                                                           \
	}                                                                           \
	MAP_FORGETTER(name)

#endif
