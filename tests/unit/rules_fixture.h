/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots for the rules, and a list of the alerts that they said. Include after cmocka.h. */
#ifndef KTALLY_TESTS_RULES_FIXTURE_H
#define KTALLY_TESTS_RULES_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

#define SAID_MAX 64

struct said {
	double timestamp;
	char alert[64];
	enum alert_state state;
	double value, threshold, for_seconds, started_at;
	char severity[32];
	char message[256];
	char comm[16];
	int pid;
	size_t label_cnt, annotation_cnt;
	char label[64], annotation[256]; /* "name=value" of the first */
};

struct alerts {
	struct said v[SAID_MAX];
	size_t cnt;
};

static inline void alerts_take(void *ctx, const struct alert_record *a)
{
	struct alerts *list = ctx;
	struct said *s = &list->v[list->cnt++];

	assert_true(list->cnt <= SAID_MAX);
	*s = (struct said){
		.timestamp = a->timestamp,
		.state = a->state,
		.value = a->value,
		.threshold = a->threshold,
		.for_seconds = a->for_seconds,
		.started_at = a->started_at,
		.pid = a->pid,
		.label_cnt = a->label_cnt,
		.annotation_cnt = a->annotation_cnt,
	};
	snprintf(s->alert, sizeof(s->alert), "%s", a->alert);
	snprintf(s->severity, sizeof(s->severity), "%s", a->severity);
	snprintf(s->message, sizeof(s->message), "%s", a->message);
	memcpy(s->comm, a->comm, sizeof(s->comm));
	if (a->label_cnt)
		snprintf(s->label, sizeof(s->label), "%s=%s", a->labels[0].name,
			 a->labels[0].value);
	if (a->annotation_cnt)
		snprintf(s->annotation, sizeof(s->annotation), "%s=%s", a->annotations[0].name,
			 a->annotations[0].value);
}

/* Second t of process 42, redis, every number unknown. */
static inline struct snapshot snapshot_at(double t)
{
	struct snapshot s = {
		.timestamp = 1000 + t,
		.monotonic_ns = (uint64_t)((5 + t) * 1e9),
		.pid = 42,
		.start_ticks = 7,
		.comm = "redis",
		.interval_seconds = 1,
	};

	for (size_t i = 0; i < METRIC_COUNT; i++)
		s.v[i] = NAN;
	return s;
}

static inline void add_rule(struct rules *r, const char *text)
{
	struct rule_error err = {};

	if (rules_add_text(r, text, &err))
		fail_msg("%s", err.text);
}

static inline struct rules *rules_with(const char *text)
{
	struct rules *r = NULL;

	assert_int_equal(rules_new(&r), 0);
	if (text)
		add_rule(r, text);
	return r;
}

/* One tick in which open_fds is v. */
static inline void tick_fds(struct rules *r, double t, double v, struct alerts *list)
{
	struct snapshot s = snapshot_at(t);

	s.v[METRIC_OPEN_FDS] = v;
	assert_int_equal(rules_eval(r, &s, alerts_take, list), 0);
}

static inline void assert_said(const struct alerts *list, size_t i, double timestamp,
			       enum alert_state state)
{
	assert_true(i < list->cnt);
	assert_true(list->v[i].timestamp == timestamp);
	assert_int_equal(list->v[i].state, state);
}

#endif
