// SPDX-License-Identifier: BSD-2-Clause
/* Records as JSON Lines: schema ktally.v1, described in docs/schema/ktally.v1.json. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/json.h"
#include "ktally.h"
#include "sinks/formats.h"
#include "sinks/jsonl.h"
#include "sinks/timestamp.h"
#include "snapshot/history.h"

static const char *const event_names[] = {
	[EVENT_PROCESS_START] = "process_start",
	[EVENT_PROCESS_EXEC] = "process_exec",
	[EVENT_PROCESS_EXIT] = "process_exit",
	[EVENT_MESSAGE] = "message",
	[EVENT_OVERHEAD] = "overhead",
};

/* Opens a record; both forms of the time come from the same microseconds. */
struct json jsonl_begin(struct sink *s, struct buf *out, const char *type, double timestamp)
{
	struct json j = { .out = out };
	struct timestamp t;

	timestamp_split(timestamp, &t);
	jsonw_object(&j, NULL);
	jsonw_string(&j, "type", type);
	buf_puts(out, ",\"timestamp\":");
	timestamp_render_epoch(&t, out);
	buf_puts(out, ",\"time\":\"");
	timestamp_render_rfc3339(&t, out);
	buf_putc(out, '"');
	jsonw_int(&j, "seq", s->seq++);
	return j;
}

void jsonl_end(struct json *j)
{
	jsonw_object_end(j);
	buf_putc(j->out, '\n');
}

/* Zero is "none" or "unknown" for a pid and a start time, and so null in the records. */
void jsonl_put_id(struct json *j, const char *key, uint64_t id)
{
	if (id)
		jsonw_int(j, key, id);
	else
		jsonw_null(j, key);
}

/* Where there is no process, an empty name is no name. */
void jsonl_put_comm(struct json *j, int32_t pid, const char comm[16])
{
	size_t len = strnlen(comm, 16);

	if (pid || len)
		jsonw_string_n(j, "comm", comm, len);
	else
		jsonw_null(j, "comm");
}

/* A number of unknown scale; what a reader's double would not hold exactly is no number for it. */
void jsonl_put_number(struct json *j, const char *key, double value)
{
	jsonw_double(j, key, fabs(value) < 0x1p53 ? value : NAN);
}

static void put_strings(struct json *j, const char *key, const char *const *list, size_t cnt)
{
	size_t i;

	jsonw_array(j, key);
	for (i = 0; i < cnt; i++)
		jsonw_string(j, NULL, list[i]);
	jsonw_array_end(j);
}

static void put_host(struct json *j, const struct header_record *r)
{
	jsonw_object(j, "host");
	jsonw_string(j, "name", r->host_name);
	jsonw_string(j, "kernel", r->kernel);
	jsonw_string(j, "arch", r->arch);
	jsonl_put_id(j, "cpus", r->cpus);
	jsonl_put_id(j, "memory_bytes", r->memory_bytes);
	jsonw_string(j, "boot_id", r->boot_id);
	jsonw_string(j, "cgroup_mode", r->cgroup_mode);
	jsonw_object_end(j);
}

static void put_target(struct json *j, const struct target_record *t)
{
	size_t argc = 0;

	jsonw_object(j, NULL);
	jsonw_string(j, "kind", t->kind);
	jsonw_string(j, "scope", scope_names[t->scope]);
	jsonl_put_id(j, "pid", t->pid);
	if (t->path)
		jsonw_string(j, "path", t->path);
	if (t->glob)
		jsonw_string(j, "glob", t->glob);
	if (t->argv) {
		while (t->argv[argc])
			argc++;
		put_strings(j, "argv", t->argv, argc);
	}
	jsonw_bool(j, "follow", t->follow);
	jsonw_object_end(j);
}

static void put_instrument(struct json *j, const struct instrument_record *in)
{
	size_t i;

	jsonw_object(j, in->name);
	jsonw_string(j, "rung", in->rung);
	jsonw_bool(j, "exact", in->exact);
	jsonw_array(j, "refused");
	for (i = 0; i < in->refused_cnt; i++) {
		jsonw_object(j, NULL);
		jsonw_string(j, "rung", in->refused[i].rung);
		jsonw_string(j, "reason", in->refused[i].reason);
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
	jsonw_object_end(j);
}

static void put_rule(struct json *j, const struct rule_record *rule)
{
	jsonw_object(j, NULL);
	jsonw_string(j, "alert", rule->alert);
	jsonw_string(j, "expr", rule->expr);
	jsonw_double(j, "for_seconds", rule->for_seconds);
	jsonw_string(j, "severity", rule->severity);
	jsonw_object_end(j);
}

static void jsonl_header(struct sink *s, struct buf *out, const struct header_record *r)
{
	struct json j = jsonl_begin(s, out, "header", r->timestamp);
	size_t i;

	jsonw_string(&j, "schema", KTALLY_SCHEMA);
	jsonw_string(&j, "version", r->version);
	put_host(&j, r);
	jsonw_array(&j, "targets");
	for (i = 0; i < r->target_cnt; i++)
		put_target(&j, &r->targets[i]);
	jsonw_array_end(&j);
	jsonw_double(&j, "interval_seconds", r->interval_seconds);
	jsonw_object(&j, "instruments");
	for (i = 0; i < r->instrument_cnt; i++)
		put_instrument(&j, &r->instruments[i]);
	jsonw_object_end(&j);
	jsonw_array(&j, "rules");
	for (i = 0; i < r->rule_cnt; i++)
		put_rule(&j, &r->rules[i]);
	jsonw_array_end(&j);
	jsonl_end(&j);
}

static const struct json_column metric_columns[METRIC_COUNT] = {
#define RAW(...)
#define METRIC(id, name, unit, decimals, ...) \
	[METRIC_##id] = { "\"" name "\":", sizeof("\"" name "\":") - 1, decimals },
#include "base/metrics.def"
#undef RAW
#undef METRIC
};

static void jsonl_snapshot(struct sink *s, struct buf *out, const struct snapshot *r)
{
	struct json j = jsonl_begin(s, out, "snapshot", r->timestamp);
	size_t i;

	jsonw_int(&j, "target", r->target);
	jsonw_string(&j, "scope", scope_names[r->scope]);
	jsonw_bool(&j, "member", r->member);
	jsonw_bool(&j, "final", r->final);
	jsonl_put_id(&j, "pid", r->pid);
	jsonl_put_comm(&j, r->pid, r->comm);
	jsonl_put_id(&j, "start_ticks", r->start_ticks);
	jsonw_int(&j, "processes", r->processes);
	jsonw_fixed(&j, "interval_seconds", r->interval_seconds, 6);
	jsonw_fixed(&j, "monotonic_seconds", (double)(r->monotonic_ns / 1000) / 1e6, 6);
	jsonw_fixed_row(&j, metric_columns, r->v, METRIC_COUNT);
	jsonw_object(&j, "custom_metrics");
	for (i = 0; i < r->custom_cnt; i++)
		jsonl_put_number(&j, r->custom[i].name, r->custom[i].value);
	jsonw_object_end(&j);
	put_strings(&j, "alerts_firing", r->firing, r->firing_cnt);
	if (!r->member)
		jsonw_fixed(&j, "pids_untracked", r->pids_untracked, 0);
	jsonw_int(&j, "lost_events", r->lost_events);
	jsonl_end(&j);
}

static void put_labels(struct json *j, const char *key, const struct label *labels, size_t cnt)
{
	jsonw_object(j, key);
	for (size_t i = 0; i < cnt; i++)
		jsonw_string(j, labels[i].name, labels[i].value);
	jsonw_object_end(j);
}

static void jsonl_alert(struct sink *s, struct buf *out, const struct alert_record *r)
{
	struct json j = jsonl_begin(s, out, "alert", r->timestamp);

	jsonw_string(&j, "alert", r->alert);
	jsonw_string(&j, "state", alert_state_names[r->state]);
	jsonw_string(&j, "severity", r->severity);
	jsonw_string(&j, "expr", r->expr);
	jsonl_put_number(&j, "value", r->value);
	jsonl_put_number(&j, "threshold", r->threshold);
	jsonw_double(&j, "for_seconds", r->for_seconds);
	jsonw_fixed(&j, "started_at", r->started_at, 6);
	put_labels(&j, "labels", r->labels, r->label_cnt);
	put_labels(&j, "annotations", r->annotations, r->annotation_cnt);
	jsonw_string(&j, "message", r->message);
	jsonw_int(&j, "target", r->target);
	jsonl_put_id(&j, "pid", r->pid);
	jsonl_put_comm(&j, r->pid, r->comm);
	jsonl_put_evidence(&j, r);
	jsonl_end(&j);
}

/* What a process had counted when it ended: the numbers that are kept beyond it. */
static bool has_total(const struct metric *m)
{
	return (m->derive == DERIVE_VALUE || m->derive == DERIVE_DELTA) && raw_is_kept(m->a);
}

static double total_value(const struct raw_row *row, const struct metric *m)
{
	int64_t a = row->v[m->a], b = m->b == RAW_NONE ? 0 : row->v[m->b];

	return a == RAW_UNKNOWN || b == RAW_UNKNOWN ? NAN : (double)(a + b) * m->scale;
}

static void put_totals(struct json *j, const struct raw_row *row)
{
	char key[64];
	size_t i;

	jsonw_object(j, "totals");
	for (i = 0; i < METRIC_COUNT; i++) {
		if (!has_total(&metrics[i]))
			continue;
		/* A name that means one interval does not fit what it adds up to. */
		snprintf(key, sizeof(key), "%s%s", metrics[i].name,
			 metrics[i].derive == DERIVE_DELTA ? "_total" : "");
		jsonw_fixed(j, key, row ? total_value(row, &metrics[i]) : NAN, metrics[i].decimals);
	}
	jsonw_object_end(j);
}

static void put_exit(struct json *j, const struct event_record *r)
{
	if (r->exit_known && WIFEXITED(r->exit_status))
		jsonw_int(j, "exit_code", WEXITSTATUS(r->exit_status));
	else
		jsonw_null(j, "exit_code");
	if (r->exit_known && WIFSIGNALED(r->exit_status))
		jsonw_int(j, "exit_signal", WTERMSIG(r->exit_status));
	else
		jsonw_null(j, "exit_signal");
	put_totals(j, r->totals);
}

static void put_programs(struct json *j, const struct overhead_record *r)
{
	size_t i;

	jsonw_object(j, "programs");
	for (i = 0; i < r->program_cnt; i++) {
		jsonw_object(j, r->programs[i].name);
		jsonw_int(j, "runs", (int64_t)r->programs[i].runs);
		jsonw_fixed(j, "seconds", r->programs[i].seconds, 6);
		jsonw_object_end(j);
	}
	jsonw_object_end(j);
}

static void put_overhead(struct json *j, const struct overhead_record *r)
{
	jsonw_object(j, "overhead");
	jsonw_fixed(j, "seconds", r->seconds, 6);
	jsonw_fixed(j, "cpu_seconds", r->cpu_seconds, 6);
	jsonw_fixed(j, "cpu_percent", r->cpu_percent, 3);
	jsonl_put_id(j, "max_rss_bytes", r->max_rss_bytes);
	jsonl_put_id(j, "map_bytes", r->map_bytes);
	jsonw_fixed(j, "bpf_seconds", r->bpf_seconds, 6);
	jsonw_fixed(j, "bpf_percent", r->bpf_percent, 3);
	jsonw_fixed(j, "bpf_runs", r->bpf_runs, 0);
	put_programs(j, r);
	jsonw_fixed(j, "interval_seconds", r->interval_seconds, 6);
	jsonw_object_end(j);
}

static void jsonl_event(struct sink *s, struct buf *out, const struct event_record *r)
{
	struct json j = jsonl_begin(s, out, "event", r->timestamp);

	jsonw_string(&j, "event", event_names[r->kind]);
	jsonw_int(&j, "target", r->target);
	jsonl_put_id(&j, "pid", r->pid);
	jsonl_put_id(&j, "ppid", r->ppid);
	jsonl_put_comm(&j, r->pid, r->comm);
	jsonl_put_id(&j, "start_ticks", r->start_ticks);
	if (r->kind == EVENT_PROCESS_EXIT)
		put_exit(&j, r);
	if (r->kind == EVENT_MESSAGE || r->kind == EVENT_OVERHEAD)
		jsonw_string(&j, "message", r->message);
	if (r->kind == EVENT_OVERHEAD)
		put_overhead(&j, r->overhead);
	jsonl_end(&j);
}

/* The mean of a number that only grows says nothing. */
static bool has_mean(const struct metric *m)
{
	return m->derive != DERIVE_VALUE || raw_kinds[m->a] == RAW_GAUGE;
}

static void put_averages(struct json *j, const struct averages *a)
{
	char key[64];
	size_t i;

	jsonw_object(j, "averages");
	for (i = 0; i < METRIC_COUNT; i++) {
		if (!has_mean(&metrics[i]))
			continue;
		snprintf(key, sizeof(key), "avg_%s", metrics[i].name);
		jsonw_fixed(j, key, a ? averages_mean(a, i) : NAN,
			    metrics[i].decimals > 3 ? metrics[i].decimals : 3);
	}
	jsonw_object_end(j);
}

static void put_maxima(struct json *j, const struct averages *a)
{
	char key[64];
	size_t i;

	jsonw_object(j, "maxima");
	for (i = 0; i < METRIC_COUNT; i++) {
		if (!has_mean(&metrics[i]))
			continue;
		snprintf(key, sizeof(key), "max_%s", metrics[i].name);
		jsonw_fixed(j, key, a ? averages_max(a, i) : NAN, metrics[i].decimals);
	}
	jsonw_object_end(j);
}

static void put_target_averages(struct json *j, const struct trailer_record *r)
{
	size_t i;

	jsonw_array(j, "targets");
	for (i = 0; i < r->target_cnt; i++) {
		jsonw_object(j, NULL);
		jsonw_int(j, "target", i);
		put_averages(j, &r->averages[i]);
		put_maxima(j, &r->averages[i]);
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
}

/* As a shell says it in $?. */
static void put_target_exit(struct json *j, const struct trailer_record *r)
{
	if (r->target_exit_known && WIFEXITED(r->target_exit))
		jsonw_int(j, "target_exit", WEXITSTATUS(r->target_exit));
	else if (r->target_exit_known && WIFSIGNALED(r->target_exit))
		jsonw_int(j, "target_exit", 128 + WTERMSIG(r->target_exit));
	else
		jsonw_null(j, "target_exit");
}

static void put_losses(struct json *j, const char *key, const struct loss_record *list, size_t cnt)
{
	size_t i;

	jsonw_object(j, key);
	for (i = 0; i < cnt; i++)
		jsonw_int(j, list[i].source, list[i].count);
	jsonw_object_end(j);
}

static void jsonl_trailer(struct sink *s, struct buf *out, const struct trailer_record *r)
{
	struct json j = jsonl_begin(s, out, "trailer", r->timestamp);

	jsonw_string(&j, "reason", r->reason);
	put_target_exit(&j, r);
	jsonw_int(&j, "snapshots", r->snapshots);
	jsonw_int(&j, "alerts", r->alerts);
	jsonw_fixed(&j, "pids_untracked", r->pids_untracked, 0);
	jsonw_int(&j, "lost_events", r->lost_events);
	put_losses(&j, "losses", r->losses, r->loss_cnt);
	put_losses(&j, "skipped", r->skipped, r->skipped_cnt);
	put_averages(&j, r->target_cnt ? r->averages : NULL);
	put_maxima(&j, r->target_cnt ? r->averages : NULL);
	if (r->target_cnt > 1)
		put_target_averages(&j, r);
	put_overhead(&j, &r->overhead);
	jsonl_end(&j);
}

const struct sink_format sink_jsonl = {
	.name = "jsonl",
	.help = "one JSON object a line",
	.header = jsonl_header,
	.snapshot = jsonl_snapshot,
	.alert = jsonl_alert,
	.event = jsonl_event,
	.leak = jsonl_leak,
	.trailer = jsonl_trailer,
	.verdict = jsonl_verdict,
	.sweep = jsonl_sweep,
};
