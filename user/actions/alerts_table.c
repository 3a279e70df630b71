// SPDX-License-Identifier: BSD-2-Clause
/* Entries by the text of their labels. */
#include "actions/alerts_table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/json.h"
#include "sinks/timestamp.h"

struct entry {
	char *labels;      /* JSON object, the key */
	char *annotations; /* JSON object */
	double starts_at;
	double ends_at; /* NaN: it fires */
	bool dirty;
	bool under_way;
	UT_hash_handle hh;
};

struct alerts_table {
	struct entry *by_labels;
};

int alerts_table_new(struct alerts_table **ret)
{
	struct alerts_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*ret = t;
	return 0;
}

static void entry_free(struct entry *e)
{
	if (!e)
		return;
	free(e->labels);
	free(e->annotations);
	free(e);
}

static void remove_entry(struct alerts_table *t, struct entry *e)
{
	HASH_DEL(t->by_labels, e);
	entry_free(e);
}

void alerts_table_free(struct alerts_table *t)
{
	struct entry *e, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->by_labels, e, next)
		remove_entry(t, e);
	free(t);
}

/* ---- JSON ---- */

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name))
		names++;
	return *names;
}

static void put_own_labels(struct json *j, const struct alert_record *a, const char *host)
{
	char number[16];

	jsonw_string(j, "alertname", a->alert);
	jsonw_string(j, "severity", a->severity);
	jsonw_string(j, "job", "ktally");
	jsonw_string(j, "instance", host);
	snprintf(number, sizeof(number), "%u", a->target);
	jsonw_string(j, "target", number);
	if (a->comm[0])
		jsonw_string_n(j, "comm", a->comm, strnlen(a->comm, sizeof(a->comm)));
	snprintf(number, sizeof(number), "%d", a->pid);
	if (a->pid)
		jsonw_string(j, "pid", number);
}

/* What identifies the alert; values that change would make another alert of it. An empty value is
 * none. */
static void put_labels(struct buf *out, const struct alert_record *a, const char *host)
{
	static const char *const own[] = { "alertname", "severity", "job", "instance",
					   "target",    "comm",     "pid", NULL };
	struct json j = { .out = out };
	size_t i;

	jsonw_object(&j, NULL);
	put_own_labels(&j, a, host);
	for (i = 0; i < a->label_cnt; i++)
		if (!is_one_of(a->labels[i].name, own) && a->labels[i].value[0])
			jsonw_string(&j, a->labels[i].name, a->labels[i].value);
	jsonw_object_end(&j);
	buf_putc(out, '\0');
}

static void put_value(struct json *j, const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	if (isfinite(value))
		jsonw_string(j, name, text);
}

static void put_annotations(struct buf *out, const struct alert_record *a)
{
	static const char *const own[] = { "message", "value", "expr", NULL };
	struct json j = { .out = out };
	bool summary = false;
	size_t i;

	jsonw_object(&j, NULL);
	jsonw_string(&j, "message", a->message ? a->message : "");
	jsonw_string(&j, "expr", a->expr ? a->expr : "");
	put_value(&j, "value", a->value);
	for (i = 0; i < a->annotation_cnt; i++) {
		if (is_one_of(a->annotations[i].name, own))
			continue;
		jsonw_string(&j, a->annotations[i].name, a->annotations[i].value);
		summary |= !strcmp(a->annotations[i].name, "summary");
	}
	if (!summary) /* what the usual templates show */
		jsonw_string(&j, "summary", a->message ? a->message : a->alert);
	jsonw_object_end(&j);
	buf_putc(out, '\0');
}

static void put_time(struct json *j, const char *key, double at)
{
	struct buf text = { 0 };
	struct timestamp t;

	timestamp_split(at, &t);
	timestamp_render_rfc3339(&t, &text);
	jsonw_string_n(j, key, text.data, text.err ? 0 : text.len);
	buf_fini(&text);
}

static void put_raw(struct buf *out, const char *key, const char *json)
{
	buf_printf(out, "\"%s\":", key);
	buf_puts(out, json);
	buf_putc(out, ',');
}

static void put_entry(struct buf *out, const struct entry *e, double ends_at)
{
	struct json j = { .out = out };

	buf_putc(out, '{');
	put_raw(out, "labels", e->labels);
	put_raw(out, "annotations", e->annotations);
	put_time(&j, "startsAt", e->starts_at);
	put_time(&j, "endsAt", isnan(e->ends_at) ? ends_at : e->ends_at);
	buf_putc(out, '}');
}

/* ---- the table ---- */

static struct entry *entry_of(struct alerts_table *t, char **labels)
{
	struct entry *e = NULL;

	HASH_FIND_STR(t->by_labels, *labels, e);
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->labels = *labels;
	*labels = NULL;
	HASH_ADD_KEYPTR(hh, t->by_labels, e->labels, strlen(e->labels), e);
	if (e->hh.tbl)
		return e;
	entry_free(e);
	return NULL;
}

static void set(struct entry *e, const struct alert_record *a)
{
	if (a->state == ALERT_FIRING || !e->starts_at)
		e->starts_at = a->state == ALERT_FIRING ? a->timestamp : a->started_at;
	e->ends_at = a->state == ALERT_FIRING ? NAN : a->timestamp;
	e->dirty = true;
	e->under_way = false; /* what is under way is older */
}

static int change(struct alerts_table *t, const struct alert_record *a, char **labels,
		  char **annotations)
{
	struct entry *e = NULL;

	HASH_FIND_STR(t->by_labels, *labels, e);
	if (!e && HASH_COUNT(t->by_labels) >= ALERTS_TABLE_MAX)
		return -ENOSPC;
	e = entry_of(t, labels);
	if (!e)
		return -ENOMEM;
	free(e->annotations);
	e->annotations = *annotations;
	*annotations = NULL;
	set(e, a);
	return 0;
}

int alerts_table_change(struct alerts_table *t, const struct alert_record *a, const char *host)
{
	struct buf labels = { 0 }, annotations = { 0 };
	int err;

	put_labels(&labels, a, host);
	put_annotations(&annotations, a);
	err = labels.err ? labels.err : annotations.err;
	if (!err)
		err = change(t, a, &labels.data, &annotations.data);
	buf_fini(&labels);
	buf_fini(&annotations);
	return err;
}

void alerts_table_refresh(struct alerts_table *t)
{
	struct entry *e;

	for (e = t->by_labels; e; e = e->hh.next)
		e->dirty |= isnan(e->ends_at);
}

size_t alerts_table_open(const struct alerts_table *t)
{
	const struct entry *e;
	size_t cnt = 0;

	for (e = t->by_labels; e; e = e->hh.next)
		cnt += e->dirty || e->under_way;
	return cnt;
}

bool alerts_table_dirty(const struct alerts_table *t)
{
	const struct entry *e;

	for (e = t->by_labels; e; e = e->hh.next)
		if (e->dirty)
			return true;
	return false;
}

size_t alerts_table_render(struct alerts_table *t, double ends_at, struct buf *out)
{
	struct entry *e;
	size_t cnt = 0;

	buf_putc(out, '[');
	for (e = t->by_labels; e; e = e->hh.next) {
		if (!e->dirty)
			continue;
		if (cnt++)
			buf_putc(out, ',');
		put_entry(out, e, ends_at);
		e->dirty = false;
		e->under_way = true;
	}
	buf_putc(out, ']');
	return cnt;
}

void alerts_table_done(struct alerts_table *t)
{
	struct entry *e, *next;

	HASH_ITER (hh, t->by_labels, e, next) {
		if (e->under_way && !isnan(e->ends_at))
			remove_entry(t, e);
		else
			e->under_way = false;
	}
}

void alerts_table_retry(struct alerts_table *t)
{
	struct entry *e;

	for (e = t->by_labels; e; e = e->hh.next) {
		e->dirty |= e->under_way;
		e->under_way = false;
	}
}
