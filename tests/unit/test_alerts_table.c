// SPDX-License-Identifier: BSD-2-Clause
/* alerts_table.c: what Alertmanager is told, read back by another JSON library, and when. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "actions/alerts_table.h"

static const struct label labels[] = { { "team", "db" }, { "severity", "page" }, { "empty", "" } };
static const struct label annotations[] = { { "runbook", "http://x/\"y\"" } };

static struct alert_record alert_of(enum alert_state state, double timestamp, int pid)
{
	return (struct alert_record){
		.timestamp = timestamp,
		.alert = "high_cpu",
		.state = state,
		.severity = "page",
		.expr = "cpu_percent > 90",
		.value = 95.5,
		.threshold = 90,
		.started_at = 1700000000,
		.labels = labels,
		.label_cnt = 3,
		.annotations = annotations,
		.annotation_cnt = 1,
		.message = "cpu is high",
		.pid = pid,
		.comm = "redis",
	};
}

static json_t *render(struct alerts_table *t, size_t want)
{
	struct buf out = { 0 };
	json_t *root;

	assert_int_equal(alerts_table_render(t, 1700000400, &out), want);
	root = json_loadb(out.data, out.len, 0, NULL);
	assert_int_equal(json_array_size(root), want);
	buf_fini(&out);
	return root;
}

static const char *text_of(json_t *root, const char *part, const char *key)
{
	json_t *o = json_array_get(root, 0);

	return json_string_value(json_object_get(part ? json_object_get(o, part) : o, key));
}

static void test_fields(void **state)
{
	struct alert_record a = alert_of(ALERT_FIRING, 1700000010.5, 42);
	struct alerts_table *t;
	json_t *root;

	(void)state;
	assert_int_equal(alerts_table_new(&t), 0);
	assert_int_equal(alerts_table_change(t, &a, "box"), 0);
	root = render(t, 1);
	assert_string_equal(text_of(root, "labels", "alertname"), "high_cpu");
	assert_string_equal(text_of(root, "labels", "severity"), "page");
	assert_string_equal(text_of(root, "labels", "instance"), "box");
	assert_string_equal(text_of(root, "labels", "pid"), "42");
	assert_string_equal(text_of(root, "labels", "team"), "db");
	assert_null(text_of(root, "labels", "empty"));
	assert_null(text_of(root, "labels", "value"));
	assert_string_equal(text_of(root, "annotations", "value"), "95.5");
	assert_string_equal(text_of(root, "annotations", "summary"), "cpu is high");
	assert_string_equal(text_of(root, "annotations", "runbook"), "http://x/\"y\"");
	assert_string_equal(text_of(root, NULL, "startsAt"), "2023-11-14T22:13:30.500000Z");
	assert_string_equal(text_of(root, NULL, "endsAt"), "2023-11-14T22:20:00.000000Z");
	json_decref(root);
	alerts_table_free(t);
	alerts_table_free(NULL);
}

static void test_life(void **state)
{
	struct alert_record fires = alert_of(ALERT_FIRING, 1700000010, 42);
	struct alert_record ends = alert_of(ALERT_RESOLVED, 1700000020, 42);
	struct alerts_table *t;
	json_t *root;

	(void)state;
	assert_int_equal(alerts_table_new(&t), 0);
	alerts_table_change(t, &fires, "box");
	json_decref(render(t, 1));
	assert_false(alerts_table_dirty(t));
	assert_int_equal(alerts_table_open(t), 1);
	alerts_table_retry(t); /* it was down */
	alerts_table_change(t, &ends, "box");
	root = render(t, 1); /* one entry, started and ended */
	assert_string_equal(text_of(root, NULL, "startsAt"), "2023-11-14T22:13:30.000000Z");
	assert_string_equal(text_of(root, NULL, "endsAt"), "2023-11-14T22:13:40.000000Z");
	json_decref(root);
	alerts_table_change(t, &fires, "box"); /* again, while the end is under way */
	alerts_table_done(t);
	assert_true(alerts_table_dirty(t));
	json_decref(render(t, 1));
	alerts_table_done(t);
	assert_false(alerts_table_dirty(t));
	alerts_table_refresh(t);
	assert_true(alerts_table_dirty(t));
	alerts_table_change(t, &ends, "box");
	json_decref(render(t, 1));
	alerts_table_done(t);
	alerts_table_refresh(t);
	assert_false(alerts_table_dirty(t));
	alerts_table_free(t);
}

static void test_bound(void **state)
{
	struct alerts_table *t;
	struct alert_record a;
	int i;

	(void)state;
	assert_int_equal(alerts_table_new(&t), 0);
	for (i = 1; i <= ALERTS_TABLE_MAX; i++) {
		a = alert_of(ALERT_FIRING, 1700000010, i);
		assert_int_equal(alerts_table_change(t, &a, "box"), 0);
	}
	a = alert_of(ALERT_FIRING, 1700000010, i);
	assert_int_not_equal(alerts_table_change(t, &a, "box"), 0);
	json_decref(render(t, ALERTS_TABLE_MAX));
	alerts_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
