// SPDX-License-Identifier: BSD-2-Clause
/* Arithmetic of derive.h: a walk over the metric table. */
#include "snapshot/derive.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

static double raw_sum(const struct raw_row *row, const struct metric *m, bool unknown_is_zero)
{
	int64_t a = row->v[m->a];
	int64_t b = m->b == RAW_NONE ? 0 : row->v[m->b];

	if (unknown_is_zero) {
		a = a == RAW_UNKNOWN ? 0 : a;
		b = b == RAW_UNKNOWN ? 0 : b;
	}
	if (a == RAW_UNKNOWN || b == RAW_UNKNOWN)
		return NAN;
	return (double)a + (double)b;
}

/* Differences of integers, so that nanoseconds of a long uptime keep their last digit. */
static double raw_delta(const struct raw_row *prev, bool prev_zero, const struct raw_row *now,
			const struct metric *m)
{
	struct raw_row change;
	int ids[2] = { m->a, m->b }, i;

	for (i = 0; i < 2; i++) {
		int64_t before;

		if (ids[i] == RAW_NONE)
			continue;
		before = prev->v[ids[i]];
		if (before == RAW_UNKNOWN && (prev_zero || raw_kinds[ids[i]] == RAW_COUNTER))
			before = 0;
		change.v[ids[i]] = before == RAW_UNKNOWN || now->v[ids[i]] == RAW_UNKNOWN ?
					   RAW_UNKNOWN : now->v[ids[i]] - before;
	}
	return raw_sum(&change, m, false);
}

void snapshot_derive(const struct raw_row *prev, bool prev_zero, const struct raw_row *now,
		     const struct raw_row *total, double interval_seconds,
		     uint64_t host_memory_bytes, double *values)
{
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++) {
		const struct metric *m = &metrics[i];
		double v = NAN;

		if (m->derive == DERIVE_VALUE)
			v = raw_sum(total, m, false);
		else if (m->derive == DERIVE_OF_HOST)
			v = host_memory_bytes ? raw_sum(total, m, false) / (double)host_memory_bytes
					      : NAN;
		else
			v = raw_delta(prev, prev_zero, now, m);
		if (m->derive == DERIVE_RATE)
			v = interval_seconds > 0 ? v / interval_seconds : NAN;
		values[i] = jsonw_fixed_value(v * m->scale, m->decimals);
	}
}

void group_init(struct group *g)
{
	memset(g, 0, sizeof(*g));
	raw_row_clear(&g->total);
	raw_row_clear(&g->prev);
}

void group_begin(struct group *g, uint64_t provided, bool keep_gauges)
{
	int i;

	g->prev = g->total;
	g->processes = 0;
	g->lacking = g->untold = 0;
	for (i = 0; i < RAW_COUNT; i++) {
		bool zero = provided & (1ULL << i) && (raw_is_kept(i) || keep_gauges);

		if (!raw_is_kept(i))
			g->told &= ~(1ULL << i);
		if (!raw_is_kept(i) || g->total.v[i] == RAW_UNKNOWN)
			g->total.v[i] = zero && raw_kinds[i] != RAW_OWN ? 0 : RAW_UNKNOWN;
	}
}

/* Is it not known what of this it counted for this target and what for others? */
static bool tears(const struct group_member *m, int raw)
{
	return raw_is_told_at_moves(raw) && ((m->moved_in && m->last->v[raw] == RAW_UNKNOWN) ||
					     (m->moved_out && m->now->v[raw] == RAW_UNKNOWN));
}

/* What a member adds to its target since the last tick. One that is new brings along its history,
 * but it is not this interval's: *ret_before of it goes into the tick before. */
static int64_t contribution(const struct group_member *m, int raw, int64_t *ret_before)
{
	int64_t now = m->now->v[raw], first = m->first ? m->first->v[raw] : RAW_UNKNOWN;

	*ret_before = 0;
	if (!raw_is_kept(raw))
		return m->alive ? now : RAW_UNKNOWN;
	if (now == RAW_UNKNOWN || tears(m, raw))
		return RAW_UNKNOWN;
	if (m->last->v[raw] != RAW_UNKNOWN)
		return now - m->last->v[raw];
	*ret_before = first == RAW_UNKNOWN ? 0 : first;
	return now;
}

static void add(int64_t *sum, int64_t more)
{
	*sum = *sum == RAW_UNKNOWN ? more : *sum + more;
}

static bool lacks(const struct group_member *m, int raw)
{
	return m->whole && raw_kinds[raw] != RAW_OWN && (raw_is_kept(raw) || m->alive);
}

static bool leaves_unstruck(const struct group_member *m, int raw)
{
	return m->closes_balance && raw_kinds[raw] == RAW_BALANCE;
}

static void add_unknown(struct group *g, const struct group_member *m)
{
	int i;

	for (i = 0; i < RAW_COUNT; i++) {
		g->lacking |= (uint64_t)tears(m, i) << i;
		g->unknown |= (uint64_t)tears(m, i) << i;
		if (m->now->v[i] != RAW_UNKNOWN)
			continue;
		g->lacking |= (uint64_t)lacks(m, i) << i;
		g->unknown |= (uint64_t)leaves_unstruck(m, i) << i;
	}
}

void raw_row_without(struct raw_row *row, uint64_t bits)
{
	int i;

	for (i = 0; i < RAW_COUNT; i++)
		if (bits & (1ULL << i))
			row->v[i] = RAW_UNKNOWN;
}

/* Where there are members it is 0 only if one of them said so. */
static uint64_t incomplete(const struct group *g)
{
	return g->lacking | (g->processes ? ~g->told : 0);
}

void group_total(const struct group *g, struct raw_row *ret)
{
	*ret = g->total;
	raw_row_without(ret, incomplete(g) | g->unknown);
}

/* Where others live on, each end would hide what is known of them. */
void group_now(const struct group *g, struct raw_row *ret)
{
	*ret = g->total;
	raw_row_without(ret, incomplete(g) | (g->processes ? 0 : g->untold));
}

void group_add(struct group *g, const struct group_member *m)
{
	int i;

	g->processes += m->alive;
	g->untold |= m->untold;
	if (m->whole || m->closes_balance || m->moved_in || m->moved_out)
		add_unknown(g, m);
	for (i = 0; i < RAW_COUNT; i++) {
		int64_t before, more = contribution(m, i, &before);

		if (more == RAW_UNKNOWN)
			continue;
		g->told |= 1ULL << i;
		add(&g->total.v[i], more);
		if (before)
			add(&g->prev.v[i], before);
	}
	for (i = 0; i < RAW_COUNT && g->processes > 1; i++)
		if (raw_kinds[i] == RAW_OWN)
			g->total.v[i] = RAW_UNKNOWN;
}
