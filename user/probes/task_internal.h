/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the task instrument. */
#ifndef KTALLY_PROBES_TASK_INTERNAL_H
#define KTALLY_PROBES_TASK_INTERNAL_H

struct probe_env;
struct process;
struct task_account;
struct task_leader_rec;

/* task.c: what one thread has used, or several. */
void task_add_account(struct process *p, const struct task_account *a);

/* task_proc.c: memory, where it is not known yet, and descriptors, by a directory of /proc; */
void task_read_levels(struct process *p, int dir);
/* the same where the first thread has ended before the others, and left them to those; */
void task_read_headless(struct process *p, int dir);
/* and everything. */
void task_read_process(const struct probe_env *env, struct process *p);

/* task_untracked.c: entries of those that are counted together. Before the iterator runs, with what
 * the ended ones left, by slot; */
void task_begin_untracked(struct process *p, const struct task_account *ended);
/* one of those alive; */
void task_add_untracked(struct process *p, const struct task_leader_rec *rec);
/* and after the last. */
void task_finish_untracked(struct process *p);

#endif
