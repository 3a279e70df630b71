/* SPDX-License-Identifier: BSD-2-Clause */
/* The instrument `fd`, from the inside. */
#ifndef KTALLY_PROBES_FD_INTERNAL_H
#define KTALLY_PROBES_FD_INTERNAL_H

#include "base/bpfread.h"
#include "probes/probe.h"

struct bpf_link;
struct fd_bpf;

#define FD_CALLS_MAX 3 /* system calls with a tracepoint of their own */

struct fd {
	struct probe_env *env;
	struct fd_bpf *skel; /* NULL: nothing is loaded */
	struct bpf_link *calls[FD_CALLS_MAX];
	struct bpf_reader counts;
};

/* fd_hooks.c: the rungs' programs, loaded, on their hooks and found to count right. As struct rung
 * has it. */
int fd_open_multi(void *self, char *reason);
int fd_open_fentry(void *self, char *reason);
int fd_open_syscall(void *self, char *reason);
void fd_close_bpf(struct fd *f);

#endif
