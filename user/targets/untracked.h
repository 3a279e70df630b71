/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that found no room in the kernel's map: one entry for all of the same groups. */
#ifndef KTALLY_TARGETS_UNTRACKED_H
#define KTALLY_TARGETS_UNTRACKED_H

struct process;
struct untracked;

/* Before its numbers are read: how many there are. */
void untracked_take(struct process *p, const struct untracked *u);
/* After: what they had used before they came in is taken off. */
void untracked_settle(struct process *p, const struct untracked *u);

#endif
