/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading one skeleton with only the programs that a rung names. Every object is its own: one
 * refused program takes no other instrument down.
 */
#ifndef KTALLY_BASE_BPFLOAD_H
#define KTALLY_BASE_BPFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_object_skeleton;
struct bpf_program;
struct bpf_room;
struct bpf_wanted;

/* What all instruments share with the targets' object; see bpf/targets.bpf.h. */
struct bpf_shared {
	const struct bpf_object *owner; /* has the maps; NULL: the targets are not in the kernel */
	uint8_t *watched;  /* memory of `watched`: one byte per PID */
	uint32_t watched_mask;
	struct bpf_wanted *wanted; /* NULL: as of `owner` */
	uint32_t capacity; /* processes that the maps must hold */
	uint32_t simulate_loss; /* a fault for tests: one event in so many is lost; 0: none */
	bool map_iterators;	/* the kernel takes them; see base/bpfread.h */
	struct bpf_room *room;	/* likewise, for readers that can share it */
	int32_t only_pid;  /* the one process that is or will be watched; 0: maybe more */
};

/* libbpf prints to standard error unless told otherwise, for the whole process and without a
 * context argument. Between these two calls its messages of this thread go to fn, and those of
 * other threads to wherever they went before. */
typedef void (*bpfload_log_fn)(void *ctx, const char *message);
void bpfload_log_begin(bpfload_log_fn fn, void *ctx);
void bpfload_log_end(void);

/* Enables the named programs (NULL-terminated), loads and attaches. On failure reason (of
 * LADDER_REASON_LEN bytes) gets one sentence; the skeleton stays the caller's to destroy. */
int bpfload_start(struct bpf_object_skeleton *s, const char *const *programs, char *reason);

/* The sentence of a refusal, "STAGE: what that errno means here", into reason; returns err. */
int bpfload_refuse(char *reason, const char *stage, int err);

/* Times that the kernel skipped one of the object's programs because it was already running on that
 * CPU: events that nobody counted. None before 5.12, which neither skips nor says so. */
struct bpf_skip {
	const char *program; /* borrowed from the object */
	uint64_t count;	     /* never 0 */
};

/* Those that were skipped, max of them at most; their number. A system call for each program. */
size_t bpfload_skips(const struct bpf_object *obj, struct bpf_skip *list, size_t max);

/* What the kernel says of the object's loaded programs: runs, and ns in them, since it began to
 * count (kernel.bpf_stats_enabled, or a descriptor of BPF_ENABLE_STATS). Returns how many of
 * room. */
struct bpf_run {
	const char *name; /* borrowed from obj */
	uint64_t runs;
	uint64_t run_ns;
	bool on_events; /* else it is run by a reader, in whose CPU time it is */
};
size_t bpfload_runs(const struct bpf_object *obj, struct bpf_run *ret, size_t room);
/* Makes the kernel count them, for all programs of the host, until the descriptor is closed. Needs
 * CAP_SYS_ADMIN and Linux 5.8. */
int bpfload_count_runs(void);
/* Kernel memory of the object's maps, those left out that it has from `shared` (NULL: none). 0: not
 * known. */
uint64_t bpfload_map_bytes(const struct bpf_object *obj, const struct bpf_shared *shared);

/* Calls that a kprobe.multi link never came to its program for: return probes beyond those that the
 * kernel keeps ready (before they had a shadow stack per task, 6.14). As one of bpfload_skips();
 * none before 6.7. name is borrowed. */
size_t bpfload_multi_skip(const struct bpf_link *link, const char *name, struct bpf_skip *ret,
			  size_t room);

/* kprobe.multi by symbol: libbpf 1.1 finds no pattern where /proc/kallsyms cannot be read. */
struct bpf_multi_hook {
	const char *program;
	const char *const *symbols; /* NULL-terminated; all must exist */
	struct bpf_link **ret;
	bool returns; /* when they return, not when they are called */
};

/* Up to the first that fails; the links stay the caller's. */
int bpfload_attach_multi(const struct bpf_object *obj, const struct bpf_multi_hook *hooks,
			 size_t cnt, char *reason);

/* An iterator over tasks. only_pid: visits this process's threads alone; a kernel before 6.1
 * refuses the wish (E2BIG), so the program must skip the others itself. 0: everybody's. */
int bpfload_attach_task_iter(const struct bpf_program *prog, int32_t only_pid,
			     struct bpf_link **ret, char *reason);

/* Would the kernel take such a program at all? A load or attach of the smallest one, which spares
 * the real object's when the answer is no. 0, or -errno with a sentence in reason. */
int bpfload_try_fentry(char *reason);
int bpfload_try_kprobe_multi(char *reason);

/* Hands the shared maps to an object that is open and not yet loaded, those that it has. mask: its
 * rodata variable. */
int bpfload_share(const struct bpf_shared *shared, struct bpf_object *obj, uint32_t *mask,
		  char *reason);

#endif
