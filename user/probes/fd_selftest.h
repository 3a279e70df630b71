/* SPDX-License-Identifier: BSD-2-Clause */
/* The proof that a rung of the fd instrument counts right on this kernel, before anybody relies on
 * it. */
#ifndef KTALLY_PROBES_FD_SELFTEST_H
#define KTALLY_PROBES_FD_SELFTEST_H

#include "base/bpfload.h"
#include "base/bpfread.h"

enum fd_sight { FD_SEES_SYSCALLS, FD_SEES_ALL };

/* A child of ours opens and closes a known set (open, dup, dup2 to a free slot, over an open one
 * and onto itself, pipe, socketpair with SCM_RIGHTS, close_range, a failed open); its entry in the
 * map fd_processes must say so. 0, or -EBADE with a sentence in reason. */
int fd_selftest(const struct bpf_shared *shared, struct bpf_reader *counts, int proc_fd,
		enum fd_sight sight, char *reason);

#endif
