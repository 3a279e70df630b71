// SPDX-License-Identifier: BSD-2-Clause
/* Who opened what: the instrument `fdstack` in a run, and its answer in the public API. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "monitor/internal.h"
#include "monitor/opts.h"
#include "probes/fdstack.h"
#include "targets/stays.h"

struct ktally_leaks {
	struct leaks_report report;
};

static struct sampled_instrument *instrument(struct ktally_monitor *m)
{
	return m->leaks ? sampler_find(&m->sampler, "fdstack") : NULL;
}

static void on_event(void *ctx, int fd, uint32_t events)
{
	struct sampled_instrument *in = ctx;

	(void)fd;
	(void)events;
	in->ops->on_event(in->self);
}

int monitor_leaks_start(struct ktally_monitor *m)
{
	struct sampled_instrument *in = instrument(m);
	size_t i;

	if (!in)
		return 0;
	for (i = 0; i < m->targets.cnt; i++)
		if (m->targets.list[i].root_id)
			fdstack_keep(in->self, m->targets.list[i].root_id);
	return loop_add(m->loop, in->ops->event_fd(in->self), EPOLLIN, on_event, in);
}

/* Once. */
static void say_who_is_silent(struct ktally_monitor *m)
{
	if (m->said_timed_out || !m->sampler.env.debuginfod_timed_out)
		return;
	m->said_timed_out = true;
	monitor_log(m, KTALLY_LOG_WARNING,
		    "debuginfod did not answer in time and is not asked "
		    "again: names are those of local files; check DEBUGINFOD_URLS");
}

void monitor_leaks_report(struct ktally_monitor *m)
{
	struct sampled_instrument *in = instrument(m);
	struct leaks_report report;
	size_t i;

	if (!in || m->leaks != KTALLY_LEAKS_REPORT)
		return;
	if (fdstack_report(in->self, clock_realtime_seconds(), &report)) {
		monitor_log(m, KTALLY_LOG_ERROR, "cannot make the report: out of memory, or the "
			    "kernel's tables of descriptors cannot be read");
		return;
	}
	say_who_is_silent(m);
	for (i = 0; i < report.cnt; i++)
		monitor_emit_leak(m, &report.list[i]);
	leaks_report_fini(&report);
}

void monitor_leaks_tick(struct ktally_monitor *m)
{
	uint64_t now_ns = m->last_tick_ns;

	say_who_is_silent(m);
	if (!m->leaks_every_ns)
		return;
	if (!m->leaks_due_ns)
		m->leaks_due_ns = m->begin_ns + m->leaks_every_ns;
	if (now_ns < m->leaks_due_ns || (m->duration_ns && now_ns >= m->begin_ns + m->duration_ns))
		return; /* not yet, or the last one comes at once */
	while (m->leaks_due_ns <= now_ns)
		m->leaks_due_ns += m->leaks_every_ns;
	monitor_leaks_report(m);
	monitor_flush(m);
}

/* Has one of the processes with most of the site's descriptors to do with this alert? */
static bool concerns(struct ktally_monitor *m, const struct alert_record *a,
		     const struct leak_record *r)
{
	const struct target *target = &m->targets.list[a->target];
	bool whole = !a->pid || a->pid == target->pid;
	struct process *p, *next;
	size_t i;

	for (i = 0; i < r->holder_cnt; i++) {
		if (r->holders[i].pid == a->pid)
			return true;
		HASH_ITER(hh, m->targets.table.by_id, p, next)
			if (whole && p->pid == r->holders[i].pid && target_had(target, p))
				return true;
	}
	return false;
}

void monitor_leaks_explain(struct ktally_monitor *m, struct alert_record *a,
			   struct monitor_evidence *e)
{
	struct sampled_instrument *in = instrument(m);
	size_t i;

	if (!in || !a->about_descriptors || a->state == ALERT_RESOLVED ||
	    fdstack_report(in->self, a->timestamp, &e->report))
		return;
	for (i = 0; i < e->report.cnt && a->evidence_cnt < MONITOR_EVIDENCE_MAX; i++)
		if (e->report.list[i].open && concerns(m, a, &e->report.list[i]))
			e->sites[a->evidence_cnt++] = &e->report.list[i];
	a->has_evidence = true;
	a->evidence = e->sites;
}

/* ---- the public face ---- */

int ktally_monitor__leaks(struct ktally_monitor *m, struct ktally_leaks **ret)
{
	struct sampled_instrument *in = instrument(m);
	struct ktally_leaks *list;
	int err;

	if (!in || !m->begun || !in->ladder.active)
		return -ENODATA;
	list = calloc(1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	err = fdstack_report(in->self, clock_realtime_seconds(), &list->report);
	if (err)
		free(list);
	else
		*ret = list;
	return err;
}

size_t ktally_leaks__count(const struct ktally_leaks *list)
{
	return list->report.cnt;
}

void ktally_leaks__free(struct ktally_leaks *list)
{
	if (!list)
		return;
	leaks_report_fini(&list->report);
	free(list);
}

static const struct leak_record *record_at(const struct ktally_leaks *list, size_t index)
{
	return index < list->report.cnt ? &list->report.list[index] : NULL;
}

int ktally_leaks__at(const struct ktally_leaks *list, size_t index, struct ktally_leak *ret)
{
	const struct leak_record *r = record_at(list, index);

	if (!r)
		return -ENOENT;
	if (ret->sz < OPTS_END(ktally_leak, example_count))
		return -EINVAL;
	ret->verdict = trend_verdict_names[r->verdict];
	ret->stack = r->stack ? r->stack->end : NULL;
	ret->open = r->open;
	ret->opened = r->opened;
	ret->inherited = r->inherited;
	ret->closed = r->closed;
	ret->torn_down = r->torn_down;
	ret->oldest_seconds = r->oldest_seconds;
	ret->median_seconds = r->median_seconds;
	ret->growth_per_minute = r->growth_per_minute;
	ret->frame_count = r->stack ? r->stack->cnt : 0;
	ret->type_count = r->type_cnt;
	ret->example_count = r->example_cnt;
	if (ret->sz >= OPTS_END(ktally_leak, moved_out))
		ret->moved_out = r->moved_out;
	return 0;
}

int ktally_leaks__frame(const struct ktally_leaks *list, size_t index, size_t frame,
			struct ktally_leak_frame *ret)
{
	const struct leak_record *r = record_at(list, index);
	const struct frame *f;

	if (!r || !r->stack || frame >= r->stack->cnt)
		return -ENOENT;
	if (ret->sz < OPTS_END(ktally_leak_frame, trusted))
		return -EINVAL;
	f = &r->stack->frames[frame];
	ret->function = f->function;
	ret->module = f->module;
	ret->offset = f->offset;
	ret->file = f->file;
	ret->line = f->line;
	ret->inlined = f->inlined;
	ret->trusted = f->trusted;
	return 0;
}

int ktally_leaks__type(const struct ktally_leaks *list, size_t index, size_t type,
		       const char **ret_name, uint64_t *ret_count)
{
	const struct leak_record *r = record_at(list, index);

	if (!r || type >= r->type_cnt)
		return -ENOENT;
	*ret_name = r->types[type].name;
	*ret_count = r->types[type].count;
	return 0;
}

int ktally_leaks__example(const struct ktally_leaks *list, size_t index, size_t example,
			  struct ktally_leak_example *ret)
{
	const struct leak_record *r = record_at(list, index);
	const struct leak_example *e;

	if (!r || example >= r->example_cnt)
		return -ENOENT;
	if (ret->sz < OPTS_END(ktally_leak_example, age_seconds))
		return -EINVAL;
	e = &r->examples[example];
	ret->pid = e->pid;
	ret->fd = e->fd;
	ret->type = e->type;
	ret->what = e->text;
	ret->age_seconds = e->age_seconds;
	return 0;
}
