// SPDX-License-Identifier: BSD-2-Clause
/* One tick, from the sampler to the last record. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "bpf/targets.h"
#include "monitor/internal.h"
#include "targets/stays.h"

#define FINAL_READS    50 /* after the end: so often, */
#define FINAL_PAUSE_NS 1000000 /* so far apart, until last switches have arrived */

enum scope monitor_scope(const struct target *target)
{
	if (target->kind == TARGET_CGROUP)
		return SCOPE_CGROUP;
	if (target->kind == TARGET_COMM || target->kind == TARGET_ALL)
		return SCOPE_SYSTEM;
	return target->follow ? SCOPE_TREE : SCOPE_PROCESS;
}

/* A command is the measure of the run, whatever else is watched beside it. */
bool monitor_targets_ended(const struct ktally_monitor *m)
{
	bool ended = true;
	size_t i;

	for (i = 0; i < m->targets.cnt; i++) {
		const struct target *target = &m->targets.list[i];

		if (target->kind == TARGET_COMMAND)
			return target->ended;
		ended &= target->ended;
	}
	return ended;
}

/* ---- groups: members into targets ---- */

static void add_stay(struct group *g, const struct process *p, const struct stay *s)
{
	struct group_member member = { .now = s->to,
				       .last = s->from,
				       .first = process_first(p),
				       .moved_in = s->moved_in,
				       .moved_out = s->moved_out,
				       .whole = p->untracked };

	if (!s->moved_out) {
		member.alive = p->untracked ? p->alive : !process_ended(p);
		member.closes_balance = p->fd_base != RAW_UNKNOWN && sampler_final(p);
		member.untold = p->untold;
	}
	group_add(g, &member);
}

static void add_member(struct ktally_monitor *m, size_t index, const struct process *p)
{
	const struct target *target = &m->targets.list[index];
	struct target_state *state = &m->states[index];
	struct stay stay;
	uint32_t at = 0;

	while (stay_next(target, p, &at, &stay))
		add_stay(&state->group, p, &stay);
	state->untracked += p->born_cnt;
	if (p->id == target->root_id)
		memcpy(state->comm, p->comm, sizeof(state->comm));
}

static void add_members(struct ktally_monitor *m, size_t index)
{
	const struct target *target = &m->targets.list[index];
	bool persists = target->kind != TARGET_PID && target->kind != TARGET_COMMAND;
	struct process *p, *next;

	group_begin(&m->states[index].group, m->sampler.provided, persists);
	m->states[index].untracked = 0;
	if (target->group == TARGET_NO_GROUP) {
		p = process_find(&m->targets.table, target->root_id);
		if (p)
			add_member(m, index, p);
		return;
	}
	HASH_ITER(hh, m->targets.table.by_id, p, next)
		if (target_had(target, p))
			add_member(m, index, p);
}

/* ---- snapshots ---- */

struct ktally_metrics {
	struct ktally_monitor *m;
	size_t target;
};

size_t ktally_metrics__target(const struct ktally_metrics *metrics)
{
	return metrics->target;
}

int ktally_metrics__set(struct ktally_metrics *metrics, const char *name, double value)
{
	return monitor_set_custom(metrics->m, name, value);
}

/* A callback that fails loses its own values of this tick and nothing else. */
static void ask_callbacks(struct ktally_monitor *m, size_t target)
{
	struct ktally_metrics metrics = { m, target };
	size_t i, before;
	int err;

	m->custom_cnt = 0;
	for (i = 0; i < m->metrics_cnt; i++) {
		before = m->custom_cnt;
		err = m->metrics[i].fn(m->metrics[i].ctx, &metrics);
		if (!err) {
			m->metrics[i].failed_before = false;
			continue;
		}
		m->custom_cnt = before;
		if (!m->metrics[i].failed_before)
			monitor_log(m, KTALLY_LOG_WARNING, "metric callback %zu failed: %s", i,
				    strerror(-err));
		m->metrics[i].failed_before = true;
	}
}

static void stamp(const struct ktally_monitor *m, size_t index, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	s->timestamp = m->tick_time;
	s->monotonic_ns = m->last_tick_ns / 1000 * 1000;
	s->target = (uint32_t)index;
	s->interval_seconds = m->tick_interval;
	s->interval_asked = (double)m->interval_ns * 1e-9;
	s->lost_events = monitor_lost(m);
}

/* Rules first: the snapshot says what fires at its moment. */
static void judge_and_emit(struct ktally_monitor *m, struct snapshot *s)
{
	size_t i;

	rules_eval(m->rules, s, monitor_emit_alert, m);
	if (m->assertions)
		assertions_observe(m->assertions, s);
	s->firing_cnt = rules_firing(m->rules, s, &s->firing);
	monitor_emit_snapshot(m, s);
	for (i = 0; i < m->snapshot_cb_cnt; i++)
		m->snapshots[i].fn(m->snapshots[i].ctx, (const struct ktally_snapshot *)s);
	m->snapshot_cnt++;
	if (s->final)
		rules_forget(m->rules, s, monitor_emit_alert, m);
}

static void fill_target(struct ktally_monitor *m, size_t index, struct snapshot *s)
{
	const struct target *target = &m->targets.list[index];
	struct target_state *state = &m->states[index];
	struct raw_row now, total;

	stamp(m, index, s);
	group_now(&state->group, &now);
	group_total(&state->group, &total);
	s->pids_untracked = m->targets.kernel ? (double)state->untracked : NAN;
	s->scope = monitor_scope(target);
	s->final = target->ended;
	s->pid = target->pid;
	s->start_ticks = PROCESS_ID_TICKS(target->root_id);
	memcpy(s->comm, state->comm, sizeof(s->comm));
	s->processes = state->group.processes;
	snapshot_derive(&state->group.prev, target->kind == TARGET_COMMAND, &now,
			&total, m->tick_interval, m->host_memory_bytes, s->v);
	ask_callbacks(m, index);
	monitor_doors_target(m, index);
	s->custom = m->custom;
	s->custom_cnt = m->custom_cnt;
}

static void keep(struct ktally_monitor *m, size_t index, const struct snapshot *s)
{
	pthread_mutex_lock(&m->lock);
	if (history_push(&m->states[index].history, s))
		monitor_log(m, KTALLY_LOG_WARNING, "out of memory: history keeps what it has");
	averages_add(&m->states[index].run, s);
	pthread_mutex_unlock(&m->lock);
}

static void emit_target(struct ktally_monitor *m, size_t index)
{
	struct target_state *state = &m->states[index];
	struct snapshot s;

	fill_target(m, index, &s);
	judge_and_emit(m, &s);
	keep(m, index, &s);
	state->done = s.final;
}

/* Of one that moved, what it did in the target; its levels are another's business if it is not
 * there any more. */
static void derive_member(const struct ktally_monitor *m, size_t index, const struct process *p,
			  struct snapshot *s)
{
	const struct target *target = &m->targets.list[index];
	struct raw_row before = { { 0 } }, now = p->now;
	struct stay stay = { .to = &p->now };

	if (p->move_cnt && stay_last(target, p, &stay))
		stays_sum(target, p, &now);
	else
		process_before(p, &before);
	raw_row_without(&now, p->untold);
	snapshot_derive(&before, p->born, &now, stay.to, m->tick_interval, m->host_memory_bytes,
			s->v);
}

static void fill_member(struct ktally_monitor *m, size_t index, const struct process *p,
			struct snapshot *s)
{
	stamp(m, index, s);
	s->scope = SCOPE_PROCESS;
	s->member = true;
	s->pids_untracked = NAN;
	s->final = sampler_final(p) || !target_has(&m->targets.list[index], p);
	s->pid = p->pid;
	s->start_ticks = PROCESS_ID_TICKS(p->id);
	memcpy(s->comm, p->comm, sizeof(s->comm));
	s->processes = !process_ended(p) && target_has(&m->targets.list[index], p);
	derive_member(m, index, p, s);
	monitor_doors_member(m, p);
	s->custom = m->custom;
	s->custom_cnt = m->custom_cnt;
}

static void emit_members(struct ktally_monitor *m, size_t index)
{
	const struct target *target = &m->targets.list[index];
	struct process *p, *next;
	struct snapshot s;

	if (!m->processes || target->group == TARGET_NO_GROUP)
		return;
	HASH_ITER(hh, m->targets.table.by_id, p, next) {
		if (p->untracked || !target_had(target, p))
			continue;
		fill_member(m, index, p, &s);
		judge_and_emit(m, &s);
	}
}

/* ---- events ---- */

/* Births and deaths of single processes are told where somebody asked about single processes. */
static bool tells(const struct ktally_monitor *m, const struct process *p, size_t *ret_target)
{
	size_t i;

	for (i = 0; i < m->targets.cnt; i++) {
		const struct target *t = &m->targets.list[i];

		if (!target_had(t, p))
			continue;
		*ret_target = i;
		if (m->processes || t->kind == TARGET_PID || t->kind == TARGET_COMMAND)
			return true;
	}
	return false;
}

static void emit_event(struct ktally_monitor *m, const struct process *p, size_t target,
		       enum event_kind kind)
{
	struct event_record e = { .timestamp = m->tick_time, .kind = kind, .pid = p->pid,
				  .ppid = p->ppid, .start_ticks = PROCESS_ID_TICKS(p->id) };

	e.target = (uint32_t)target;
	memcpy(e.comm, p->comm, sizeof(e.comm));
	if (kind == EVENT_PROCESS_EXIT) {
		e.exit_known = p->exit_known;
		e.exit_status = p->exit_status;
		e.totals = &p->now;
	}
	monitor_emit_event(m, &e);
}

static void emit_events(struct ktally_monitor *m)
{
	struct process *p, *next;
	size_t target;

	HASH_ITER(hh, m->targets.table.by_id, p, next) {
		bool told = p->told, executed = p->executed;

		if (p->held || p->untracked)
			continue;
		p->told = true;
		p->executed = false;
		if (!tells(m, p, &target))
			continue;
		if (!told)
			emit_event(m, p, target, EVENT_PROCESS_START);
		if (executed)
			emit_event(m, p, target, EVENT_PROCESS_EXEC);
		if (sampler_final(p))
			emit_event(m, p, target, EVENT_PROCESS_EXIT);
	}
}

/* ---- the tick ---- */

static bool all_final(const struct ktally_monitor *m)
{
	struct process *p, *next;

	HASH_ITER(hh, m->targets.table.by_id, p, next)
		if (process_ended(p) && !sampler_final(p))
			return false;
	return true;
}

/* At the end of a run nobody comes back for the last switches of what has just ended. The run also
 * ends with a tick that finds all targets ended. */
static int read_counts(struct ktally_monitor *m, bool last)
{
	struct timespec pause = { .tv_nsec = FINAL_PAUSE_NS };
	int i, err = sampler_read(&m->sampler);

	last |= monitor_targets_ended(m);
	for (i = 0; i < FINAL_READS && last && !err && !all_final(m); i++) {
		nanosleep(&pause, NULL);
		err = sampler_read(&m->sampler);
	}
	return err;
}

static void stamp_tick(struct ktally_monitor *m)
{
	uint64_t now_ns = m->sampler.env.now_ns;

	m->tick_interval = jsonw_fixed_value((double)(now_ns - m->last_tick_ns) * 1e-9, 6);
	m->last_tick_ns = now_ns;
	m->tick_time = clock_realtime_seconds();
}

/* A moment that could not be read is skipped: the next one tells of both intervals. */
static void tell_clocks(struct ktally_monitor *m)
{
	struct clocks now;
	char text[192];

	if (!clocks_read(&now))
		return;
	if (clocks_parted(&m->clocks, &now, text, sizeof(text)))
		monitor_tell(m, text);
	m->clocks = now;
}

int monitor_baseline(struct ktally_monitor *m)
{
	size_t i;
	int err;

	tell_clocks(m);
	err = sampler_read(&m->sampler);
	if (err)
		return err;
	for (i = 0; i < m->targets.cnt; i++)
		add_members(m, i);
	emit_events(m);
	sampler_settle(&m->sampler);
	return 0;
}

int monitor_tick(struct ktally_monitor *m, bool last)
{
	size_t i;
	int err;

	err = read_counts(m, last);
	stamp_tick(m);
	tell_clocks(m);
	monitor_losses_look(m, last || monitor_targets_ended(m));
	if (err)
		return err;
	for (i = 0; i < m->targets.cnt; i++)
		add_members(m, i);
	emit_events(m);
	monitor_take_rules(m);
	monitor_doors_refresh(m);
	for (i = 0; i < m->targets.cnt; i++) {
		if (m->states[i].done)
			continue;
		emit_target(m, i);
		emit_members(m, i);
	}
	monitor_tell_unseen(m, false);
	monitor_tell_untracked(m);
	monitor_doors_settle(m);
	sampler_settle(&m->sampler);
	m->ticks++;
	if (!last)
		monitor_overhead_tick(m);
	monitor_flush(m);
	return 0;
}
