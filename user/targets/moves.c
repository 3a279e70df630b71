// SPDX-License-Identifier: BSD-2-Clause
/* Rows from the map `moves`. One at a time: whose they are is known, and they are few. */
#include "targets/moves.h"

#include <errno.h>
#include <stddef.h>

#include "base/bpfread.h"
#include "bpf/fd.h"
#include "bpf/targets.h"
#include "targets.skel.h"

#define AT(field) offsetof(struct move, field)

/* What is valid where all threads were seen, and what always is. */
static const struct {
	enum raw_id id;
	size_t at;
	bool of_threads;
} values[] = {
	{ RAW_CPU_NS, AT(base.runtime_ns), true },
	{ RAW_ONCPU_NS, AT(base.runtime_ns), true },
	{ RAW_RUNQUEUE_NS, AT(run_delay_ns), true },
	{ RAW_VOLUNTARY, AT(base.voluntary), true },
	{ RAW_INVOLUNTARY, AT(base.involuntary), true },
	{ RAW_FD_OPENS, AT(fd_opens), false },
	{ RAW_FD_CLOSES, AT(fd_closes), false },
	{ RAW_FD_OTHER_TABLE, AT(fd_other_table), false },
	{ RAW_FD_OPEN_EAGAIN, AT(fd_errors[FD_EAGAIN]), false },
	{ RAW_FD_OPEN_ENOENT, AT(fd_errors[FD_ENOENT]), false },
	{ RAW_FD_OPEN_EACCES, AT(fd_errors[FD_EACCES]), false },
	{ RAW_FD_OPEN_EMFILE, AT(fd_errors[FD_EMFILE]), false },
	{ RAW_FD_OPEN_ENFILE, AT(fd_errors[FD_ENFILE]), false },
};

_Static_assert(sizeof(((struct move *)0)->fd_errors) / sizeof(__u64) == FD_ERROR_CNT,
	       "one for each class of errors");

int64_t base_system_ns(const struct member_base *base)
{
	uint64_t sampled = base->utime_ns + base->stime_ns;
	double share = sampled ? (double)base->stime_ns / (double)sampled : 0;

	return (int64_t)((double)base->runtime_ns * share);
}

static void fill(struct raw_row *row, const struct move *mv)
{
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++)
		if (mv->known || !values[i].of_threads)
			row->v[values[i].id] =
				(int64_t)*(const __u64 *)((const char *)mv + values[i].at);
	row->v[RAW_FD_OPEN_ERRORS] = 0;
	for (i = 0; i < FD_ERROR_CNT; i++)
		row->v[RAW_FD_OPEN_ERRORS] += (int64_t)mv->fd_errors[i];
	if (!mv->known)
		return;
	row->v[RAW_CPU_SYSTEM_NS] = base_system_ns(&mv->base);
	row->v[RAW_CPU_USER_NS] = row->v[RAW_CPU_NS] - row->v[RAW_CPU_SYSTEM_NS];
	row->v[RAW_BLOCKED_NS] =
		(int64_t)(mv->lifetime_ns - mv->base.runtime_ns - mv->run_delay_ns);
}

/* What is told of no moment in between is as it was. */
static void keep(struct raw_row *row, const struct raw_row *last)
{
	int i;

	for (i = 0; i < RAW_COUNT; i++)
		if (raw_is_kept(i) && !raw_is_told_at_moves(i))
			row->v[i] = last->v[i];
}

/* One that was lost may have led anywhere, unless it was the last. */
static int add_lost(struct process *p, const struct targets_bpf *skel, uint64_t groups, bool last)
{
	uint64_t anywhere = skel->rodata->cgroup_groups | skel->rodata->comm_groups;
	struct raw_move *to = process_add_move(p, groups);

	if (!to)
		return -ENOMEM;
	to->doubt = last ? 0 : anywhere;
	keep(&to->at, &p->last);
	return 0;
}

static bool is_there(const struct targets_bpf *skel, uint64_t process, uint32_t number)
{
	uint64_t args[] = { process, number };

	return bpf_run_program(skel->progs.targets_take_move, args, sizeof(args)) == 1;
}

static int take(struct process *p, const struct targets_bpf *skel, const struct member *m)
{
	uint32_t number = process_moves(p);
	const struct move *mv = &skel->bss->taken_move;
	struct raw_move *to;

	if (!is_there(skel, p->id, number))
		return add_lost(p, skel, m->groups, number + 1 == m->moves);
	to = process_add_move(p, mv->groups);
	if (!to)
		return -ENOMEM;
	keep(&to->at, &p->last);
	fill(&to->at, mv);
	return 0;
}

/* To the last, past those for which the kernel side had no room. */
static int skip(struct process *p, const struct targets_bpf *skel, const struct member *m)
{
	int err = add_lost(p, skel, m->groups, false);

	p->moves_past += m->moves - 1 - process_moves(p);
	return err;
}

/* It is not counted from its start, but from where it came in. */
static void set_last(struct process *p)
{
	const struct raw_row *first = process_first(p);
	int i;

	for (i = 0; first && i < RAW_COUNT; i++)
		if (!p->born || raw_kinds[i] == RAW_COUNTER)
			p->last.v[i] = first->v[i];
}

int moves_take(struct process *p, const struct targets_bpf *skel, const struct member *m)
{
	uint32_t taken = 0;
	int err = 0;

	while (!err && process_moves(p) != m->moves)
		err = taken++ == MOVES_OF_ONE_MAX && m->moves - process_moves(p) > 1 ?
			      skip(p, skel, m) : take(p, skel, m);
	p->groups = m->groups;
	set_last(p);
	return err;
}
