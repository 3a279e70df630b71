/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading whole hash maps, and taking elements out of them, without the map commands of bpf(2)
 * where the kernel allows it. Those raise bpf_prog_active of their CPU for as long as they run, and
 * on a kernel that preempts itself they can be preempted meanwhile: every kprobe.multi program on
 * that CPU is then skipped (kprobe_multi_link_prog_run, kernel/trace/bpf_trace.c), and events are
 * lost. A map iterator (5.9) and a program run by BPF_PROG_TEST_RUN (raw_tp since 5.10) raise
 * nothing.
 */
#ifndef KTALLY_BASE_BPFREAD_H
#define KTALLY_BASE_BPFREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_link;
struct bpf_map;
struct bpf_program;
struct bpf_shared;

/* Room for one answer of the map commands. */
struct bpf_batch {
	char *keys; /* owned */
	char *values;
	uint32_t cap; /* elements */
};

/* Memory for what was read. Zeroed is empty. */
struct bpf_room {
	char *records; /* owned; each a key and its value */
	size_t size;   /* bytes */
};

void bpf_room_fini(struct bpf_room *room);

/* The map `wanted`: of which processes the maps are read that are keyed by them. A read of a whole
 * map is a look at every bucket that it has room for, a quarter of a millisecond for 16,384. */
struct bpf_wanted {
	int fd; /* the map's, borrowed */
	uint64_t *ids; /* its memory; NULL: none */
	uint32_t cnt; /* 0: all that there are */
	uint32_t next;
	uint64_t changes;
	bool changed;
};

int bpf_wanted_open(struct bpf_wanted *w, const struct bpf_map *map);
void bpf_wanted_close(struct bpf_wanted *w);
/* Names them anew, all between begin and end. More than there is room for: all that there are. */
void bpf_wanted_begin(struct bpf_wanted *w);
bool bpf_wanted_add(struct bpf_wanted *w, uint64_t id); /* false: no room; nor for any more */
void bpf_wanted_end(struct bpf_wanted *w);

/* One map's reader: programs of bpf/read.bpf.h in the map's own object. */
struct bpf_reader {
	const struct bpf_map *map;
	struct bpf_link *link;		  /* of the iterator; NULL: read by batches */
	struct bpf_link *find;		  /* of the one over `wanted`; NULL: all are read */
	const struct bpf_wanted *wanted;  /* borrowed, with find */
	const struct bpf_program *forget; /* NULL: not loaded */
	struct bpf_room own;
	struct bpf_room *shared; /* borrowed, used instead; NULL: none */
	size_t len;		 /* bytes in use */
	size_t count;			  /* elements of the last read */
	size_t key_size;
	size_t value_size;
	struct bpf_batch batch; /* kept between reads */
	const unsigned long long *changes; /* of the map, borrowed; NULL: not counted */
	bool values_too;
	uint64_t changes_seen;
	uint64_t wanted_seen;
	bool still; /* the last read found no change since the one before */
};

/* Before the object is loaded: has the two programs loaded too, and not attached by libbpf; the
 * iterator only if the kernel takes those over maps. */
void bpf_reader_enable(const struct bpf_shared *shared, struct bpf_program *read,
		       struct bpf_program *forget);

/* After it: r reads this map from now on. Never fails: what is refused is done by map commands. */
void bpf_reader_open(struct bpf_reader *r, const struct bpf_map *map,
		     const struct bpf_program *read, const struct bpf_program *forget);

/* Likewise a program that finds what is wanted, where the map is so large that it pays. */
void bpf_reader_enable_find(const struct bpf_shared *shared, struct bpf_program *find);
void bpf_reader_find(struct bpf_reader *r, const struct bpf_wanted *wanted,
		     const struct bpf_program *find);

/* Readers whose elements are looked at before the next of them reads can do with one room: to be
 * called once r is open. */
void bpf_reader_share(struct bpf_reader *r, struct bpf_room *room);

/* The map's programs count in `changes` each element that comes in: while that stands still, one
 * that was found empty is not read again; nor, where they count each change of a value too and r
 * shares no room, is any. Once r is open. */
void bpf_reader_count(struct bpf_reader *r, const unsigned long long *changes, bool values_too);

/* Or r reads what a program says of tasks, records of one size: no key, the record is the value.
 * only_pid: as in bpfload_attach_task_iter(). */
int bpf_reader_open_tasks(struct bpf_reader *r, const struct bpf_program *read, int32_t only_pid,
			  size_t record_size, char *reason);

/* The whole map, or what is wanted of it, into the reader, until the next read. A map that changes
 * meanwhile may yield an element not at all, or twice where its program does not prevent it. */
int bpf_reader_read(struct bpf_reader *r);
const void *bpf_reader_key(const struct bpf_reader *r, size_t i);
const void *bpf_reader_value(const struct bpf_reader *r, size_t i);

/* Takes the elements of these keys out of the map, as far as they are in it. At most FORGET_MAX of
 * bpf/read.h, none of them 0. */
void bpf_reader_forget(struct bpf_reader *r, const uint64_t *keys, size_t cnt);

/* Before its object is loaded: a program that is run by the next one, and attached to nothing. */
void bpf_run_enable(struct bpf_program *prog);
/* Runs a raw_tp program that is attached to nothing. What it returned, or -errno. */
int bpf_run_program(const struct bpf_program *prog, const uint64_t *args, size_t args_size);

/* Before the map's object is destroyed; an unopened or closed reader is fine. */
void bpf_reader_close(struct bpf_reader *r);

#endif
