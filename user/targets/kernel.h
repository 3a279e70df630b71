/* SPDX-License-Identifier: BSD-2-Clause */
/* The user side of bpf/targets.bpf.c. */
#ifndef KTALLY_TARGETS_KERNEL_H
#define KTALLY_TARGETS_KERNEL_H

#include "targets/targets.h"

int targets_kernel_open(struct targets *t, char *reason);
void targets_kernel_close(struct targets *t);
/* Is this PID watched at this moment? */
bool targets_kernel_watches(const struct targets *t, const struct process *p);
/* Is it in no group? Then it is watched no more. */
bool targets_kernel_leave(const struct targets *t, const struct process *p);
/* Makes the kernel side watch a process that the user side found. */
int targets_kernel_insert(struct targets *t, struct process *p);
/* Members as the kernel side has them now, into the table. */
int targets_kernel_refresh(struct targets *t);
/* Only the moves that were made since then, by those that it found. */
int targets_kernel_follow(struct targets *t);
void targets_kernel_remove(struct targets *t, const struct forgotten *f);
const struct bpf_object *targets_kernel_object(const struct targets *t);
uint64_t targets_kernel_untracked(const struct targets *t);
void targets_kernel_settle_untracked(struct targets *t);
uint64_t targets_kernel_lost(const struct targets *t);
size_t targets_kernel_skips(const struct targets *t, struct bpf_skip *list, size_t max);

#endif
