// SPDX-License-Identifier: BSD-2-Clause
/* Records by their keys; keys that are not known here are passed over. */
#include "replay/recording.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "ktally.h"

struct reader {
	json_t *root;
	struct recording_error *err;
	int failed; /* the first error, kept */
};

static int fail(struct reader *r, int err, const char *what, const char *key)
{
	if (!r->failed)
		snprintf(r->err->text, sizeof(r->err->text), what, key);
	r->failed = r->failed ? r->failed : err;
	return r->failed;
}

/* NaN: null, or not there. */
static double number(struct reader *r, const char *key)
{
	json_t *v = json_object_get(r->root, key);

	if (v && !json_is_null(v) && !json_is_number(v))
		fail(r, -EINVAL, "'%s' is no number", key);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

static uint64_t whole(struct reader *r, const char *key, double max)
{
	double v = number(r, key);

	if (!isnan(v) && (v < 0 || v > max || v != trunc(v)))
		fail(r, -EINVAL, "'%s' is out of range", key);
	return r->failed || isnan(v) ? 0 : (uint64_t)v;
}

static bool flag(struct reader *r, const char *key)
{
	json_t *v = json_object_get(r->root, key);

	if (v && !json_is_boolean(v))
		fail(r, -EINVAL, "'%s' is neither true nor false", key);
	return json_is_true(v);
}

static const char *text(struct reader *r, const char *key)
{
	json_t *v = json_object_get(r->root, key);

	if (v && !json_is_null(v) && !json_is_string(v))
		fail(r, -EINVAL, "'%s' is no text", key);
	return json_string_value(v);
}

static double clock_seconds(struct reader *r, const char *key)
{
	double v = number(r, key);

	if (v < 0 || v >= 1e9 * 9)
		fail(r, -EINVAL, "'%s' is out of range", key);
	return r->failed ? 0 : v;
}

/* A byte that was not UTF-8 was written as U+FFFD: put back a byte that is none either, so that the
 * name has its length again and is written the same. */
static void read_comm(struct reader *r, char comm[16])
{
	const char *from = text(r, "comm");
	size_t i = 0;

	memset(comm, 0, 16);
	while (from && *from && i < 15) {
		bool replaced = !strncmp(from, "\xef\xbf\xbd", 3);

		comm[i++] = replaced ? '\xff' : *from;
		from += replaced ? 3 : 1;
	}
}

static enum scope read_scope(struct reader *r)
{
	const char *name = text(r, "scope");
	enum scope scope;

	for (scope = SCOPE_PROCESS; name && scope <= SCOPE_SYSTEM; scope++)
		if (!strcmp(name, scope_names[scope]))
			return scope;
	fail(r, -EINVAL, "there is no scope '%.40s'", name ? name : "");
	return SCOPE_PROCESS;
}

static int fit_custom(struct recorded *rec, size_t cnt)
{
	struct custom_metric *v;

	if (cnt <= rec->custom_cap)
		return 0;
	v = reallocarray(rec->custom, cnt, sizeof(*v));
	if (!v)
		return -ENOMEM;
	rec->custom = v;
	rec->custom_cap = cnt;
	return 0;
}

static void read_custom(struct reader *r, struct recorded *rec)
{
	json_t *object = json_object_get(r->root, "custom_metrics"), *value;
	struct snapshot *s = &rec->snapshot;
	const char *name;

	if (object && !json_is_object(object))
		fail(r, -EINVAL, "'%s' is no object", "custom_metrics");
	if (fit_custom(rec, json_object_size(object)))
		fail(r, -ENOMEM, "out of memory%s", "");
	if (r->failed)
		return;
	json_object_foreach(object, name, value) {
		struct custom_metric *c = &rec->custom[s->custom_cnt];

		if (!json_is_null(value) && !json_is_number(value))
			fail(r, -EINVAL, "'%.60s' is no number", name);
		if (strlen(name) >= sizeof(c->name))
			continue; /* no rule can name it */
		memcpy(c->name, name, strlen(name) + 1);
		c->value = json_is_number(value) ? json_number_value(value) : NAN;
		s->custom_cnt++;
	}
	s->custom = rec->custom;
}

/* Recordings of before there was a monotonic time have only the wall clock's. */
static uint64_t read_monotonic_ns(struct reader *r, double timestamp)
{
	double v = clock_seconds(r, "monotonic_seconds");
	bool known = json_is_number(json_object_get(r->root, "monotonic_seconds"));

	return (uint64_t)llrint((known ? v : timestamp) * 1e6) * 1000;
}

static int read_snapshot(struct reader *r, struct recorded *rec)
{
	struct snapshot *s = &rec->snapshot;

	*s = (struct snapshot){ .timestamp = rec->timestamp, .scope = read_scope(r) };
	s->monotonic_ns = read_monotonic_ns(r, rec->timestamp);
	s->target = (uint32_t)whole(r, "target", RECORDING_TARGETS_MAX - 1);
	s->member = flag(r, "member");
	s->final = flag(r, "final");
	s->pid = (int32_t)whole(r, "pid", INT32_MAX);
	s->start_ticks = whole(r, "start_ticks", 0x1p53);
	s->processes = (uint32_t)whole(r, "processes", UINT32_MAX);
	s->pids_untracked = number(r, "pids_untracked");
	s->lost_events = whole(r, "lost_events", 0x1p53);
	s->interval_seconds = clock_seconds(r, "interval_seconds");
	s->interval_asked = rec->interval_seconds;
	read_comm(r, s->comm);
	for (size_t i = 0; i < METRIC_COUNT; i++)
		s->v[i] = number(r, metrics[i].name);
	read_custom(r, rec);
	return r->failed;
}

static int read_header(struct reader *r, struct recorded *rec)
{
	const char *schema = text(r, "schema");

	if (!schema || strcmp(schema, KTALLY_SCHEMA))
		return fail(r, -EPROTO, "its schema is '%.40s'", schema ? schema : "");
	rec->target_cnt = json_array_size(json_object_get(r->root, "targets"));
	if (rec->target_cnt > RECORDING_TARGETS_MAX)
		return fail(r, -EINVAL, "'%s' are more than can be", "targets");
	rec->interval_seconds = clock_seconds(r, "interval_seconds");
	if (isnan(rec->interval_seconds))
		rec->interval_seconds = 0;
	return r->failed;
}

static int read_nothing(struct reader *r, struct recorded *rec)
{
	(void)rec;
	return r->failed;
}

struct type_row {
	const char *name;
	enum recorded_kind kind;
	int (*read)(struct reader *r, struct recorded *rec);
};

static const struct type_row types[] = {
	{ "header", RECORDED_HEADER, read_header },
	{ "snapshot", RECORDED_SNAPSHOT, read_snapshot },
	{ "trailer", RECORDED_TRAILER, read_nothing },
	{ "alert", RECORDED_JUDGEMENT, read_nothing },
	{ "verdict", RECORDED_JUDGEMENT, read_nothing },
	{ NULL, RECORDED_OTHER, read_nothing },
};

static int read_record(struct reader *r, struct recorded *rec)
{
	const char *type = json_is_object(r->root) ? text(r, "type") : NULL;
	const struct type_row *row = types;

	if (!type)
		return fail(r, -EINVAL, "it is no record%s", "");
	while (row->name && strcmp(row->name, type))
		row++;
	rec->kind = row->kind;
	rec->timestamp = clock_seconds(r, "timestamp");
	rec->seq = whole(r, "seq", 0x1p53);
	if (isnan(rec->timestamp))
		fail(r, -EINVAL, "it has no '%s'", "timestamp");
	return r->failed ? r->failed : row->read(r, rec);
}

int recording_parse(const char *line, size_t len, struct recorded *rec, struct recording_error *err)
{
	json_error_t error;
	struct reader r = { .root = json_loadb(line, len, 0, &error), .err = err };
	int e;

	if (!r.root) {
		snprintf(err->text, sizeof(err->text), "it is no JSON: %s", error.text);
		return -EINVAL;
	}
	e = read_record(&r, rec);
	json_decref(r.root);
	return e;
}

void recorded_fini(struct recorded *rec)
{
	if (!rec)
		return;
	free(rec->custom);
	*rec = (struct recorded){};
}
