/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves as the kernel side took them down, see bpf/targets.h. */
#ifndef KTALLY_TARGETS_MOVES_H
#define KTALLY_TARGETS_MOVES_H

#include "targets/process.h"

struct member;
struct member_base;
struct targets_bpf;

/* Of its run time, as process_set_cpu() divides it. */
int64_t base_system_ns(const struct member_base *base);

/* Those that p has not got yet, and where it is. One that is not there is one move of which nothing
 * is known. -ENOMEM. By programs, not by the map commands of bpf(2): see base/bpfread.h. */
int moves_take(struct process *p, const struct targets_bpf *skel, const struct member *m);

#endif
