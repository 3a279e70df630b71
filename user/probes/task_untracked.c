// SPDX-License-Identifier: BSD-2-Clause
/* What the task instrument says of processes that are counted together, see bpf/targets.h. */
#include "bpf/targets.h"
#include "bpf/task.h"
#include "probes/probe.h"
#include "probes/task_internal.h"

/* One that ends after this is missing from this read, and in the next. */
void task_begin_untracked(struct process *p, const struct task_account *ended)
{
	const struct task_account *a = &ended[UNTRACKED_SLOT(p->id)];

	p->alive = 0;
	p->unknown_fds = p->unknown_files = false;
	task_add_account(p, a);
	p->kernel_voluntary = (int64_t)a->voluntary;
	p->kernel_involuntary = (int64_t)a->involuntary;
}

/* Is it unknown, and not none, as of a process that has left its table or its memory? */
static bool add_known(struct process *p, enum raw_id id, int64_t value, bool lives)
{
	if (value != TASK_UNKNOWN)
		raw_add(&p->now, id, value);
	return value == TASK_UNKNOWN && lives;
}

void task_add_untracked(struct process *p, const struct task_leader_rec *rec)
{
	bool lives = rec->rss_bytes != TASK_UNKNOWN; /* memory goes before the table */

	task_add_account(p, &rec->ended);
	add_known(p, RAW_RSS_BYTES, rec->rss_bytes, lives);
	p->unknown_fds |= add_known(p, RAW_OPEN_FDS, rec->fds, lives);
	p->unknown_files |= add_known(p, RAW_OPEN_FILES, rec->regular_files, lives);
	raw_add(&p->now, RAW_THREADS, rec->threads);
	p->kernel_voluntary += rec->ended.voluntary;
	p->kernel_involuntary += rec->ended.involuntary;
	p->alive++;
}

void task_finish_untracked(struct process *p)
{
	process_set_cpu_total(p, p->now.v[RAW_CPU_NS]);
	if (p->unknown_fds)
		p->now.v[RAW_OPEN_FDS] = RAW_UNKNOWN;
	if (p->unknown_files)
		p->now.v[RAW_OPEN_FILES] = RAW_UNKNOWN;
	raw_max(&p->now, RAW_VOLUNTARY, p->kernel_voluntary);
	raw_max(&p->now, RAW_INVOLUNTARY, p->kernel_involuntary);
	p->gone = !p->alive;
}
