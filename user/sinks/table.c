// SPDX-License-Identifier: BSD-2-Clause
/* Records for a person at a terminal of 100 columns: a row a snapshot, a sentence for all else. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "sinks/formats.h"
#include "sinks/term.h"
#include "sinks/timestamp.h"
#include "snapshot/history.h"

enum { TABLE_WIDTH = 100, SENTENCE_INDENT = 9, ROWS_PER_HEADING = 20 };

#define COLOR_OFF "\033[0m"

static const char *const state_colors[] = {
	[ALERT_INACTIVE] = "",
	[ALERT_PENDING] = "\033[33m",
	[ALERT_FIRING] = "\033[1;31m",
	[ALERT_RESOLVED] = "\033[32m",
};

struct column {
	const char *title;
	int width; /* negative: left-aligned */
	void (*put)(struct buf *out, const struct column *c, const struct snapshot *r);
	enum metric_id metric;
};

/* printf's %f would write the decimal point of the locale. */
static void fixed_text(char text[32], double value, int decimals)
{
	static const int scales[] = { 1, 10, 100 };
	long long scaled = llrint(fabs(value) * scales[decimals]);
	const char *sign = value < 0 && scaled ? "-" : "";

	if (decimals)
		snprintf(text, 32, "%s%lld.%0*lld", sign, scaled / scales[decimals], decimals,
			 scaled % scales[decimals]);
	else
		snprintf(text, 32, "%s%lld", sign, scaled);
}

/* At most five characters and a sign: 999, 1.23k, 45.6M. step: 1000 or 1024. */
static void human_text(char text[32], double value, int step, int decimals)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
	size_t i = 0;

	if (!(fabs(value) < 1e18)) {
		strcpy(text, "-");
		return;
	}
	for (; fabs(value) >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		value /= step;
	if (i)
		decimals = fabs(value) < 9.995 ? 2 : fabs(value) < 99.95 ? 1 : 0;
	fixed_text(text, value, decimals);
	strcat(text, units[i]);
}

static void put_percent(struct buf *out, const struct column *c, const struct snapshot *r)
{
	double value = r->v[c->metric];
	char text[32] = "-";

	if (fabs(value) < 1e6)
		fixed_text(text, value, fabs(value) < 1000);
	buf_printf(out, "%*s", c->width, text);
}

static void put_size(struct buf *out, const struct column *c, const struct snapshot *r)
{
	char text[32];

	human_text(text, r->v[c->metric], 1024, 0);
	buf_printf(out, "%*s", c->width, text);
}

static void put_count(struct buf *out, const struct column *c, const struct snapshot *r)
{
	char text[32];

	human_text(text, r->v[c->metric], 1000, 0);
	buf_printf(out, "%*s", c->width, text);
}

static void put_rate(struct buf *out, const struct column *c, const struct snapshot *r)
{
	char text[32];

	human_text(text, r->v[c->metric], 1000, 1);
	buf_printf(out, "%*s", c->width, text);
}

static void put_time(struct buf *out, const struct column *c, const struct snapshot *r)
{
	struct timestamp t;

	(void)c;
	timestamp_split(r->timestamp, &t);
	timestamp_render_clock(&t, out);
}

/* "#1": the target of this index, when it is not one process. */
static void put_pid(struct buf *out, const struct column *c, const struct snapshot *r)
{
	char text[32];

	snprintf(text, sizeof(text), r->pid ? "%lld" : "#%lld",
		 r->pid ? (long long)r->pid : (long long)r->target);
	buf_printf(out, "%*s", c->width, text);
}

/* A target of several processes says how many; a member stands below it, indented. */
static void put_comm(struct buf *out, const struct column *c, const struct snapshot *r)
{
	const char *name = r->pid || r->comm[0] ? r->comm : scope_names[r->scope];
	size_t width = -c->width, used = 0;
	char processes[16] = "";

	if (r->member)
		used = term_put(out, " ", 1, width);
	else if (r->scope != SCOPE_PROCESS)
		snprintf(processes, sizeof(processes), " (%u)", r->processes);
	used += term_put(out, name, strnlen(name, sizeof(r->comm)),
			 width - used - strlen(processes));
	buf_printf(out, "%-*s", (int)(width - used), processes);
}

static void put_lost(struct buf *out, const struct column *c, const struct snapshot *r)
{
	char text[32];

	human_text(text, r->lost_events, 1000, 0);
	buf_printf(out, "%*s", c->width, text);
}

static void put_alerts(struct buf *out, const struct column *c, const struct snapshot *r)
{
	buf_printf(out, "%*zu", c->width, r->firing_cnt);
}

/* Widths and the blanks between them add up to TABLE_WIDTH. */
static const struct column columns[] = {
	{ "UTC", -8, put_time, 0 },
	{ "PID", 7, put_pid, 0 },
	{ "COMM", -15, put_comm, 0 },
	{ "CPU%", 6, put_percent, METRIC_CPU_PERCENT },
	{ "RSS", 6, put_size, METRIC_MEMORY_RSS_BYTES },
	{ "FDS", 5, put_count, METRIC_OPEN_FDS },
	{ "OPEN/s", 6, put_rate, METRIC_FD_OPENS_PER_SEC },
	{ "CLOSE/s", 7, put_rate, METRIC_FD_CLOSES_PER_SEC },
	{ "CSW/s", 6, put_rate, METRIC_CONTEXT_SWITCHES_PER_SEC },
	{ "THR", 5, put_count, METRIC_THREADS },
	{ "UNATTR", 6, put_count, METRIC_FD_UNATTRIBUTED },
	{ "LOST", 5, put_lost, 0 },
	{ "ALERTS", 6, put_alerts, 0 },
};

enum { COLUMN_CNT = sizeof(columns) / sizeof(columns[0]) };

static void put_heading(struct buf *out)
{
	size_t i;

	for (i = 0; i < COLUMN_CNT; i++)
		buf_printf(out, "%s%*s", i ? " " : "", columns[i].width, columns[i].title);
	buf_putc(out, '\n');
}

static void table_snapshot(struct sink *s, struct buf *out, const struct snapshot *r)
{
	bool colored = s->color && r->firing_cnt;
	size_t i;

	s->seq++;
	if (!s->rows)
		put_heading(out);
	s->rows = (s->rows + 1) % ROWS_PER_HEADING;
	if (colored)
		buf_puts(out, state_colors[ALERT_FIRING]);
	for (i = 0; i < COLUMN_CNT; i++) {
		if (i)
			buf_putc(out, ' ');
		columns[i].put(out, &columns[i], r);
	}
	if (colored)
		buf_puts(out, COLOR_OFF);
	buf_putc(out, '\n');
}

/* A sentence starts with its time, is composed as it comes, and made safe and broken into lines
 * last. */
static struct buf begin(struct sink *s, double timestamp)
{
	struct buf line = { 0 };
	struct timestamp t;

	s->seq++;
	timestamp_split(timestamp, &t);
	timestamp_render_clock(&t, &line);
	buf_putc(&line, ' ');
	return line;
}

static void end(const struct sink *s, struct buf *out, struct buf *line, const char *color)
{
	bool colored = s->color && *color;

	if (line->err)
		out->err = line->err;
	if (colored)
		buf_puts(out, color);
	term_put_wrapped(out, line->data, line->len, TABLE_WIDTH, SENTENCE_INDENT);
	if (colored)
		buf_puts(out, COLOR_OFF);
	buf_putc(out, '\n');
	buf_fini(line);
}

static void put_target(struct buf *line, const struct target_record *t)
{
	const char *const *arg;

	if (t->argv) {
		buf_puts(line, "command");
		for (arg = t->argv; *arg; arg++)
			buf_printf(line, " %s", *arg);
	} else if (t->path) {
		buf_printf(line, "cgroup %s", t->path);
	} else if (t->glob) {
		buf_printf(line, "processes named %s", t->glob);
	} else if (t->pid) {
		buf_printf(line, "pid %d", t->pid);
	} else {
		buf_puts(line, "every process");
	}
	if (t->follow)
		buf_puts(line, " and its descendants");
}

static void table_header(struct sink *s, struct buf *out, const struct header_record *r)
{
	struct buf line = begin(s, r->timestamp);
	char seconds[32];
	size_t i;

	fixed_text(seconds, r->interval_seconds,
		   r->interval_seconds == rint(r->interval_seconds) ? 0 : 2);
	buf_printf(&line, "ktally %s watches ", r->version);
	for (i = 0; i < r->target_cnt; i++) {
		buf_printf(&line, i ? ", #%zu " : "#%zu ", i);
		put_target(&line, &r->targets[i]);
	}
	buf_printf(&line, " every %s s;", seconds);
	for (i = 0; i < r->instrument_cnt; i++)
		buf_printf(&line, "%s %s by %s%s", i ? "," : "", r->instruments[i].name,
			   r->instruments[i].rung, r->instruments[i].exact ? "" : " (not exact)");
	end(s, out, &line, "");
}

static void put_who(struct buf *line, uint32_t target, int32_t pid, const char comm[16])
{
	if (pid)
		buf_printf(line, "pid %d", pid);
	else
		buf_printf(line, "target #%u", target);
	if (comm[0])
		buf_printf(line, " (%.16s)", comm);
}

static void table_alert(struct sink *s, struct buf *out, const struct alert_record *r)
{
	struct buf line = begin(s, r->timestamp);

	buf_printf(&line, "ALERT %s %s ", alert_state_names[r->state], r->alert);
	put_who(&line, r->target, r->pid, r->comm);
	buf_printf(&line, ": %s", r->message ? r->message : r->expr);
	end(s, out, &line, state_colors[r->state]);
}

static void put_exit_status(struct buf *line, const struct event_record *r)
{
	const char *name;

	if (!r->exit_known)
		return;
	if (WIFEXITED(r->exit_status))
		buf_printf(line, ", status %d", WEXITSTATUS(r->exit_status));
	if (!WIFSIGNALED(r->exit_status))
		return;
	name = sigabbrev_np(WTERMSIG(r->exit_status));
	if (name)
		buf_printf(line, ", killed by SIG%s", name);
	else
		buf_printf(line, ", killed by signal %d", WTERMSIG(r->exit_status));
}

static void put_totals(struct buf *line, const struct raw_row *totals)
{
	static const struct {
		const char *name;
		enum raw_id raw;
	} shown[] = {
		{ "voluntary switches", RAW_VOLUNTARY },
		{ "involuntary", RAW_INVOLUNTARY },
		{ "opens", RAW_FD_OPENS },
		{ "closes", RAW_FD_CLOSES },
	};
	size_t i;

	for (i = 0; totals && i < sizeof(shown) / sizeof(shown[0]); i++)
		if (totals->v[shown[i].raw] != RAW_UNKNOWN)
			buf_printf(line, ", %lld %s", (long long)totals->v[shown[i].raw],
				   shown[i].name);
}

static const char *const event_verbs[] = {
	[EVENT_PROCESS_START] = "start",
	[EVENT_PROCESS_EXEC] = "exec",
	[EVENT_PROCESS_EXIT] = "exit",
	[EVENT_MESSAGE] = "note:",
	[EVENT_OVERHEAD] = "note:",
};

static void put_note(struct buf *line, const struct event_record *r)
{
	char cpu[32];

	if (r->message || !r->overhead) {
		buf_puts(line, r->message ? r->message : "");
		return;
	}
	human_text(cpu, r->overhead->cpu_percent, 1000, 2);
	buf_printf(line, "ktally itself CPU %s %%", cpu);
}

static void table_event(struct sink *s, struct buf *out, const struct event_record *r)
{
	struct buf line = begin(s, r->timestamp);

	buf_printf(&line, "%s ", event_verbs[r->kind]);
	if (r->kind == EVENT_MESSAGE || r->kind == EVENT_OVERHEAD)
		put_note(&line, r);
	else
		put_who(&line, r->target, r->pid, r->comm);
	if (r->kind == EVENT_PROCESS_START && r->ppid)
		buf_printf(&line, ", child of %d", r->ppid);
	if (r->kind == EVENT_PROCESS_EXIT) {
		put_exit_status(&line, r);
		put_totals(&line, r->totals);
	}
	end(s, out, &line, "");
}

static void put_target_summary(struct buf *line, size_t index, const struct averages *a)
{
	char cpu[32], rss[32], fds[32], switches[32];

	human_text(cpu, averages_mean(a, METRIC_CPU_PERCENT), 1000, 1);
	human_text(rss, averages_max(a, METRIC_MEMORY_RSS_BYTES), 1024, 0);
	human_text(fds, averages_max(a, METRIC_OPEN_FDS), 1000, 0);
	human_text(switches, averages_mean(a, METRIC_CONTEXT_SWITCHES_PER_SEC), 1000, 1);
	buf_printf(line,
		   "; #%zu on average CPU %s %%, %s switches/s, at most RSS %s, %s descriptors",
		   index, cpu, switches, rss, fds);
}

static void table_trailer(struct sink *s, struct buf *out, const struct trailer_record *r)
{
	struct buf line = begin(s, r->timestamp);
	char cpu[32], rss[32];
	size_t i;

	human_text(cpu, r->overhead.cpu_percent, 1000, 1);
	human_text(rss, r->overhead.max_rss_bytes, 1024, 0);
	buf_printf(&line, "end (%s): %llu snapshots, %llu alerts fired, %llu events lost",
		   r->reason, (unsigned long long)r->snapshots, (unsigned long long)r->alerts,
		   (unsigned long long)r->lost_events);
	for (i = 0; i < r->target_cnt; i++)
		put_target_summary(&line, i, &r->averages[i]);
	buf_printf(&line, "; ktally itself CPU %s %%, RSS %s", cpu, rss);
	end(s, out, &line, "");
}

static void table_verdict(struct sink *s, struct buf *out, const struct verdict_record *r)
{
	struct buf line = begin(s, r->timestamp);

	buf_printf(&line, "assertion %s, target #%u: %s; %s", r->passed ? "holds" : "FAILS",
		   r->target, r->assertion, r->message);
	end(s, out, &line, state_colors[r->passed ? ALERT_RESOLVED : ALERT_FIRING]);
}

static void table_sweep(struct sink *s, struct buf *out, const struct sweep_record *r)
{
	if (!s->rows++)
		buf_puts(out, "   THRESHOLD     ALERTS  FIRING SECONDS  RULE\n");
	buf_printf(out, "%12.10g %10llu %15.3f  %s\n", r->threshold, (unsigned long long)r->alerts,
		   r->firing_seconds, r->expr);
}

const struct sink_format sink_table = {
	.name = "table",
	.help = "aligned columns for a terminal",
	.header = table_header,
	.snapshot = table_snapshot,
	.alert = table_alert,
	.event = table_event,
	.leak = table_leak,
	.trailer = table_trailer,
	.verdict = table_verdict,
	.sweep = table_sweep,
};
