// SPDX-License-Identifier: BSD-2-Clause
/* What the sched instrument makes of one process once all instruments have been read. */
#include "probes/probe.h"
#include "probes/sched_internal.h"

/* These clocks run from the process's start; what a joiner had used before is not its target's. */
void sched_set_clock(struct process *p, enum raw_id id, int64_t ns)
{
	p->now.v[id] = ns;
	if (p->last.v[id] == RAW_UNKNOWN && !p->born)
		p->last.v[id] = ns;
}

/* No thread alive was seen, and none that ended: an entry without times says nothing. */
static void forget_clocks(struct raw_row *now)
{
	now->v[RAW_ONCPU_NS] = now->v[RAW_RUNQUEUE_NS] = now->v[RAW_BLOCKED_NS] = RAW_UNKNOWN;
}

static uint64_t known_or_none(int64_t value)
{
	return value == RAW_UNKNOWN ? 0 : (uint64_t)value;
}

/* Of one that has ended and is in /proc no more, this is all that is known. */
static void settle_cpu(struct process *p, int64_t oncpu)
{
	if (p->now.v[RAW_CPU_NS] != RAW_UNKNOWN && oncpu > p->now.v[RAW_CPU_NS])
		process_set_cpu_total(p, oncpu);
	else if (p->now.v[RAW_CPU_NS] == RAW_UNKNOWN && p->exited && !p->untracked)
		process_set_cpu(p, oncpu, known_or_none(process_value_before(p, RAW_CPU_USER_NS)),
				known_or_none(process_value_before(p, RAW_CPU_SYSTEM_NS)));
}

/* The time that its threads neither ran nor waited for a CPU they slept. How long they ran is known
 * best by the task instrument while they run, to the nanosecond, and here once they have ended:
 * that one was told as the last began to end, when the kernel had yet to sum up others. */
void sched_settle_clocks(struct process *p)
{
	int64_t oncpu = p->now.v[RAW_CPU_NS] > p->now.v[RAW_ONCPU_NS] ? p->now.v[RAW_CPU_NS] :
									p->now.v[RAW_ONCPU_NS];
	int64_t runqueue = p->now.v[RAW_RUNQUEUE_NS];
	int64_t blocked = p->now.v[RAW_BLOCKED_NS] - oncpu - runqueue;

	if (p->now.v[RAW_BLOCKED_NS] <= 0) {
		forget_clocks(&p->now);
		return;
	}
	settle_cpu(p, oncpu);
	sched_set_clock(p, RAW_ONCPU_NS, oncpu);
	sched_set_clock(p, RAW_RUNQUEUE_NS, runqueue);
	sched_set_clock(p, RAW_BLOCKED_NS, blocked > 0 ? blocked : 0);
}

/* The referee: the kernel's own count is read after ours, so it cannot be behind ours now, nor was
 * it, at the read before, ahead of ours now. */
void sched_check(struct process *p)
{
	int64_t kernel = p->kernel_voluntary + p->kernel_involuntary;
	int64_t counted = p->counted_switches, off = 0;

	if (counted > kernel)
		off = counted - kernel;
	else if (p->kernel_switches_before != RAW_UNKNOWN && p->kernel_switches_before > counted)
		off = p->kernel_switches_before - counted;
	p->now.v[RAW_SWITCHES_UNATTRIBUTED] = off;
	p->kernel_switches_before = kernel;
}
