/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF programs on tracepoints by name, as "syscalls/sys_enter_dup2": the kernel leaves all other
 * system calls after one look at a bitmap (perf_syscall_enter(), kernel/trace/trace_syscalls.c),
 * where a program on sys_enter is run for each.
 */
#ifndef KTALLY_BASE_TRACEPOINTS_H
#define KTALLY_BASE_TRACEPOINTS_H

#include <stddef.h>

struct bpf_link;
struct bpf_object;

struct tracepoint_hook {
	const char *program; /* of the object */
	const char *name;    /* of the tracepoint */
};

/* ret_links: one for each hook, NULL before, to detach later. On failure there are none and reason
 * (of LADDER_REASON_LEN bytes) gets one sentence. */
int tracepoints_attach(const struct bpf_object *obj, const struct tracepoint_hook *hooks,
		       size_t cnt, struct bpf_link **ret_links, char *reason);

/* NULL links are fine, and are NULL afterwards. */
void tracepoints_detach(struct bpf_link **links, size_t cnt);

#endif
