/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the sched instrument has of ended threads, by process. Made by targets.bpf.c's object, which
 * looks into it when a process changes its groups. */
#ifndef KTALLY_SCHED_MAP_BPF_H
#define KTALLY_SCHED_MAP_BPF_H

#include "compat.bpf.h"
#include "sched.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct sched_process);
} sched_processes SEC(".maps");

#endif
