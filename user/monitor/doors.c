// SPDX-License-Identifier: BSD-2-Clause
/* Doors and actions: their public calls, their part of a tick, their end. */
#include "monitor/doors.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "doors/store.h"
#include "monitor/internal.h"
#include "targets/stays.h"

#define FINISH_NS        5000000000ull
#define EVERY_DEFAULT_NS 10000000000ull
#define EVERY_MIN_NS     100000000ull

/* ---- adding ---- */

static int add_door(struct ktally_monitor *m, const struct door *ops, const char *text,
		    uint64_t every_ns)
{
	struct monitor_doors *d = &m->doors;
	char error[DOOR_ERROR_LEN] = "out of memory";
	void *self;
	int err;

	if (m->begun)
		return monitor_fail(m, -EBUSY,
				    "sources of metrics are added before the monitor begins");
	if (d->door_cnt == MONITOR_DOORS_MAX)
		return monitor_fail(m, -ENOSPC, "more than %d sources of metrics",
				    MONITOR_DOORS_MAX);
	err = ops->open(text, every_ns, &self, error);
	if (err)
		return monitor_fail(m, err, "%s", error);
	d->doors[d->door_cnt++] = (struct monitor_door){ .ops = ops, .self = self };
	return 0;
}

static int add_action(struct ktally_monitor *m, const struct action *ops, const char *text)
{
	struct monitor_doors *d = &m->doors;
	char error[ACTION_ERROR_LEN] = "out of memory";
	void *self;
	int err;

	if (m->begun)
		return monitor_fail(m, -EBUSY, "actions are added before the monitor begins");
	if (d->action_cnt == MONITOR_DOORS_MAX)
		return monitor_fail(m, -ENOSPC, "more than %d actions", MONITOR_DOORS_MAX);
	err = ops->open(text, &self, error);
	if (err)
		return monitor_fail(m, err, "%s", error);
	d->actions[d->action_cnt++] = (struct monitor_action){ .ops = ops, .self = self };
	return 0;
}

int ktally_monitor__add_statsd(struct ktally_monitor *m, const char *address)
{
	return add_door(m, &door_statsd, address, 0);
}

int ktally_monitor__add_metrics_command(struct ktally_monitor *m, const char *command,
					uint64_t every_ns)
{
	every_ns = every_ns ? every_ns : EVERY_DEFAULT_NS;
	if (every_ns < EVERY_MIN_NS)
		return monitor_fail(m, -EINVAL, "a metrics command runs every 100ms at most");
	return add_door(m, &door_command, command, every_ns);
}

int ktally_monitor__add_alert_command(struct ktally_monitor *m, const char *command)
{
	return add_action(m, &action_on_alert, command);
}

int ktally_monitor__add_alertmanager(struct ktally_monitor *m, const char *url)
{
	if (!&action_alertmanager)
		return monitor_fail(
			m, -ENOTSUP,
			"this ktally is built without libcurl and cannot reach an "
			"Alertmanager; use the dynamic build, or an alert command with curl");
	return add_action(m, &action_alertmanager, url);
}

/* ---- life ---- */

/* Messages quote what other programs sent: one line, whatever is in it. */
static void warn(void *ctx, const char *message)
{
	char line[MONITOR_ERROR_LEN];
	char *at;

	snprintf(line, sizeof(line), "%s", message);
	for (at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	monitor_log(ctx, KTALLY_LOG_WARNING, "%s", line);
}

int monitor_doors_start(struct ktally_monitor *m)
{
	struct monitor_doors *d = &m->doors;
	int err = 0;
	size_t i;

	d->door_env = (struct door_env){ m->loop, warn, m, m->targets.nofile };
	d->action_env = (struct action_env){ m->loop, warn, m, m->targets.nofile };
	for (i = 0; i < d->door_cnt && !err; i++)
		err = d->doors[i].ops->start(d->doors[i].self, &d->door_env);
	for (i = 0; i < d->action_cnt && !err; i++)
		err = d->actions[i].ops->start(d->actions[i].self, &d->action_env);
	return err;
}

static bool any_busy(const struct monitor_doors *d)
{
	size_t i;

	for (i = 0; i < d->action_cnt; i++)
		if (d->actions[i].ops->busy(d->actions[i].self))
			return true;
	return false;
}

void monitor_doors_finish(struct ktally_monitor *m)
{
	struct monitor_doors *d = &m->doors;
	uint64_t end_ns = clock_monotonic_ns() + FINISH_NS, now_ns;
	size_t i;

	while (any_busy(d) && (now_ns = clock_monotonic_ns()) < end_ns)
		if (loop_dispatch(m->loop, (int)((end_ns - now_ns) / 1000000) + 1))
			break;
	for (i = 0; i < d->action_cnt; i++)
		d->actions[i].ops->abandon(d->actions[i].self);
}

void monitor_doors_close(struct ktally_monitor *m)
{
	struct monitor_doors *d = &m->doors;

	while (d->door_cnt) {
		struct monitor_door *door = &d->doors[--d->door_cnt];

		door->ops->close(door->self);
	}
	while (d->action_cnt) {
		struct monitor_action *action = &d->actions[--d->action_cnt];

		action->ops->close(action->self);
	}
}

void monitor_doors_alert(struct ktally_monitor *m, const struct alert_record *alert)
{
	size_t i;

	for (i = 0; i < m->doors.action_cnt; i++)
		m->doors.actions[i].ops->alert(m->doors.actions[i].self, alert);
}

/* ---- a tick ---- */

void monitor_doors_refresh(struct ktally_monitor *m)
{
	struct monitor_doors *d = &m->doors;
	size_t i;

	for (i = 0; i < d->door_cnt; i++)
		if (d->doors[i].ops->refresh)
			d->doors[i].ops->refresh(d->doors[i].self);
	d->target = 0;
	while (d->target + 1 < m->targets.cnt && m->states[d->target].done)
		d->target++;
}

int monitor_set_custom(struct ktally_monitor *m, const char *name, double value)
{
	struct custom_metric *c;
	size_t i;

	if (!name || !name[0] || strlen(name) >= sizeof(c->name))
		return -EINVAL;
	for (i = 0; i < m->custom_cnt; i++)
		if (!strcmp(m->custom[i].name, name))
			return -EEXIST;
	if (m->custom_cnt == MONITOR_CUSTOM_MAX)
		return -ENOSPC;
	c = &m->custom[m->custom_cnt++];
	memcpy(c->name, name, strlen(name) + 1);
	/* What a record cannot hold, a rule should not see either. */
	c->value = fabs(value) < 0x1p53 ? value : NAN;
	return 0;
}

struct receiver {
	struct ktally_monitor *m;
	struct monitor_door *door;
};

static void on_value(void *ctx, const char *name, double value)
{
	struct receiver *r = ctx;
	int err = monitor_set_custom(r->m, name, value);

	if (!err)
		return;
	r->door->over++;
	if (r->m->doors.over_told)
		return;
	r->m->doors.over_told = true;
	monitor_log(r->m, KTALLY_LOG_WARNING,
		    "custom metric '%s' is left out: %s; such losses are counted in lost_events",
		    name,
		    err == -EEXIST ? "another source has one of this name"
				   : "a snapshot has room for 64");
}

static void take_members(struct ktally_monitor *m, struct store *s, size_t index)
{
	const struct target *target = &m->targets.list[index];
	struct process *p, *next;

	if (!store_has_processes(s))
		return;
	HASH_ITER (hh, m->targets.table.by_id, p, next)
		if (!p->untracked && target_had(target, p))
			store_take(s, (int)index, p->pid);
}

void monitor_doors_target(struct ktally_monitor *m, size_t target)
{
	struct monitor_doors *d = &m->doors;
	size_t i;

	for (i = 0; i < d->door_cnt; i++) {
		struct receiver r = { m, &d->doors[i] };
		struct store *s = r.door->ops->values(r.door->self);

		if (target == d->target)
			store_take(s, STORE_NO_TARGET, 0);
		take_members(m, s, target);
		store_read(s, (int)target, m->tick_interval, on_value, &r);
	}
}

void monitor_doors_member(struct ktally_monitor *m, const struct process *p)
{
	struct monitor_doors *d = &m->doors;
	size_t i;

	m->custom_cnt = 0;
	for (i = 0; i < d->door_cnt; i++) {
		struct receiver r = { m, &d->doors[i] };
		struct store *s = r.door->ops->values(r.door->self);

		store_take(s, STORE_NO_TARGET, p->pid);
		store_read(s, STORE_NO_TARGET, m->tick_interval, on_value, &r);
	}
}

void monitor_doors_settle(struct ktally_monitor *m)
{
	struct monitor_doors *d = &m->doors;
	size_t i;

	for (i = 0; i < d->door_cnt; i++)
		store_settle(d->doors[i].ops->values(d->doors[i].self));
}

/* ---- losses ---- */

static void add_loss(struct loss_record *rows, size_t *cnt, const char *name, uint64_t lost)
{
	size_t i;

	for (i = 0; i < *cnt && strcmp(rows[i].source, name); i++)
		;
	if (i == *cnt)
		rows[(*cnt)++] = (struct loss_record){ .source = name };
	rows[i].count += lost;
}

size_t monitor_doors_losses(const struct ktally_monitor *m, struct loss_record *rows)
{
	const struct monitor_doors *d = &m->doors;
	size_t cnt = 0, i;

	for (i = 0; i < d->door_cnt; i++)
		add_loss(rows, &cnt, d->doors[i].ops->name,
			 d->doors[i].ops->lost(d->doors[i].self) + d->doors[i].over);
	for (i = 0; i < d->action_cnt; i++)
		add_loss(rows, &cnt, d->actions[i].ops->name,
			 d->actions[i].ops->lost(d->actions[i].self));
	return cnt;
}

uint64_t monitor_doors_lost(const struct ktally_monitor *m)
{
	struct loss_record rows[MONITOR_LINK_KINDS];
	size_t cnt = monitor_doors_losses(m, rows), i;
	uint64_t lost = 0;

	for (i = 0; i < cnt; i++)
		lost += rows[i].count;
	return lost;
}
