// SPDX-License-Identifier: BSD-2-Clause
/* The reading half of the public API: copies of what the monitor keeps, for any thread. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/internal.h"
#include "monitor/opts.h"
#include "targets/command.h"

/* The one place where the public handle and the record meet. */
static const struct snapshot *snapshot_of(const struct ktally_snapshot *s)
{
	return (const struct snapshot *)s;
}

struct ktally_snapshots {
	struct snapshot *list;
	struct custom_metric *custom; /* of all, in order */
	size_t count;
};

/* Averages of custom metrics are by name, as they appear. */
struct custom_mean {
	char name[CUSTOM_NAME_LEN];
	struct tally tally;
};

struct ktally_averages {
	struct averages a;
	struct custom_mean custom[MONITOR_CUSTOM_MAX];
	size_t custom_cnt;
	size_t count;
};

struct ktally_alerts {
	struct kept_alert *list;
	size_t count;
};

static const struct ktally_metric public_metrics[METRIC_COUNT] = {
#define RAW(...)
#define METRIC(id, name_, unit_, decimals, derive, a, b, scale, help_) \
	[METRIC_##id] = { .name = (name_), .unit = (unit_), .help = (help_) },
#include "base/metrics.def"
#undef RAW
#undef METRIC
};

const struct ktally_metric *ktally_metric_at(size_t index)
{
	return index < METRIC_COUNT ? &public_metrics[index] : NULL;
}

static int copy_recent(const struct history *h, size_t count, struct ktally_snapshots *list)
{
	size_t i, first, custom = 0;

	count = count < h->count ? count : h->count;
	first = h->count - count;
	for (i = 0; i < count; i++)
		custom += history_at(h, first + i)->custom_cnt;
	list->list = calloc(count + 1, sizeof(*list->list));
	list->custom = calloc(custom + 1, sizeof(*list->custom));
	if (!list->list || !list->custom)
		return -ENOMEM;
	for (i = custom = 0; i < count; i++) {
		struct snapshot *s = &list->list[i];

		*s = *history_at(h, first + i);
		if (s->custom_cnt)
			memcpy(&list->custom[custom], s->custom,
			       s->custom_cnt * sizeof(*s->custom));
		s->custom = &list->custom[custom];
		custom += s->custom_cnt;
	}
	list->count = count;
	return 0;
}

int ktally_monitor__recent(const struct ktally_monitor *m, size_t target, size_t count,
			   struct ktally_snapshots **ret)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&m->lock;
	struct ktally_snapshots *list;
	struct history none = { 0 };
	int err;

	if (target >= m->targets.cnt)
		return -ENOENT;
	list = calloc(1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	pthread_mutex_lock(lock);
	err = copy_recent(m->states ? &m->states[target].history : &none, count, list);
	pthread_mutex_unlock(lock);
	if (err) {
		ktally_snapshots__free(list);
		return err;
	}
	*ret = list;
	return 0;
}

size_t ktally_snapshots__count(const struct ktally_snapshots *list)
{
	return list->count;
}

const struct ktally_snapshot *ktally_snapshots__at(const struct ktally_snapshots *list,
						   size_t index)
{
	return index < list->count ? (const struct ktally_snapshot *)&list->list[index] : NULL;
}

void ktally_snapshots__free(struct ktally_snapshots *list)
{
	if (!list)
		return;
	free(list->list);
	free(list->custom);
	free(list);
}

static int known(double value, double *ret)
{
	if (isnan(value))
		return -ENODATA;
	*ret = value;
	return 0;
}

int ktally_snapshot__get(const struct ktally_snapshot *handle, const char *name, double *ret)
{
	const struct snapshot *s = snapshot_of(handle);
	size_t i = metric_find(name);

	if (i < METRIC_COUNT)
		return known(s->v[i], ret);
	for (i = 0; i < s->custom_cnt; i++)
		if (!strcmp(s->custom[i].name, name))
			return known(s->custom[i].value, ret);
	return -ENOENT;
}

double ktally_snapshot__timestamp(const struct ktally_snapshot *s)
{
	return snapshot_of(s)->timestamp;
}

size_t ktally_snapshot__target(const struct ktally_snapshot *s)
{
	return snapshot_of(s)->target;
}

int ktally_snapshot__pid(const struct ktally_snapshot *s)
{
	return snapshot_of(s)->pid;
}

const char *ktally_snapshot__comm(const struct ktally_snapshot *s)
{
	return snapshot_of(s)->comm;
}

static void add_custom(struct ktally_averages *a, const struct snapshot *s,
		       const struct custom_metric *c)
{
	size_t i;

	if (isnan(c->value))
		return;
	for (i = 0; i < a->custom_cnt; i++)
		if (!strcmp(a->custom[i].name, c->name))
			break;
	if (i == MONITOR_CUSTOM_MAX)
		return;
	if (i == a->custom_cnt) {
		memcpy(a->custom[i].name, c->name, sizeof(c->name));
		a->custom_cnt++;
	}
	tally_add(&a->custom[i].tally, s, METRIC_COUNT, c->value);
}

static void average_custom(const struct history *h, size_t count, struct ktally_averages *a)
{
	const struct snapshot *s;
	size_t i, j;

	for (i = h->count - count; i < h->count; i++) {
		s = history_at(h, i);
		for (j = 0; j < s->custom_cnt; j++)
			add_custom(a, s, &s->custom[j]);
	}
}

int ktally_monitor__averages(const struct ktally_monitor *m, size_t target, double seconds,
			     struct ktally_averages **ret)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&m->lock;
	uint64_t now_ns = clock_monotonic_ns();
	double window_ns = seconds * 1e9;
	uint64_t since_ns = window_ns < (double)now_ns ? now_ns - (uint64_t)window_ns : 0;
	struct ktally_averages *a;

	if (target >= m->targets.cnt)
		return -ENOENT;
	if (!(seconds >= 0))
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	pthread_mutex_lock(lock);
	if (m->states) {
		a->count = history_averages(&m->states[target].history, since_ns, &a->a);
		average_custom(&m->states[target].history, a->count, a);
	}
	pthread_mutex_unlock(lock);
	*ret = a;
	return 0;
}

size_t ktally_averages__count(const struct ktally_averages *a)
{
	return a->count;
}

int ktally_averages__get(const struct ktally_averages *a, const char *name, double *ret)
{
	size_t i = metric_find(name);

	if (i < METRIC_COUNT)
		return known(averages_mean(&a->a, i), ret);
	for (i = 0; i < a->custom_cnt; i++)
		if (!strcmp(a->custom[i].name, name))
			return known(tally_avg(&a->custom[i].tally), ret);
	return a->count ? -ENOENT : -ENODATA;
}

void ktally_averages__free(struct ktally_averages *a)
{
	free(a);
}

int ktally_monitor__alerts(const struct ktally_monitor *m, struct ktally_alerts **ret)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&m->lock;
	struct ktally_alerts *list = calloc(1, sizeof(*list));
	size_t i;

	if (!list)
		return -ENOMEM;
	pthread_mutex_lock(lock);
	list->list = calloc(m->alert_cnt + 1, sizeof(*list->list));
	for (i = 0; list->list && i < m->alert_cnt; i++)
		list->list[i] = m->alerts[(m->alert_first + i) % MONITOR_ALERTS_MAX];
	list->count = list->list ? m->alert_cnt : 0;
	pthread_mutex_unlock(lock);
	if (!list->list) {
		free(list);
		return -ENOMEM;
	}
	*ret = list;
	return 0;
}

size_t ktally_alerts__count(const struct ktally_alerts *list)
{
	return list->count;
}

int ktally_alerts__at(const struct ktally_alerts *list, size_t index, struct ktally_alert *ret)
{
	const struct kept_alert *k;

	if (index >= list->count)
		return -ENOENT;
	if (ret->sz < OPTS_END(ktally_alert, pid))
		return -EINVAL;
	k = &list->list[index];
	ret->name = k->name;
	ret->state = alert_state_names[k->state];
	ret->message = k->message;
	ret->timestamp = k->timestamp;
	ret->value = k->value;
	ret->target = k->target;
	ret->pid = k->pid;
	return 0;
}

void ktally_alerts__free(struct ktally_alerts *list)
{
	if (!list)
		return;
	free(list->list);
	free(list);
}

int ktally_monitor__result(const struct ktally_monitor *m, struct ktally_result *ret)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&m->lock;
	size_t i;

	if (ret->sz < OPTS_END(ktally_result, lost_events))
		return -EINVAL;
	pthread_mutex_lock(lock);
	ret->reason = m->reason;
	ret->write_failed = m->write_failed;
	ret->command_error = m->command_error;
	ret->snapshots = m->snapshot_cnt;
	ret->alerts_fired = m->fired_cnt;
	pthread_mutex_unlock(lock);
	ret->lost_events = m->begun ? monitor_lost(m) : 0;
	ret->command_started = ret->command_ended = ret->command_status = 0;
	for (i = 0; i < m->targets.cnt; i++) {
		const struct target *t = &m->targets.list[i];

		if (!t->command)
			continue;
		ret->command_started = command_released(t->command);
		ret->command_ended = t->exit_known;
		ret->command_status = t->exit_status;
	}
	return 0;
}
