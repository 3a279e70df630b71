/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which namespaces ktally runs in. BPF helpers give PIDs of the first PID namespace and times of
 * the first time namespace, while /proc gives those of its reader: elsewhere the two do not join,
 * and a process would get the numbers of another.
 */
#ifndef KTALLY_BASE_NAMESPACES_H
#define KTALLY_BASE_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct namespaces {
	bool pid_first;
	bool proc_own;     /* this /proc shows our own PID namespace */
	bool time_shifted; /* our clocks differ from the kernel's own */
	bool user_first;   /* elsewhere capabilities do not count for BPF */
};

/* self: our PID, as getpid() says it. A kernel without one of the kinds has only the first of it.
 */
int namespaces_read(int proc_fd, pid_t self, struct namespaces *ret);
/* timens_offsets (proc(5)): is an offset in it other than zero? */
bool timens_shifted(const char *text, size_t len);

/* Each 0, or -ENOTSUP with one sentence in reason. */
int namespaces_join_pids(const struct namespaces *ns, char *reason, size_t size);
int namespaces_join_times(const struct namespaces *ns, char *reason, size_t size);
/* Both, for this process. */
int namespaces_join(int proc_fd, char *reason, size_t size);

#endif
