/* SPDX-License-Identifier: BSD-2-Clause */
/* The proof that a rung of an instrument on descriptors counts right on this kernel, before anybody
 * relies on it. */
#ifndef KTALLY_PROBES_FD_SELFTEST_H
#define KTALLY_PROBES_FD_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bpfload.h"

enum fd_sight { FD_SEES_SYSCALLS, FD_SEES_ALL };

#define FD_NOT_TOLD UINT64_MAX

/* Of one process, so far. */
struct fd_tally {
	uint64_t opens;
	uint64_t closes;
	uint64_t failed; /* FD_NOT_TOLD: the instrument does not count them */
};

/* Who is tested; ctx is for both. */
struct fd_counter {
	enum fd_sight sight;
	bool replaces; /* an open over another is that one's close: it has none of its own */
	bool ranges;   /* close_range is one close */
	void *ctx;
	void (*count)(void *ctx, uint64_t process, struct fd_tally *ret); /* ret is zeroed */
	void (*forget)(void *ctx, uint64_t process); /* NULL: nothing is left of it */
};

/* A child of ours opens and closes a known set (open, dup, dup2 to a free slot, over an open one
 * and onto itself, pipe, socketpair with SCM_RIGHTS, close_range, a failed open), and must be
 * counted so. 0, or -EBADE with a sentence in reason. */
int fd_selftest(const struct bpf_shared *shared, const struct fd_counter *counter, int proc_fd,
		char *reason);

#endif
