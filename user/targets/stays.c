// SPDX-License-Identifier: BSD-2-Clause
/* A walk over a process's moves. */
#include "targets/stays.h"

/* Before its i-th move; where there is doubt, yes. */
static bool was_in(const struct target *target, const struct process *p, uint32_t i)
{
	const struct raw_move *before = i ? &p->moves[i - 1] : NULL;

	if (target->group == TARGET_NO_GROUP)
		return p->id == target->root_id;
	return (before ? before->groups | before->doubt : p->groups_before) & target_bit(target);
}

/* Does a stay go on over its i-th move? */
static bool stays(const struct target *target, const struct process *p, uint32_t i)
{
	return was_in(target, p, i + 1) && !(p->moves[i].doubt & target_bit(target));
}

bool target_had(const struct target *target, const struct process *p)
{
	uint32_t i;

	for (i = 0; i <= p->move_cnt; i++)
		if (was_in(target, p, i))
			return true;
	return false;
}

bool stay_next(const struct target *target, const struct process *p, uint32_t *at,
	       struct stay *ret)
{
	uint32_t i = *at;

	while (i <= p->move_cnt && !was_in(target, p, i))
		i++;
	if (i > p->move_cnt)
		return false;
	ret->moved_in = i > 0;
	ret->from = i ? &p->moves[i - 1].at : &p->last;
	while (i < p->move_cnt && stays(target, p, i))
		i++;
	ret->moved_out = i < p->move_cnt;
	ret->to = ret->moved_out ? &p->moves[i].at : &p->now;
	*at = i + 1;
	return true;
}

bool stay_last(const struct target *target, const struct process *p, struct stay *ret)
{
	uint32_t at = 0;
	bool any = false;

	while (stay_next(target, p, &at, ret))
		any = true;
	return any;
}

/* One that was born in it began with nothing. */
static int64_t beginning(const struct process *p, const struct stay *s,
			 const struct raw_row *before, int raw)
{
	if (s->moved_in)
		return s->from->v[raw];
	return before->v[raw] == RAW_UNKNOWN && p->born ? 0 : before->v[raw];
}

static void add_stay(struct raw_row *sum, const struct process *p, const struct stay *s,
		     const struct raw_row *before)
{
	int i;

	for (i = 0; i < RAW_COUNT; i++) {
		int64_t from = beginning(p, s, before, i), to = s->to->v[i];

		if (from == RAW_UNKNOWN || to == RAW_UNKNOWN || sum->v[i] == RAW_UNKNOWN)
			sum->v[i] = RAW_UNKNOWN;
		else
			sum->v[i] += to - from;
	}
}

void stays_sum(const struct target *target, const struct process *p, struct raw_row *ret)
{
	struct raw_row before, zero = { { 0 } };
	struct stay stay;
	uint32_t at = 0;

	*ret = zero;
	process_before(p, &before);
	while (stay_next(target, p, &at, &stay))
		add_stay(ret, p, &stay, &before);
}
