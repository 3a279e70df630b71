/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the fd instrument counts, by process. Made by targets.bpf.c's object, which looks into it
 * when a process changes its groups. */
#ifndef KTALLY_FD_MAP_BPF_H
#define KTALLY_FD_MAP_BPF_H

#include "compat.bpf.h"
#include "fd.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct fd_process);
} fd_processes SEC(".maps");

#endif
