/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the task instrument. */
#ifndef KTALLY_PROBES_TASK_INTERNAL_H
#define KTALLY_PROBES_TASK_INTERNAL_H

#include <stdint.h>

struct process;
struct task_account;
struct task_leader_rec;

/* task.c: what one thread has used, or several. */
void task_add_account(struct process *p, const struct task_account *a);

/* task_untracked.c: entries of those that are counted together. Before the iterator runs, with what
 * the ended ones left, by slot; */
void task_begin_untracked(struct process *p, const struct task_account *ended);
/* one of those alive; */
void task_add_untracked(struct process *p, const struct task_leader_rec *rec);
/* and after the last. */
void task_finish_untracked(struct process *p);

#endif
