/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the sched instrument. */
#ifndef KTALLY_PROBES_SCHED_INTERNAL_H
#define KTALLY_PROBES_SCHED_INTERNAL_H

#include <stdint.h>

#include "base/metrics.h"

struct process;

/* sched_settle.c: a clock that runs from the process's start; */
void sched_set_clock(struct process *p, enum raw_id id, int64_t ns);
/* from lifetimes, time on a CPU and in its queue, to blocked time; */
void sched_settle_clocks(struct process *p);
/* and the count against the kernel's own. */
void sched_check(struct process *p);

#endif
