// SPDX-License-Identifier: BSD-2-Clause
/* Records to every output, and what becomes of those that could not be written. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cgroupfs.h"
#include "base/clock.h"
#include "base/preempt.h"
#include "monitor/internal.h"
#include "monitor/verdicts.h"
#include "targets/command.h"

#define DRAIN_MS 1000 /* a reader that is still slow at the end gets so long */

static const char *advice(int err)
{
	switch (-err) {
	case ENOSPC:
	case EDQUOT:
		return "free some space";
	case EFBIG:
		return "raise the limit of the size of files (ulimit -f), or keep below it with "
		       "--rotate";
	case ENOMEM:
		return "free some memory";
	}
	return "see to the file system";
}

static void note_write(struct ktally_monitor *m, struct monitor_output *o, int err)
{
	if (!err || err == -EAGAIN || err == -ETIMEDOUT)
		return;
	if (err == -EPIPE) {
		m->reader_gone = true;
		return;
	}
	m->write_failed = true;
	if (!o->failed_before)
		monitor_log(m, KTALLY_LOG_ERROR,
			    "cannot write records: %s; %s: records are dropped whole and counted "
			    "until writing works again",
			    strerror(-err), advice(err));
	o->failed_before = true;
}

/* What is dropped are the last records, so the next one takes the first of their numbers: seq
 * counts only records that got out. */
static void number_next(struct monitor_output *o)
{
	uint64_t dropped = output_dropped(o->out);

	o->sink.seq -= dropped - o->dropped_before;
	o->dropped_before = dropped;
}

/* The bytes of one record are in m->buf. */
static void put(struct ktally_monitor *m, struct monitor_output *o)
{
	int err = m->buf.err;

	if (err)
		o->sink.seq--;
	else if (m->buf.len)
		err = output_put(o->out, m->buf.data, m->buf.len);
	note_write(m, o, err);
}

/* only: one output; NULL: all. */
#define EMIT_TO(m, only, kind, record)                                                             \
	do {                                                                                       \
		size_t emit_i;                                                                     \
		for (emit_i = 0; emit_i < (m)->output_cnt; emit_i++) {                             \
			struct monitor_output *emit_o = &(m)->outputs[emit_i];                     \
			if ((only) && emit_o != (only))                                            \
				continue;                                                          \
			monitor_files_rotate(m, emit_o);                                           \
			number_next(emit_o);                                                       \
			buf_reset(&(m)->buf);                                                      \
			if (!emit_o->sink.format->kind)                                            \
				continue;                                                          \
			emit_o->sink.format->kind(&emit_o->sink, &(m)->buf, record);               \
			put(m, emit_o);                                                            \
		}                                                                                  \
	} while (0)

#define EMIT(m, kind, record) EMIT_TO(m, (struct monitor_output *)NULL, kind, record)

/* A report is a header, the sites and a trailer. */
static bool reports(const struct ktally_monitor *m)
{
	return m->leaks == KTALLY_LEAKS_REPORT;
}

void monitor_emit_snapshot(struct ktally_monitor *m, const struct snapshot *s)
{
	if (!reports(m))
		EMIT(m, snapshot, s);
}

void monitor_emit_event(struct ktally_monitor *m, const struct event_record *event)
{
	if (!reports(m))
		EMIT(m, event, event);
}

void monitor_emit_leak(struct ktally_monitor *m, const struct leak_record *leak)
{
	EMIT(m, leak, leak);
}

void monitor_emit_message(struct ktally_monitor *m, struct monitor_output *only, const char *text)
{
	struct event_record e = { .timestamp = m->tick_time, .kind = EVENT_MESSAGE,
				  .message = text };

	EMIT_TO(m, only, event, &e);
}

void monitor_tell(struct ktally_monitor *m, const char *message)
{
	if (!reports(m))
		monitor_emit_message(m, NULL, message);
}

static void keep_alert(struct ktally_monitor *m, const struct alert_record *a)
{
	struct kept_alert *k;

	pthread_mutex_lock(&m->lock);
	k = &m->alerts[(m->alert_first + m->alert_cnt) % MONITOR_ALERTS_MAX];
	if (m->alert_cnt < MONITOR_ALERTS_MAX)
		m->alert_cnt++;
	else
		m->alert_first = (m->alert_first + 1) % MONITOR_ALERTS_MAX;
	memset(k, 0, sizeof(*k));
	snprintf(k->name, sizeof(k->name), "%s", a->alert);
	snprintf(k->message, sizeof(k->message), "%s", a->message ? a->message : "");
	k->state = a->state;
	k->timestamp = a->timestamp;
	k->value = a->value;
	k->target = a->target;
	k->pid = a->pid;
	m->fired_cnt += a->state == ALERT_FIRING;
	pthread_mutex_unlock(&m->lock);
}

void monitor_emit_alert(void *monitor, const struct alert_record *alert)
{
	struct ktally_monitor *m = monitor;

	struct monitor_evidence evidence = {};
	struct alert_record a = *alert;

	keep_alert(m, alert);
	monitor_leaks_explain(m, &a, &evidence);
	if (!reports(m))
		EMIT(m, alert, &a);
	monitor_doors_alert(m, &a);
	leaks_report_fini(&evidence.report);
}

void monitor_emit_verdict(void *monitor, const struct verdict_record *verdict)
{
	struct ktally_monitor *m = monitor;
	int err;

	pthread_mutex_lock(&m->lock);
	err = verdicts_add(&m->verdicts, verdict);
	pthread_mutex_unlock(&m->lock);
	if (err)
		monitor_log(m, KTALLY_LOG_ERROR, "a verdict is lost: %s", strerror(-err));
	EMIT(m, verdict, verdict);
}

int monitor_flush_one(struct ktally_monitor *m, struct monitor_output *o)
{
	int err = output_flush(o->out);

	note_write(m, o, err);
	return err;
}

void monitor_flush(struct ktally_monitor *m)
{
	size_t i;

	for (i = 0; i < m->output_cnt; i++)
		monitor_flush_one(m, &m->outputs[i]);
}

uint64_t monitor_dropped(const struct ktally_monitor *m)
{
	uint64_t dropped = 0;
	size_t i;

	for (i = 0; i < m->output_cnt; i++)
		dropped += output_dropped(m->outputs[i].out);
	return dropped;
}

/* ---- header ---- */

static void read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");

	line[0] = '\0';
	if (!f)
		return;
	if (!fgets(line, (int)size, f))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(f);
}

static void describe_ladder(const char *name, const struct ladder *l, bool preempts,
			    struct rung_refusal *refused, struct instrument_record *ret)
{
	size_t i;

	for (i = 0; i < l->refused_cnt; i++) {
		refused[i].rung = l->refused[i].rung;
		refused[i].reason = l->refused[i].reason;
	}
	*ret = (struct instrument_record){ .name = name, .rung = l->active->name,
					   .exact = rung_is_exact(l->active, preempts),
					   .refused = refused,
					   .refused_cnt = l->refused_cnt };
}

static void describe_target(const struct target *t, struct target_record *ret)
{
	static const char *const kinds[] = { "pid", "command", "cgroup", "comm", "all" };

	memset(ret, 0, sizeof(*ret));
	ret->kind = kinds[t->kind];
	ret->scope = monitor_scope(t);
	ret->pid = t->pid;
	ret->follow = t->follow;
	ret->glob = t->glob;
	if (t->kind == TARGET_CGROUP)
		ret->path = t->cgroup.path;
	if (t->command)
		ret->argv = (const char *const *)command_argv(t->command);
}

static void describe_host(struct ktally_monitor *m, struct header_record *h, struct utsname *uts,
			  char *boot_id, size_t size)
{
	struct cgroup_mounts mounts;

	uname(uts);
	read_line("/proc/sys/kernel/random/boot_id", boot_id, size);
	h->host_name = uts->nodename;
	h->kernel = uts->release;
	h->arch = uts->machine;
	h->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	h->memory_bytes = m->host_memory_bytes;
	h->boot_id = boot_id[0] ? boot_id : NULL;
	if (!cgroup_mounts_read(m->proc_fd, &mounts))
		h->cgroup_mode = cgroup_mode_names[mounts.mode];
}

static bool does_preempt(void)
{
	int sys_fd = open("/sys", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	bool preempts = kernel_preempts(sys_fd);

	if (sys_fd >= 0)
		close(sys_fd);
	return preempts;
}

void monitor_emit_header(struct ktally_monitor *m, struct monitor_output *only)
{
	struct rung_refusal refused[SAMPLER_INSTRUMENTS_MAX + 1][LADDER_RUNGS_MAX];
	struct instrument_record instruments[SAMPLER_INSTRUMENTS_MAX + 1];
	struct target_record *targets = calloc(m->targets.cnt, sizeof(*targets));
	struct rule_record *rules = calloc(rules_count(m->rules) + 1, sizeof(*rules));
	struct header_record h = { .version = ktally_version() };
	bool preempts = does_preempt();
	struct utsname uts;
	char boot_id[64];
	size_t i;

	if (!targets || !rules)
		goto out;
	h.timestamp = m->tick_time;
	describe_host(m, &h, &uts, boot_id, sizeof(boot_id));
	for (i = 0; i < m->targets.cnt; i++)
		describe_target(&m->targets.list[i], &targets[i]);
	describe_ladder("targets", &m->targets.ladder, preempts, refused[0], &instruments[0]);
	for (i = 0; i < m->sampler.cnt; i++)
		describe_ladder(m->sampler.list[i].ops->name, &m->sampler.list[i].ladder, preempts,
				refused[i + 1], &instruments[i + 1]);
	for (i = 0; i < rules_count(m->rules); i++)
		rules_describe(m->rules, i, &rules[i]);
	h.targets = targets;
	h.target_cnt = m->targets.cnt;
	h.interval_seconds = (double)m->interval_ns * 1e-9;
	h.instruments = instruments;
	h.instrument_cnt = m->sampler.cnt + 1;
	h.rules = rules;
	h.rule_cnt = rules_count(m->rules);
	EMIT_TO(m, only, header, &h);
out:
	free(targets);
	free(rules);
}

/* ---- trailer ---- */

static const char *reason_name(enum ktally_end_reason reason)
{
	static const char *const names[] = {
		[KTALLY_END_NONE] = "stopped",	       [KTALLY_END_STOPPED] = "stopped",
		[KTALLY_END_TARGETS] = "targets_ended", [KTALLY_END_COUNT] = "count",
		[KTALLY_END_DURATION] = "duration",    [KTALLY_END_READER_GONE] = "reader_gone",
		[KTALLY_END_FAILED] = "failed",
	};

	return names[reason];
}

static void drain(struct ktally_monitor *m)
{
	size_t i;

	for (i = 0; i < m->output_cnt; i++)
		note_write(m, &m->outputs[i], output_drain(m->outputs[i].out, DRAIN_MS));
}

/* What waits for a slow reader goes first, so that there is room for the trailer and its counts are
 * the last word. */
void monitor_emit_trailer(struct ktally_monitor *m)
{
	struct averages *averages = calloc(m->targets.cnt, sizeof(*averages));
	struct trailer_record t = { .reason = reason_name(m->reason) };
	struct program_run programs[OVERHEAD_PROGRAMS_MAX];
	struct monitor_losses losses;
	size_t i;

	drain(m);
	monitor_tell_unseen(m, true);
	monitor_judge_assertions(m);
	monitor_losses_describe(m, &losses);
	t.timestamp = clock_realtime_seconds();
	for (i = 0; i < m->targets.cnt; i++) {
		if (m->targets.list[i].kind == TARGET_COMMAND && m->targets.list[i].exit_known) {
			t.target_exit_known = true;
			t.target_exit = m->targets.list[i].exit_status;
		}
		if (averages)
			averages[i] = m->states[i].run;
	}
	t.snapshots = m->snapshot_cnt;
	t.alerts = m->fired_cnt;
	t.pids_untracked = monitor_untracked(m);
	t.lost_events = monitor_lost(m);
	t.losses = losses.by_source;
	t.loss_cnt = losses.source_cnt;
	t.skipped = losses.by_program;
	t.skipped_cnt = losses.program_cnt;
	t.averages = averages;
	t.target_cnt = averages ? m->targets.cnt : 0;
	monitor_overhead_total(m, programs, &t.overhead);
	EMIT(m, trailer, &t);
	drain(m);
	free(averages);
}
