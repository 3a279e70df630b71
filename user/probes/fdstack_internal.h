/* SPDX-License-Identifier: BSD-2-Clause */
/* The instrument `fdstack`, from the inside: events, stacks, looks. */
#ifndef KTALLY_PROBES_FDSTACK_INTERNAL_H
#define KTALLY_PROBES_FDSTACK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bpf/fdstack.h"
#include "leaks/leaks.h"
#include "probes/fd_selftest.h"
#include "probes/probe.h"

struct bpf_program;
struct fdstack_bpf;
struct fdstack_sites;
struct ring_buffer;

#define FDSTACK_KEPT_MAX 256

struct fdstack {
	struct probe_env *env;
	struct fdstack_bpf *skel;
	struct ring_buffer *ring;
	struct leaks *leaks;
	struct fdstack_sites *sites;
	uint64_t kept[FDSTACK_KEPT_MAX]; /* processes of targets */
	size_t kept_cnt;
	uint32_t text_budget; /* paths that may still be asked for in this drain */
	bool must_look;	      /* an event did not say all */
	uint64_t looked_ns;   /* 0: never */
	uint64_t lost_then;   /* at that time */
	struct buf look;
};

/* fdstack_events.c: what waits in the ring into the table. */
int fdstack_ring_open(struct fdstack *f);
void fdstack_drain(struct fdstack *f);
/* The path of a descriptor as /proc has it, into text; NULL: it is gone. */
const char *fdstack_path(const struct fdstack *f, uint64_t process, int32_t fd, char *text,
			 size_t size);

/* fdstack_selftest.c: does a rung that has been opened tell all? As fd_selftest(). */
int fdstack_selftest(struct fdstack *f, enum fd_sight sight, char *reason);

/* fdstack_look.c: the table against the processes' own. */
int fdstack_look(struct fdstack *f);

/* fdstack_sites.c: copies of stacks into sites, rows for the kernel side, names. */
struct fdstack_sites_opts {
	int proc_fd;
	const struct bpf_program *teach_row; /* of the loaded object */
	const struct bpf_program *teach_stack;
	bool debuginfod;
};

int fdstack_sites_new(const struct fdstack_sites_opts *opts, struct leaks *leaks,
		      struct fdstack_sites **ret);
void fdstack_sites_free(struct fdstack_sites *s);
/* A process has executed: read what it maps while it lives. */
void fdstack_sites_executed(struct fdstack_sites *s, uint64_t space, uint64_t process);
/* The site of a copied stack; teaches the kernel side to know it by itself. */
uint32_t fdstack_sites_capture(struct fdstack_sites *s, const struct fdstack_capture *c);
/* Names what has none yet. False: a server of debug information kept it waiting, and is asked no
 * more. */
bool fdstack_sites_name(struct fdstack_sites *s);

#endif
