// SPDX-License-Identifier: BSD-2-Clause
/* statsd_parse.c: lines as StatsD and DogStatsD clients send them, and lines that are none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doors/address.h"
#include "doors/distinct.h"
#include "doors/statsd_parse.h"

struct seen {
	struct sample samples[8];
	size_t cnt;
};

static void see(void *ctx, const struct sample *sample)
{
	struct seen *s = ctx;

	assert_true(s->cnt < 8);
	s->samples[s->cnt++] = *sample;
}

static size_t parse(const char *text, struct seen *ret)
{
	memset(ret, 0, sizeof(*ret));
	return statsd_parse(text, strlen(text), see, ret);
}

static const struct sample *one(const char *text, struct seen *seen)
{
	assert_int_equal(parse(text, seen), 0);
	assert_int_equal(seen->cnt, 1);
	return &seen->samples[0];
}

static void test_types(void **state)
{
	static const struct {
		const char *text;
		enum value_kind kind;
		double value;
		double weight;
	} cases[] = {
		{ "a:1.5|g", VALUE_GAUGE, 1.5, 1 },  { "a:3|c", VALUE_COUNTER, 3, 1 },
		{ "a:3|m", VALUE_COUNTER, 3, 1 },    { "a:3|c|@0.25", VALUE_COUNTER, 3, 4 },
		{ "a:320|ms", VALUE_TIMER, 320, 1 }, { "a:320|h|@0.5|#x:y", VALUE_TIMER, 320, 2 },
		{ "a:1e3|d", VALUE_TIMER, 1000, 1 }, { "a:-1|c\r\n", VALUE_COUNTER, -1, 1 },
	};
	struct seen seen;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sample *s = one(cases[i].text, &seen);

		assert_string_equal(s->name, "a");
		assert_int_equal(s->kind, cases[i].kind);
		assert_true(s->value == cases[i].value);
		assert_true(s->weight == cases[i].weight);
		assert_int_equal(s->pid, 0);
		assert_false(s->relative);
	}
}

static void test_gauges_with_a_sign(void **state)
{
	struct seen seen;

	(void)state;
	assert_true(one("a:-2|g", &seen)->relative);
	assert_true(one("a:+2|g", &seen)->relative);
	assert_true(seen.samples[0].value == 2);
}

static void test_names_and_tags(void **state)
{
	struct seen seen;

	(void)state;
	assert_string_equal(one("app.q-1/x:1|g", &seen)->name, "app_q_1_x");
	assert_string_equal(one("9lives:1|g", &seen)->name, "_9lives");
	assert_int_equal(one("a:1|g|#env:x,pid:4711,pidfile:9", &seen)->pid, 4711);
	assert_int_equal(one("a:1|g|c:ci-1|#pid:5|T1656581400", &seen)->pid, 5);
}

static void test_sets_and_packs(void **state)
{
	struct seen seen;

	(void)state;
	assert_true(one("a:10.0.0.1:80|s", &seen)->hash == distinct_hash("10.0.0.1:80", 11));
	assert_int_equal(parse("a:1:2:3|ms\nb:4|g\n\n", &seen), 0);
	assert_int_equal(seen.cnt, 4);
	assert_true(seen.samples[2].value == 3);
	assert_int_equal(parse("a:1:x:3|ms", &seen), 1);
	assert_int_equal(seen.cnt, 2);
}

static void test_no_metrics_of_ours(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(parse("_e{5,4}:title|text\n_sc|name|0", &seen), 0);
	assert_int_equal(seen.cnt, 0);
}

static void test_bad_lines(void **state)
{
	static const char *const bad[] = {
		"a",
		"a:1",
		"a:|g",
		":1|g",
		"a:1|",
		"a:1|x",
		"a:x|c",
		"a:nan|g",
		"a:inf|c",
		"a:0x10|g",
		"a:1|c|@0",
		"a:1|c|@2",
		"a:1|g|#pid:",
		"a:1|g|#pid:x",
		"a: 1|g",
		"a:1|g|#pid:0",
		"a:|s",
		"a:1|c|@nan",
		"a|g",
		"a:1|g|#pid:99999999999",
		"name_that_is_too_long_for_any_snapshot_and_would_not_fit_it:1|g",
	};
	struct seen seen;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i], &seen), 1);
		assert_int_equal(seen.cnt, 0);
	}
}

static void test_addresses(void **state)
{
	static const char *const good[] = {
		"8125",       ":8125",         "localhost:1",     "127.0.0.1:8125",
		"[::1]:8125", "0.0.0.0:65535", "unix:/run/x.sock"
	};
	static const char *const bad[] = { "",          "0",        "x",
					   "65536",     "::1:8125", "example.org:8125",
					   "unix:",     "[::1]",    "1.2.3:4",
					   "127.0.0.1:" };
	struct address a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(address_parse(good[i], &a), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(address_parse(bad[i], &a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_gauges_with_a_sign),
		cmocka_unit_test(test_names_and_tags),
		cmocka_unit_test(test_sets_and_packs),
		cmocka_unit_test(test_no_metrics_of_ours),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
