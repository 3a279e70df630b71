// SPDX-License-Identifier: BSD-2-Clause
/* What could not be counted or written, and by whom. */
#include "monitor/internal.h"

/* The kernel tells of the programs that it skipped by a system call for each, half of what a tick
 * of one process would make. It hardly ever skips one; once it has, it is asked at every tick. */
#define ASK_NS 10000000000ULL

/* The kernel side's parts: the targets, then each instrument. */
static size_t part_cnt(const struct ktally_monitor *m)
{
	return 1 + m->sampler.cnt;
}

static const char *part_name(const struct ktally_monitor *m, size_t part)
{
	return part ? m->sampler.list[part - 1].ops->name : "targets";
}

static uint64_t lost_by(const struct ktally_monitor *m, size_t part)
{
	return part ? sampler_lost(&m->sampler, part - 1) : targets_lost(&m->targets);
}

static size_t skips_of(const struct ktally_monitor *m, size_t part, struct bpf_skip *list,
		       size_t max)
{
	return part ? sampler_skips(&m->sampler, part - 1, list, max) :
		      targets_skips(&m->targets, list, max);
}

static uint64_t sum(const struct loss_record *list, size_t cnt)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < cnt; i++)
		total += list[i].count;
	return total;
}

static void describe_part(const struct ktally_monitor *m, size_t part, struct monitor_losses *ret)
{
	struct bpf_skip skips[MONITOR_PROGRAMS_MAX];
	size_t i, n = skips_of(m, part, skips, MONITOR_PROGRAMS_MAX - ret->program_cnt);
	struct loss_record *source = &ret->by_source[ret->source_cnt++];

	*source = (struct loss_record){ part_name(m, part), lost_by(m, part) };
	for (i = 0; i < n; i++) {
		source->count += skips[i].count;
		ret->by_program[ret->program_cnt++] =
			(struct loss_record){ skips[i].program, skips[i].count };
	}
}

/* Programs and kernel. */
static void ask(struct ktally_monitor *m, struct monitor_losses *ret)
{
	const struct loss_record *parts = &ret->by_source[ret->source_cnt];
	size_t part;

	for (part = 0; part < part_cnt(m); part++)
		describe_part(m, part, ret);
	m->kernel_skips = sum(ret->by_program, ret->program_cnt);
	m->kernel_lost = sum(parts, part_cnt(m)) - m->kernel_skips;
	m->skips_asked_ns = m->last_tick_ns;
}

static void ask_programs(struct ktally_monitor *m)
{
	uint64_t lost = 0;
	size_t part;

	for (part = 0; part < part_cnt(m); part++)
		lost += lost_by(m, part);
	m->kernel_lost = lost;
}

/* Is no other tick to come that could say what was skipped before this one? */
static bool ends_soon(const struct ktally_monitor *m)
{
	if (m->count_limit && m->ticks + 1 >= m->count_limit)
		return true;
	return m->duration_ns &&
	       m->last_tick_ns + m->interval_ns >= m->begin_ns + m->duration_ns;
}

void monitor_losses_look(struct ktally_monitor *m, bool last)
{
	struct monitor_losses losses = { .source_cnt = 0 };

	if (last || ends_soon(m) || m->kernel_skips ||
	    m->last_tick_ns - m->skips_asked_ns >= ASK_NS)
		ask(m, &losses);
	else
		ask_programs(m);
}

uint64_t monitor_lost(const struct ktally_monitor *m)
{
	return m->kernel_lost + m->kernel_skips + monitor_dropped(m) + monitor_doors_lost(m);
}

void monitor_losses_describe(struct ktally_monitor *m, struct monitor_losses *ret)
{
	*ret = (struct monitor_losses){ .source_cnt = 1 };
	ret->by_source[0] = (struct loss_record){ "records", monitor_dropped(m) };
	ask(m, ret);
	ret->source_cnt += monitor_doors_losses(m, &ret->by_source[ret->source_cnt]);
}
