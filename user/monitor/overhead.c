// SPDX-License-Identifier: BSD-2-Clause
/* Self-measurement of overhead.h. */
#include "monitor/overhead.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "monitor/internal.h"

#define TELL_NS 60000000000ULL
/* The limit is judged over so many snapshots and so much time at least. */
#define STEP_TICKS 2
#define STEP_NS	   1000000000ULL

/* ---- measuring ---- */

static void mark(const struct ktally_monitor *m, struct overhead_mark *ret)
{
	const struct bpf_object *obj = targets_object(&m->targets);
	size_t i;

	ret->ns = clock_monotonic_ns();
	ret->cpu_ns = clock_own_cpu_ns();
	ret->run_cnt = obj ? bpfload_runs(obj, ret->runs, OVERHEAD_PROGRAMS_MAX) : 0;
	for (i = 0; i < m->sampler.cnt; i++) {
		obj = sampler_object(&m->sampler, i);
		if (obj)
			ret->run_cnt += bpfload_runs(obj, ret->runs + ret->run_cnt,
						     OVERHEAD_PROGRAMS_MAX - ret->run_cnt);
	}
}

/* The programs are the same at both marks unless the kernel would not say at one. Whether it counts
 * shows: iterators run at each tick. */
static void add_programs(const struct overhead_mark *from, const struct overhead_mark *to,
			 struct program_run *programs, struct overhead_record *r)
{
	uint64_t runs = 0, ns = 0;
	size_t i;

	if (from->run_cnt != to->run_cnt)
		return;
	for (i = 0; i < to->run_cnt; i++) {
		uint64_t more = to->runs[i].runs - from->runs[i].runs;
		uint64_t more_ns = to->runs[i].run_ns - from->runs[i].run_ns;

		runs += more;
		ns += more_ns;
		programs[i] = (struct program_run){ to->runs[i].name, more,
						    (double)more_ns * 1e-9 };
	}
	if (!runs)
		return;
	r->bpf_runs = (double)runs;
	r->bpf_seconds = (double)ns * 1e-9;
	r->bpf_percent = r->seconds > 0 ? 100 * r->bpf_seconds / r->seconds : NAN;
	r->programs = programs;
	r->program_cnt = to->run_cnt;
}

static void between(const struct ktally_monitor *m, const struct overhead_mark *from,
		    const struct overhead_mark *to, struct program_run *programs,
		    struct overhead_record *r)
{
	struct rusage ru;

	*r = (struct overhead_record){ .bpf_seconds = NAN, .bpf_percent = NAN, .bpf_runs = NAN };
	getrusage(RUSAGE_SELF, &ru);
	r->seconds = (double)(to->ns - from->ns) * 1e-9;
	r->cpu_seconds = (double)(to->cpu_ns - from->cpu_ns) * 1e-9;
	r->cpu_percent = r->seconds > 0 ? 100 * r->cpu_seconds / r->seconds : NAN;
	r->max_rss_bytes = (uint64_t)ru.ru_maxrss * 1024;
	r->map_bytes = m->overhead.map_bytes;
	r->interval_seconds = (double)budget_interval_ns(&m->overhead.budget) * 1e-9;
	add_programs(from, to, programs, r);
}

void monitor_overhead_total(const struct ktally_monitor *m, struct program_run *programs,
			    struct overhead_record *ret)
{
	struct overhead_mark now;

	mark(m, &now);
	between(m, &m->overhead.begun, &now, programs, ret);
	/* The start is part of the run: it is most of a short one. */
	ret->cpu_seconds = (double)(now.cpu_ns - m->begin_cpu_ns) * 1e-9;
	ret->cpu_percent = ret->seconds > 0 ? 100 * ret->cpu_seconds / ret->seconds : NAN;
}

/* ---- life ---- */

static uint64_t map_bytes(const struct ktally_monitor *m)
{
	const struct bpf_object *obj = targets_object(&m->targets);
	uint64_t bytes = obj ? bpfload_map_bytes(obj, NULL) : 0;
	size_t i;

	for (i = 0; i < m->sampler.cnt; i++) {
		obj = sampler_object(&m->sampler, i);
		if (obj)
			bytes += bpfload_map_bytes(obj, &m->targets.shared);
	}
	return bytes;
}

void monitor_overhead_begin(struct ktally_monitor *m)
{
	struct monitor_overhead *o = &m->overhead;

	o->map_bytes = map_bytes(m);
	o->budget.interval_ns = m->interval_ns;
	if (o->count_runs && targets_object(&m->targets))
		o->stats_fd = bpfload_count_runs();
	if (o->count_runs && targets_object(&m->targets) && o->stats_fd < 0)
		monitor_log(m, KTALLY_LOG_WARNING,
			    "the time in BPF programs is not known: the kernel lets only "
			    "CAP_SYS_ADMIN have it counted");
	mark(m, &o->begun);
	o->told = o->stepped = o->begun;
}

void monitor_overhead_close(struct ktally_monitor *m)
{
	if (m->overhead.stats_fd >= 0)
		close(m->overhead.stats_fd);
	m->overhead.stats_fd = -1;
}

/* ---- telling, and keeping below the limit ---- */

static void tell(struct ktally_monitor *m, const struct overhead_mark *from,
		 const struct overhead_mark *to, const char *message)
{
	struct program_run programs[OVERHEAD_PROGRAMS_MAX];
	struct overhead_record overhead;
	struct event_record e = { .timestamp = m->tick_time, .kind = EVENT_OVERHEAD,
				  .message = message, .overhead = &overhead };

	between(m, from, to, programs, &overhead);
	monitor_emit_event(m, &e);
}

/* Of those that run when something happens: the others are in ktally's own CPU time. */
static double events_percent(const struct overhead_mark *from, const struct overhead_mark *to)
{
	uint64_t ns = 0;
	size_t i;

	for (i = 0; i < to->run_cnt && from->run_cnt == to->run_cnt; i++)
		if (to->runs[i].on_events)
			ns += to->runs[i].run_ns - from->runs[i].run_ns;
	return 100 * (double)ns / (double)(to->ns - from->ns);
}

/* Once, until the limit is kept again. */
static void tell_beyond(struct ktally_monitor *m, const struct overhead_mark *now, double events)
{
	struct monitor_overhead *o = &m->overhead;
	char message[192];

	if (o->told_beyond)
		return;
	o->told_beyond = true;
	snprintf(message, sizeof(message),
		 "counting alone costs %.3g %% of a CPU, the limit is %.3g %%: no interval changes "
		 "that; watch fewer processes, or count less, as with --rung sched=/proc", events,
		 o->budget.limit_percent);
	tell(m, &o->stepped, now, message);
}

static void regulate(struct ktally_monitor *m, const struct overhead_mark *now)
{
	struct program_run programs[OVERHEAD_PROGRAMS_MAX];
	struct monitor_overhead *o = &m->overhead;
	struct budget *b = &o->budget;
	double events = events_percent(&o->stepped, now);
	struct overhead_record spent;
	uint64_t interval_ns;
	char message[160];
	int change;

	between(m, &o->stepped, now, programs, &spent);
	change = budget_step(b, spent.cpu_percent, events);
	interval_ns = budget_interval_ns(b);
	if (change && !loop_timer_set(m->tick_fd, now->ns + interval_ns, interval_ns)) {
		snprintf(message, sizeof(message),
			 "overhead of %.3g %% of a CPU, the limit is %.3g %%: snapshots are now "
			 "%s, every %.3g s", spent.cpu_percent + events, b->limit_percent,
			 change > 0 ? "further apart" : "closer together",
			 (double)interval_ns * 1e-9);
		tell(m, &o->stepped, now, message);
	}
	if (budget_is_beyond(b, spent.cpu_percent, events))
		tell_beyond(m, now, events);
	else
		o->told_beyond &= spent.cpu_percent + events > b->limit_percent;
	o->stepped = *now;
}

void monitor_overhead_tick(struct ktally_monitor *m)
{
	struct monitor_overhead *o = &m->overhead;
	uint64_t interval_ns = budget_interval_ns(&o->budget), now_ns = clock_monotonic_ns();
	/* Ticks are a little early or late: half an interval less means the right one. */
	uint64_t step_ns = STEP_TICKS * interval_ns - interval_ns / 2;
	bool step, minute = now_ns - o->told.ns >= TELL_NS;
	struct overhead_mark now;

	step_ns = step_ns < STEP_NS ? STEP_NS : step_ns;
	step = o->budget.limit_percent > 0 && now_ns - o->stepped.ns >= step_ns;
	if (!step && !minute)
		return;
	mark(m, &now);
	if (step)
		regulate(m, &now);
	if (!minute)
		return;
	tell(m, &o->told, &now, NULL);
	o->told = now;
}
