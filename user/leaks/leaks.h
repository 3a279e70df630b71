/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who opened what is still open: descriptors by (process, number), each with the site that opened
 * it, from its opening until it is closed, replaced, left behind by exec or torn down. Pure: events
 * in, in the order in which they happened, and a report out. Times are CLOCK_MONOTONIC.
 */
#ifndef KTALLY_LEAKS_LEAKS_H
#define KTALLY_LEAKS_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leaks/record.h"

#define LEAKS_FDS_MAX	131072 /* open at once; about 200 bytes each */
#define LEAKS_SITES_MAX 4096

struct leaks;

/* Sites that are no place in a program. */
enum { LEAKS_SITE_UNSEEN, LEAKS_SITE_LOST, LEAKS_SITE_FIRST };

/* A descriptor, as an event or a look at the tables tells it. */
struct leaks_fd {
	uint64_t process;  /* PROCESS_ID */
	int32_t fd;	   /* -1: not known */
	uint64_t file;	   /* address in the kernel: another user of the number has another */
	uint32_t mode;	   /* of the inode */
	const char *name;  /* of what has no path: "[eventfd]"; or "" */
	uint32_t site;
	uint64_t ts_ns;
	const char *text;  /* path or addresses, copied; NULL: unknown */
};

int leaks_new(struct leaks **ret);
void leaks_free(struct leaks *l);

/* A new call site, still without names; -ENOSPC: there are too many. */
int leaks_add_site(struct leaks *l, uint32_t *ret);
/* NULL: not yet named. */
const struct leak_stack *leaks_stack(const struct leaks *l, uint32_t site);
/* stack is taken over: one allocation, with its frames and their texts in it. */
void leaks_set_stack(struct leaks *l, uint32_t site, struct leak_stack *stack);

void leaks_open(struct leaks *l, const struct leaks_fd *fd);
/* True: it cannot be said which one of several copies went; look. */
bool leaks_close(struct leaks *l, const struct leaks_fd *fd);
void leaks_close_range(struct leaks *l, uint64_t process, uint32_t first, uint32_t last);
/* open: a bit for each descriptor below bits that survived. */
void leaks_exec(struct leaks *l, uint64_t process, const uint64_t *open, uint32_t bits);
void leaks_fork(struct leaks *l, uint64_t parent, uint64_t child);
/* keep: what it had open stays in the report. */
void leaks_exit(struct leaks *l, uint64_t process, bool keep);
/* It lives on, and is watched no more. */
void leaks_leave(struct leaks *l, uint64_t process);

/*
 * The tables themselves, read between begin_ns and now, with every event since taken in:
 * leaks_look_begin, read, take in, leaks_look. What was opened earlier and is not there has gone;
 * what is there and was never opened belongs to LEAKS_SITE_UNSEEN, since ts_ns (0: before ktally).
 */
void leaks_look_begin(struct leaks *l, uint64_t begin_ns);
void leaks_look(struct leaks *l, const struct leaks_fd *seen, size_t cnt);

/* Is a text wanted for this one? Few are, and only those shown. */
bool leaks_wants_text(const struct leaks *l, uint64_t process, int32_t fd);
void leaks_set_text(struct leaks *l, uint64_t process, int32_t fd, const char *text);

/* What the instruments know of a process; NaN: unknown. */
void leaks_describe(struct leaks *l, uint64_t process, const char comm[16], double open_fds,
		    double limit);
/* Once a tick: the trends go on. */
void leaks_sample(struct leaks *l, uint64_t now_ns);
/* What did not fit. */
uint64_t leaks_lost(const struct leaks *l);

/* ---- the answer ---- */

struct leaks_report {
	struct leak_record *list; /* leaks first, sites whose opens are matched by closes last */
	size_t cnt;
	struct leak_type *types;  /* of all */
};

/* text: asked for each example that has none yet; NULL: nobody knows. What it returns lives until
 * its next call. */
typedef const char *(*leaks_text_fn)(void *ctx, uint64_t process, int32_t fd);
int leaks_report(struct leaks *l, uint64_t now_ns, double timestamp, leaks_text_fn text, void *ctx,
		 struct leaks_report *ret);
void leaks_report_fini(struct leaks_report *r);

#endif
