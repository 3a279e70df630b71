// SPDX-License-Identifier: BSD-2-Clause
/* The entries of those that are counted together, as their slot says. */
#include "targets/untracked.h"

#include "bpf/targets.h"
#include "targets/moves.h"
#include "targets/process.h"

/* All have ended when the kernel side saw them end; or when a reader found none, see `gone`, which
 * holds until the next is born. Ended ones are read first, so that they are never more. */
void untracked_take(struct process *p, const struct untracked *u)
{
	uint64_t ended = __atomic_load_n(&u->ended, __ATOMIC_SEQ_CST);
	uint64_t born = __atomic_load_n(&u->born, __ATOMIC_SEQ_CST);

	if (born != p->born_cnt)
		p->gone = false;
	p->born_cnt = born;
	p->groups = p->groups_before = u->groups;
	p->alive = p->gone ? 0 : (uint32_t)(born - ended);
	p->exited = born == ended;
	if (p->alive)
		p->grace = 0;
}

static void take_off(struct process *p, enum raw_id id, uint64_t base)
{
	if (p->now.v[id] != RAW_UNKNOWN)
		p->now.v[id] -= (int64_t)base;
}

/* Nor what was known before it: that is no longer all. */
static void forget_past(struct process *p)
{
	static const enum raw_id since_start[] = { RAW_CPU_NS,	    RAW_CPU_USER_NS,
						   RAW_CPU_SYSTEM_NS, RAW_VOLUNTARY,
						   RAW_INVOLUNTARY, RAW_ONCPU_NS,
						   RAW_RUNQUEUE_NS, RAW_BLOCKED_NS };
	size_t i;

	for (i = 0; i < sizeof(since_start) / sizeof(*since_start); i++)
		p->now.v[since_start[i]] = p->last.v[since_start[i]] = RAW_UNKNOWN;
}

void untracked_settle(struct process *p, const struct untracked *u)
{
	const struct member_base *base = &u->base;
	uint64_t system_ns = (uint64_t)base_system_ns(base);

	if (u->unknown) {
		forget_past(p);
		return;
	}
	take_off(p, RAW_CPU_NS, base->runtime_ns);
	take_off(p, RAW_CPU_SYSTEM_NS, system_ns);
	take_off(p, RAW_CPU_USER_NS, base->runtime_ns - system_ns);
	take_off(p, RAW_VOLUNTARY, base->voluntary);
	take_off(p, RAW_INVOLUNTARY, base->involuntary);
	take_off(p, RAW_ONCPU_NS, base->runtime_ns);
	take_off(p, RAW_RUNQUEUE_NS, u->run_delay_ns);
	take_off(p, RAW_BLOCKED_NS, u->lifetime_ns - base->runtime_ns - u->run_delay_ns);
}
