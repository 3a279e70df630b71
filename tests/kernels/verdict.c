// SPDX-License-Identifier: BSD-2-Clause
/*
 * Compares what a workload says that it did with what ktally counted, and prints one line: a status
 * and the numbers behind it.
 *
 *   verdict INSTRUMENT=RUNG WORKLOAD.json STREAM.jsonl EXPECTED=METRIC[~TOLERANCE]...
 *
 * EXPECTED and TOLERANCE are sums and differences of numbers, of keys in the workload's last JSON
 * line, and of @METRIC, which is what ktally counted; EXPECTED `null` demands that the metric is
 * unknown. Statuses:
 *   exact  every metric is as expected
 *   lost   some are lower (levels and residuals: or higher), by no more than ktally itself says was
 *          lost of that metric
 *   wrong  anything else; the first difference is named
 * What an expression with @METRIC says must hold whatever was lost. Besides the metrics there are
 * odd_intervals and negatives, counted over all snapshots; sleeps and clock_steps, over all events;
 * of call sites, open:FUNCTION, opened:FUNCTION and so on, summed over those whose stack passes
 * that function, and cut_stacks and untrusted_frames.
 *   error  a file can't be used, or another rung answered
 */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESIDUAL "fd_unattributed"

/* No step of the clock makes an interval longer than this. */
#define INTERVAL_MAX_SECONDS 60

struct stream {
	json_t *header;
	json_t *snapshot; /* the last one of the first target */
	json_t *exit;     /* the end of the process that the first target names */
	json_t *trailer;
	double odd_intervals; /* snapshots whose interval is none */
	double negatives;     /* numbers below zero, of those that cannot be */
	double sleeps;	      /* events that tell of one */
	double clock_steps;
	json_t *sites;
	double cut_stacks;    /* call sites whose stack does not reach its outermost frame */
	double untrusted_frames;
};

static const struct {
	const char *metric;
	size_t offset;
} oddities[] = {
	{ "odd_intervals", offsetof(struct stream, odd_intervals) },
	{ "negatives", offsetof(struct stream, negatives) },
	{ "sleeps", offsetof(struct stream, sleeps) },
	{ "clock_steps", offsetof(struct stream, clock_steps) },
	{ "cut_stacks", offsetof(struct stream, cut_stacks) },
	{ "untrusted_frames", offsetof(struct stream, untrusted_frames) },
};

struct verdict {
	double missing;    /* the largest shortfall of a metric */
	double missing_of; /* what was expected of that metric */
	double lost;	   /* and how much of it ktally says may be missing */
	char numbers[512];
};

static int finish(const char *status, const char *format, ...)
{
	va_list args;

	printf("%s ", status);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return strcmp(status, "exact") && strcmp(status, "lost");
}

static void keep(json_t **place, json_t *record)
{
	json_decref(*place);
	*place = json_incref(record);
}

static bool is(json_t *record, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text && !strcmp(text, value);
}

static void look_for_oddities(struct stream *s, json_t *snapshot)
{
	double interval = json_number_value(json_object_get(snapshot, "interval_seconds"));
	const char *key;
	json_t *value;

	s->odd_intervals += !(interval > 0 && interval < INTERVAL_MAX_SECONDS);
	json_object_foreach(snapshot, key, value)
		s->negatives += json_number_value(value) < 0 && strcmp(key, RESIDUAL);
}

static void look_for_clocks(struct stream *s, json_t *event)
{
	const char *message = json_string_value(json_object_get(event, "message"));

	s->sleeps += message && strstr(message, "the machine slept for ");
	s->clock_steps += message && strstr(message, "the clock was set ");
}

/* What was open before has no stack. */
static void keep_site(struct stream *s, json_t *site)
{
	json_t *frame;
	size_t i;

	if (!s->sites)
		s->sites = json_array();
	json_array_append(s->sites, site);
	s->cut_stacks += json_number_value(json_object_get(site, "opened")) &&
			 !is(site, "stack", "whole");
	json_array_foreach(json_object_get(site, "frames"), i, frame)
		s->untrusted_frames += !json_is_true(json_object_get(frame, "trusted"));
}

static void sort_in(void *ctx, json_t *record)
{
	struct stream *s = ctx;
	json_t *targets = json_object_get(s->header, "targets");
	json_t *pid = json_object_get(json_array_get(targets, 0), "pid");

	if (is(record, "type", "snapshot"))
		look_for_oddities(s, record);
	if (is(record, "type", "event"))
		look_for_clocks(s, record);
	if (is(record, "type", "header"))
		keep(&s->header, record);
	else if (is(record, "type", "leak"))
		keep_site(s, record);
	else if (is(record, "type", "trailer"))
		keep(&s->trailer, record);
	else if (is(record, "type", "snapshot") &&
		 !json_is_true(json_object_get(record, "member")) &&
		 !json_integer_value(json_object_get(record, "target")))
		keep(&s->snapshot, record);
	else if (is(record, "event", "process_exit") &&
		 json_equal(json_object_get(record, "pid"), pid))
		keep(&s->exit, record);
}

/* Hands on each line that is a JSON object; workloads may print words before theirs. */
static int read_lines(const char *path, void (*each)(void *ctx, json_t *record), void *ctx)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	json_t *record;

	if (!file)
		return -1;
	while (getline(&line, &size, file) > 0) {
		record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		if (json_is_object(record))
			each(ctx, record);
		json_decref(record);
	}
	free(line);
	fclose(file);
	return 0;
}

static void each_work(void *ctx, json_t *record)
{
	keep(ctx, record);
}

static double number_or_nan(const json_t *value)
{
	return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool passes(json_t *site, const char *function)
{
	json_t *frame;
	size_t i;

	json_array_foreach(json_object_get(site, "frames"), i, frame)
		if (is(frame, "function", function))
			return true;
	return false;
}

/* "opened:leak_dup" */
static double of_function(const struct stream *s, const char *metric)
{
	const char *function = strchr(metric, ':') + 1;
	double sum = 0;
	json_t *site;
	char key[32];
	size_t i;

	snprintf(key, sizeof(key), "%.*s", (int)(function - metric - 1), metric);
	json_array_foreach(s->sites, i, site)
		if (passes(site, function))
			sum += number_or_nan(json_object_get(site, key));
	return sum;
}

/* NaN: unknown. A process that ended has its last numbers in its exit record. */
static double counted(const struct stream *s, const char *metric)
{
	double value = number_or_nan(json_object_get(s->snapshot, metric));
	size_t i;

	for (i = 0; i < sizeof(oddities) / sizeof(*oddities); i++)
		if (!strcmp(metric, oddities[i].metric))
			return *(const double *)((const char *)s + oddities[i].offset);
	if (strchr(metric, ':'))
		return of_function(s, metric);
	if (!isnan(value) || !is(s->snapshot, "scope", "process"))
		return value;
	return number_or_nan(json_object_get(json_object_get(s->exit, "totals"), metric));
}

/* "a+b-2+@fd_opens". NaN when there is no such number. */
static double evaluate(json_t *work, const struct stream *s, const char *expr)
{
	double sum = 0, sign = 1, value;
	char term[64];
	size_t len;

	while (*expr) {
		len = strcspn(expr, "+-");
		snprintf(term, sizeof(term), "%.*s", (int)len, expr);
		value = term[0] == '@' ? counted(s, term + 1) :
					 number_or_nan(json_object_get(work, term));
		if (term[0] >= '0' && term[0] <= '9')
			value = atof(term);
		sum += sign * value;
		sign = expr[len] == '-' ? -1 : 1;
		expr += len + !!expr[len];
	}
	return sum;
}

/* Programs that tell of one metric only: skipped, they cost no other. */
static const struct {
	const char *program, *metric;
} tells[] = {
	{ "fd_entry_install", "fd_opens" },  { "fd_entry_dup2", "fd_opens" },
	{ "fd_entry_close", "fd_closes" },   { "fd_entry_flush", "fd_closes" },
	{ "fd_multi_install", "fd_opens" },  { "fd_multi_dup2", "fd_opens" },
	{ "fd_multi_close", "fd_closes" },   { "fd_multi_result", "fd_open_errors" },
	{ "fd_multi_accepted", "fd_open_errors" },
	{ "fd_sys_exit_failed", "fd_open_errors" }, { "fd_exit", RESIDUAL },
};

/* How much of a metric may be missing at most: lost_events without what was lost of others. */
static double lost_of(const struct stream *s, const char *metric)
{
	double lost = json_number_value(json_object_get(s->trailer, "lost_events"));
	json_t *skipped = json_object_get(s->trailer, "skipped");
	size_t i;

	if (!strcmp(metric, RESIDUAL))
		return lost;
	for (i = 0; i < sizeof(tells) / sizeof(*tells); i++)
		if (strcmp(tells[i].metric, metric))
			lost -= json_number_value(json_object_get(skipped, tells[i].program));
	return lost;
}

/* The balance at the end is struck by one program: where that was skipped there is none. */
static bool may_be_unknown(const struct stream *s, const char *metric)
{
	json_t *skipped = json_object_get(s->trailer, "skipped");

	return !strcmp(metric, RESIDUAL) && json_object_get(skipped, "fd_exit");
}

static void note(struct verdict *v, const char *metric, double value)
{
	size_t used = strlen(v->numbers);

	snprintf(v->numbers + used, sizeof(v->numbers) - used, "%s%s %.0f", used ? ", " : "",
		 metric, value);
}

/* A lost event is missing in a count; it moves a residual either way, and a close that is lost
 * leaves one more open. */
static bool moves_either_way(const char *metric)
{
	return !strcmp(metric, RESIDUAL) || !strncmp(metric, "open:", strlen("open:"));
}

/* One "EXPECTED=METRIC~TOLERANCE". True: it is not met, and buffer says how. */
static bool differs(struct verdict *v, json_t *work, const struct stream *s, const char *pair,
		    char buffer[256])
{
	char expr[128], metric[64], tolerance[64] = "0";
	double expected, actual, margin, lost, off;

	if (sscanf(pair, "%127[^=]=%63[^~]~%63s", expr, metric, tolerance) < 2) {
		snprintf(buffer, 256, "cannot read '%s'", pair);
		return true;
	}
	actual = counted(s, metric);
	if (!strcmp(expr, "null")) {
		snprintf(buffer, 256, "%s: expected null, counted %.0f", metric, actual);
		return !isnan(actual);
	}
	if (isnan(actual) && may_be_unknown(s, metric))
		return false;
	expected = evaluate(work, s, expr);
	margin = evaluate(work, s, tolerance);
	lost = strchr(expr, '@') ? 0 : lost_of(s, metric);
	note(v, metric, actual);
	off = fabs(expected - actual);
	if (off > margin && off > v->missing) {
		v->missing = off;
		v->missing_of = expected;
		v->lost = lost;
	}
	snprintf(buffer, 256,
		 "%s: expected %.0f (%s) within %.0f, counted %.0f, reported lost %.0f", metric,
		 expected, expr, margin, actual, lost);
	/* Written so that a NaN differs. */
	return !(off <= margin ||
		 (off <= margin + lost && (expected > actual || moves_either_way(metric))));
}

/* Did the rung that was asked for answer? */
static bool rung_is(const struct stream *s, const char *wish)
{
	json_t *instruments = json_object_get(s->header, "instruments");
	char name[32];
	const char *rung = strchr(wish, '=');

	if (!rung)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(rung - wish), wish);
	return is(json_object_get(instruments, name), "rung", rung + 1);
}

static int judge(json_t *work, const struct stream *s, const char *wish, char **pairs)
{
	struct verdict v = { 0 };
	char buffer[256];

	if (!work)
		return finish("error", "the workload printed no JSON");
	if (!s->header)
		return finish("error", "the stream has no header");
	if (!s->trailer)
		return finish("error", "the stream has no trailer: it was cut");
	if (!s->snapshot && !s->sites)
		return finish("error", "the stream has neither snapshot nor call site");
	if (!rung_is(s, wish))
		return finish("error", "another rung answered than %s", wish);
	for (; *pairs; pairs++)
		if (differs(&v, work, s, *pairs, buffer))
			return finish("wrong", "%s", buffer);
	if (v.missing > 0)
		return finish("lost", "%.0f of %.0f, reported %.0f: %s", v.missing, v.missing_of,
			      v.lost, v.numbers);
	return finish("exact", "%s, lost_events %.0f", v.numbers,
		      json_number_value(json_object_get(s->trailer, "lost_events")));
}

int main(int argc, char **argv)
{
	struct stream s = { 0 };
	json_t *work = NULL;
	int status;

	if (argc < 5)
		return finish("error",
			      "usage: verdict INSTRUMENT=RUNG WORK STREAM EXPECTED=METRIC...");
	if (read_lines(argv[2], each_work, &work) || read_lines(argv[3], sort_in, &s))
		status = finish("error", "%s or %s can't be read", argv[2], argv[3]);
	else
		status = judge(work, &s, argv[1], argv + 4);
	json_decref(work);
	json_decref(s.header);
	json_decref(s.snapshot);
	json_decref(s.exit);
	json_decref(s.trailer);
	json_decref(s.sites);
	return status;
}
