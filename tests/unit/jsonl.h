/* SPDX-License-Identifier: BSD-2-Clause */
/* Renders records as JSON lines and reads them back with another JSON library. */
#ifndef KTALLY_TESTS_JSONL_H
#define KTALLY_TESTS_JSONL_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "sinks/sink.h"

static inline struct sink jsonl_sink(void)
{
	return (struct sink){ .format = sink_format_find("jsonl") };
}

/* One whole line, parsed; frees the bytes. */
static inline json_t *parse(struct buf *out)
{
	json_error_t error;
	json_t *record;

	assert_int_equal(out->err, 0);
	assert_true(out->len > 0);
	assert_ptr_equal(memchr(out->data, '\n', out->len), out->data + out->len - 1);
	record = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES, &error);
	if (!record)
		fail_msg("%s in %.*s", error.text, (int)out->len, out->data);
	buf_fini(out);
	return record;
}

static inline json_t *get(json_t *record, const char *key)
{
	json_t *value = json_object_get(record, key);

	if (!value)
		fail_msg("no %s", key);
	return value;
}

static inline void want_string(json_t *record, const char *key, const char *expected)
{
	assert_string_equal(json_string_value(get(record, key)), expected);
}

static inline void want_int(json_t *record, const char *key, json_int_t expected)
{
	assert_true(json_is_integer(get(record, key)));
	assert_int_equal(json_integer_value(get(record, key)), expected);
}

static inline void want_real(json_t *record, const char *key, double expected)
{
	assert_true(json_is_number(get(record, key)));
	if (fabs(json_number_value(get(record, key)) - expected) > 1e-9)
		fail_msg("%s is %.9g, not %.9g", key, json_number_value(get(record, key)),
			 expected);
}

static inline void want_null(json_t *record, const char *key)
{
	assert_true(json_is_null(get(record, key)));
}

/* keys: in the order in which they must appear, and no others. */
static inline void want_keys(json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		(void)value;
		assert_non_null(*keys);
		assert_string_equal(key, *keys++);
	}
	assert_null(*keys);
}

static inline struct snapshot snapshot_of(double value)
{
	struct snapshot s = { .timestamp = 1700000000.25,
			      .target = 2,
			      .pid = 4711,
			      .comm = "redis-server",
			      .processes = 1,
			      .interval_seconds = 1.0000004,
			      .pids_untracked = 5,
			      .lost_events = 7 };
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		s.v[i] = value;
	return s;
}

#define DEFINE_RENDER(kind, record_type)                                 \
	static inline json_t *render_##kind(const struct record_type *r) \
	{                                                                \
		struct sink sink = jsonl_sink();                         \
		struct buf out = { 0 };                                  \
		sink.format->kind(&sink, &out, r);                       \
		assert_int_equal(sink.seq, 1);                           \
		return parse(&out);                                      \
	}

DEFINE_RENDER(header, header_record)
DEFINE_RENDER(snapshot, snapshot)
DEFINE_RENDER(alert, alert_record)
DEFINE_RENDER(event, event_record)
DEFINE_RENDER(trailer, trailer_record)

#endif
