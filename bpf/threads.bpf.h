/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the sched instrument counted of each thread alive. Made by targets.bpf.c's object, as is the
 * table of who is watched: sched writes it, and the task instrument, which visits every thread,
 * looks into it, which spares a walk over a map that is mostly room for threads to come. */
#ifndef KTALLY_THREADS_BPF_H
#define KTALLY_THREADS_BPF_H

#include "compat.bpf.h"
#include "sched.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct sched_thread);
} sched_threads SEC(".maps");

#endif
