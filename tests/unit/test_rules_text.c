// SPDX-License-Identifier: BSD-2-Clause
/* Texts in and out: rules on the command line, what is refused and how, templates, messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <locale.h>

#include "rules/rule.h"
#include "rules_fixture.h"

struct good_case {
	const char *text;
	const char *alert;
	const char *expr;
	double for_seconds;
};

static const struct good_case good[] = {
	{ "fds: open_fds > 500 for 10s", "fds", "open_fds > 500", 10 },
	{ "fds:open_fds>500", "fds", "open_fds>500", 0 },
	{ "  two words :  open_fds > 5  ", "two words", "open_fds > 5", 0 },
	{ "x: open_fds > 5 for 1.5s", "x", "open_fds > 5", 1.5 },
	{ "x: open_fds > 5 for 90", "x", "open_fds > 5", 90 },
	{ "x: open_fds > 5 FOR 1h30m ", "x", "open_fds > 5", 5400 },
	{ "x: open_fds > 5 for 1w", "x", "open_fds > 5", 604800 },
	{ "x: (open_fds > 5)for 2s", "x", "(open_fds > 5)", 2 },
	{ "x: open_fds{comm=\"for 3s: y\"} > 5 for 4s", "x", "open_fds{comm=\"for 3s: y\"} > 5",
	  4 },
	{ "x: oncpu_seconds > 1m30s", "x", "oncpu_seconds > 1m30s", 0 },
	{ "x: open_fds # how many\n > 5", "x", "open_fds # how many\n > 5", 0 },
	{ "x: rate(fd_opens[5m]) > 1e-3 and absent(y)", "x",
	  "rate(fd_opens[5m]) > 1e-3 and absent(y)", 0 },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct rules *r = rules_with(good[i].text);
		struct rule_record rule;

		rules_describe(r, 0, &rule);
		assert_string_equal(rule.alert, good[i].alert);
		assert_string_equal(rule.expr, good[i].expr);
		assert_true(rule.for_seconds == good[i].for_seconds);
		rules_free(r);
	}
}

struct bad_case {
	const char *text;
	int column;
	const char *says;
};

static const struct bad_case bad[] = {
	{ "", 1, "expected 'NAME: EXPRESSION [for DURATION]'" },
	{ "open_fds > 5", 13, "expected 'NAME: EXPRESSION [for DURATION]'" },
	{ " : open_fds > 5", 2, "expected 'NAME: EXPRESSION [for DURATION]'" },
	{ "x:", 3, "expected a number or a field, but the expression ends" },
	{ "x: open_fds >", 14, "expected a number or a field, but the expression ends" },
	{ "x: > 5", 4, "expected a number or a field, not '>'" },
	{ "x: open_fds = 5", 13, "expected an operator or the end, not '='" },
	{ "x: open_fds > 5 5", 17, "expected an operator or the end, not '5'" },
	{ "x: open_fds > 5 for", 20, "expected a duration such as 10s after 'for'" },
	{ "x: open_fds > 5 for soon", 21, "expected a duration such as 10s after 'for'" },
	{ "x: open_fds > 5 for 3 s", 23, "expected the end after the duration" },
	{ "x: open_fds > 5apples", 15, "this is neither a number nor a duration such as 1h30m" },
	{ "x: open_fds > 30m1h", 15, "this is neither a number nor a duration" },
	{ "x: open_fds > (5", 17, "expected ')', but the expression ends" },
	{ "x: open_fds $ 5", 13, "not '$': this character has no meaning here" },
	{ "x: 1 > 2", 4, "'>' between two numbers: expected a field on one side" },
	{ "x: open_fds and 5", 4, "'and' wants a comparison or a field on both sides" },
	{ "x: open_fds[5m] > 5", 4, "'>' wants values, not ranges such as open_fds[5m]" },
	{ "x: open_fds[5m]", 4, "expected a condition, not a range" },
	{ "x: -open_fds[5m] > 1", 4, "a sign wants a number or a value, not a range" },
	{ "x: open_fds[5] > 5", 13, "expected a duration of at least 1ms, such as 5m, not '5'" },
	{ "x: open_fds[0s] > 5", 13, "expected a duration of at least 1ms" },
	{ "x: rate(open_fds) > 5", 9, "rate() wants a range such as open_fds[5m], not a value" },
	{ "x: abs(open_fds[5m]) > 5", 8, "abs() wants a value such as open_fds, not a range" },
	{ "x: abs(5) > 5", 8, "abs() wants a value such as open_fds, not a number" },
	{ "x: predict_linear(open_fds[5m]) > 5", 31,
	  "expected ',' and a number of seconds, not ')'" },
	{ "x: predict_linear(open_fds[5m], threads) > 5", 33, "wants a number, not a value" },
	{ "x: rate(fd_opens[5m], 5) > 5", 21, "expected ')', not ','" },
	{ "x: floop(open_fds) > 5", 4, "there is no function 'floop'; there are: abs, absent, " },
	{ "x: open_fds{cmd=\"a\"} > 5", 13,
	  "there is no label 'cmd'; there are: scope, comm, pid" },
	{ "x: open_fds{comm>\"a\"} > 5", 17, "expected = or != or =~ or !~ after the label" },
	{ "x: open_fds{comm=a} > 5", 18, "expected a value in quotes" },
	{ "x: open_fds{comm=\"a} > 5", 18, "this string has no closing quote" },
	{ "x: open_fds{comm=\"\\q\"} > 5", 18, "this string has an escape that is not known here" },
	{ "x: open_fds{comm=\"a\" pid=\"1\"} > 5", 22, "expected ',' or '}'" },
	{ "x: open_fds{comm=~\"a(\"} > 5", 19, "bad regular expression \"a(\": " },
	{ "x: open_fds{comm=~\"(?i)a\"} > 5", 19, "of the groups that start with (? only" },
	{ "x: open_fds{comm=~`\\b+`} > 5", 19, "of the escapes with a letter or digit only" },
	{ "x: open_fds{comm=~`(a)\\1`} > 5", 19, "of the escapes with a letter or digit only" },
	{ "x: open_fds{comm=~\"a{1001}\"} > 5", 19, "a repetition goes to 1000 at most" },
	/* PromQL that is not here is refused by its name. */
	{ "x: histogram_quantile(0.9, y) > 5", 4,
	  "'histogram_quantile' is PromQL that ktally does" },
	{ "x: sum(open_fds) > 5", 4,
	  "'sum' is PromQL that ktally does not have; it has: abs, absent, " },
	{ "x: sum by (comm) (open_fds) > 5", 4, "'sum' is PromQL that ktally does not have" },
	{ "x: increase(fd_opens[5m]) > 5", 4, "'increase' is PromQL that ktally does not have" },
	{ "x: open_fds offset 5m > 5", 13, "'offset' is PromQL that ktally does not have" },
	{ "x: open_fds @ 5 > 5", 13, "'@' is PromQL that ktally does not have" },
	{ "x: rate(open_fds[5m] offset 1m) > 5", 22,
	  "'offset' is PromQL that ktally does not have" },
	{ "x: open_fds > on(comm) threads", 15, "'on' is PromQL that ktally does not have" },
	{ "x: open_fds + ignoring(pid) threads > 5", 15,
	  "'ignoring' is PromQL that ktally does not" },
	{ "x: max_over_time(open_fds[5m:1m]) > 5", 29,
	  "'subquery' is PromQL that ktally does not" },
	{ "x: max_over_time((open_fds > 1)[5m:1m]) > 5", 32,
	  "'subquery' is PromQL that ktally does" },
	{ "x: open_fds atan2 threads", 13, "'atan2' is PromQL that ktally does not have" },
};

static void test_bad(void **state)
{
	struct rules *r = rules_with(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rule_error err = {};
		char expected[700];

		snprintf(expected, sizeof(expected), "alert '%.60s', column %d: ", bad[i].text,
			 bad[i].column);
		if (rules_add_text(r, bad[i].text, &err) != -EINVAL ||
		    strncmp(err.text, expected, strlen(expected)) || !strstr(err.text, bad[i].says))
			fail_msg("%s\nsays: %s\nnot: %s%s", bad[i].text, err.text, expected,
				 bad[i].says);
	}
	assert_int_equal(rules_count(r), 0);
	rules_free(r);
}

/* Neither the stack nor the memory is a hostile rule's to take. */
static void test_deep(void **state)
{
	static const char *const parts[] = { "(", "-", "abs(", "1^", "1+" };
	struct rules *r = rules_with(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct rule_error err = {};
		struct buf text = {};

		buf_puts(&text, "x: ");
		for (int k = 0; k < 100000; k++)
			buf_puts(&text, parts[i]);
		buf_append(&text, "", 1);
		assert_int_equal(rules_add_text(r, text.data, &err), -EINVAL);
		assert_non_null(strstr(err.text, "more than"));
		buf_fini(&text);
	}
	rules_free(r);
}

/* A program that uses the library may have a decimal comma. */
static void test_locale(void **state)
{
	struct rules *r;
	struct alerts list = {};

	(void)state;
	setlocale(LC_ALL, "de_DE.UTF-8");
	r = rules_with("x: open_fds * 1.5 > 2.25");
	tick_fds(r, 0, 2.1, &list);
	setlocale(LC_ALL, "C");
	assert_int_equal(list.cnt, 1);
	assert_string_equal(list.v[0].message, "open_fds * 1.5 is 3.15, above 2.25");
	rules_free(r);
}

/* ---- templates ---- */

struct template_case {
	const char *text;
	double value;
	const char *becomes;
};

static const struct template_case templates[] = {
	{ "plain", 1, "plain" },
	{ "{{ $value }}", 1203, "1203" },
	{ "{{$value}}", 97.125, "97.125" },
	{ "{{ $value }}", 1.0 / 3, "0.333333" },
	{ "{{ $value }}", NAN, "unknown" },
	{ "{{ $value }}", INFINITY, "+Inf" },
	{ "{{ $value }}", 1e20, "100000000000000000000" },
	{ "{{ $value }}", -0.5, "-0.5" },
	{ "{{ $labels.comm }} ({{ $labels.pid }})", 1, "redis (42)" },
	{ "{{ $labels.scope }} {{ $labels.target }}", 1, "process 0" },
	{ "{{ $labels.open_fds }} of {{ $labels.open_fds_limit }}", 1, "12 of unknown" },
	{ "{{ $labels.queue_depth }}", 1, "2.5" },
	{ "{{ $labels.no_such_thing }}", 1, "unknown" },
	{ "{{ $value | humanize }}", 1234567, "1.235M" },
	{ "{{ $value | humanize }}", 12, "12" },
	{ "{{ $value|humanize }}", -4500, "-4.5k" },
	{ "{{ $value | humanize1024 }}B", 1048576, "1MiB" },
	{ "{{ $value | humanize1024 }}B", 3 * 1073741824.0 / 2, "1.5GiB" },
	{ "{{ $value | humanizeDuration }}", 90061, "1d 1h 1m 1s" },
	{ "{{ $value | humanizeDuration }}", 3600, "1h 0m 0s" },
	{ "{{ $value | humanizeDuration }}", 1.5, "1.5s" },
	{ "{{ $value | humanizeDuration }}", -61, "-1m 1s" },
	{ "{{ $value | humanizePercentage }}", 0.1234, "12.34%" },
	{ "{{ $labels.open_fds | humanize }}", 1, "12" },
	{ "}} { {", 1, "}} { {" },
};

static void test_templates(void **state)
{
	struct custom_metric custom = { "queue_depth", 2.5 };
	struct snapshot s = snapshot_at(0);

	(void)state;
	s.v[METRIC_OPEN_FDS] = 12;
	s.custom = &custom;
	s.custom_cnt = 1;
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		struct template_values values = { &s, templates[i].value };
		struct expr_error err;
		struct buf out = {};

		assert_int_equal(template_check(templates[i].text, &err), 0);
		template_expand(templates[i].text, &values, &out);
		buf_append(&out, "", 1);
		assert_string_equal(out.data, templates[i].becomes);
		buf_fini(&out);
	}
}

static const char *const bad_templates[] = {
	"{{",
	"{{ }}",
	"{{ $value",
	"{{ $values }}",
	"{{ $labels. }}",
	"{{ .Value }}",
	"{{ $value | }}",
	"{{ $value | shout }}",
	"{{ $value }",
	"a {{ range query \"x\" }}",
	"{{ $value $value }}",
};

static void test_bad_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_templates) / sizeof(bad_templates[0]); i++) {
		struct expr_error err = {};

		if (template_check(bad_templates[i], &err) != -EINVAL || !*err.text)
			fail_msg("'%s' is accepted", bad_templates[i]);
		assert_true(err.offset <= strlen(bad_templates[i]));
	}
}

/* ---- generated messages ---- */

static const char *const messages[][2] = {
	{ "x: open_fds > 5", "open_fds is 10, above 5" },
	{ "x: 5 < open_fds", "open_fds is 10, above 5" },
	{ "x: open_fds >= 10", "open_fds is 10, at or above 10" },
	{ "x: open_fds < 50", "open_fds is 10, below 50" },
	{ "x: open_fds == 10", "open_fds is 10, equal to 10" },
	{ "x: open_fds != 5", "open_fds is 10, not equal to 5" },
	{ "x: open_fds * 2 > 4 + 1", "open_fds * 2 is 20, above 5" },
	{ "x: open_fds > 5 and open_fds < 50", "open_fds is 10: open_fds > 5 and open_fds < 50" },
	{ "x: open_fds", "open_fds is 10" },
	{ "x: absent(threads)", "absent(threads) is 1" },
};

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct rules *r = rules_with(messages[i][0]);
		struct alerts list = {};

		tick_fds(r, 0, 10, &list);
		assert_int_equal(list.cnt, 1);
		assert_string_equal(list.v[0].message, messages[i][1]);
		rules_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),      cmocka_unit_test(test_bad),
		cmocka_unit_test(test_deep),      cmocka_unit_test(test_locale),
		cmocka_unit_test(test_templates), cmocka_unit_test(test_bad_templates),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests_name("rules_text", tests, NULL, NULL);
}
