// SPDX-License-Identifier: BSD-2-Clause
/* Rule files: what they say, where they are wrong, and that a wrong one changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "folder.h"
#include "rules_fixture.h"

static int add_yaml(struct rules *r, const char *text, struct rule_error *err)
{
	char path[128];
	struct folder f;
	int e;

	folder_init(&f);
	folder_puts(&f, "r.yaml", text);
	snprintf(path, sizeof(path), "%s/r.yaml", f.path);
	e = rules_add_file(r, path, err);
	/* Without the folder, whose name is random. */
	if (!strncmp(err->text, f.path, strlen(f.path)))
		memmove(err->text, err->text + strlen(f.path) + 1,
			strlen(err->text) - strlen(f.path));
	folder_fini(&f);
	return e;
}

static void test_whole_rule(void **state)
{
	struct rules *r = rules_with(NULL);
	struct rule_error err = {};
	struct alerts list = {};
	struct rule_record rule;

	(void)state;
	if (add_yaml(r,
		     "groups:\n"
		     "- name: g\n"
		     "  rules:\n"
		     "  - alert: leak\n"
		     "    expr: |\n"
		     "      open_fds\n"
		     "        > 5  # why\n"
		     "    for: 1m30s\n"
		     "    keep_firing_for: 2s\n"
		     "    labels: {severity: critical, team: '{{ $labels.comm }}'}\n"
		     "    annotations:\n"
		     "      summary: '{{ $labels.comm }} has {{ $value }}'\n"
		     "      runbook: https://example.org/fds\n"
		     "- name: h\n"
		     "  rules:\n"
		     "  - {alert: second, expr: threads > 1}\n",
		     &err))
		fail_msg("%s", err.text);
	assert_int_equal(rules_count(r), 2);
	rules_describe(r, 0, &rule);
	assert_string_equal(rule.alert, "leak");
	assert_string_equal(rule.severity, "critical");
	assert_true(rule.for_seconds == 90);
	rules_describe(r, 1, &rule);
	assert_string_equal(rule.expr, "threads > 1");
	tick_fds(r, 0, 7, &list);
	tick_fds(r, 90, 8, &list);
	assert_said(&list, 0, 1000, ALERT_PENDING);
	assert_said(&list, 1, 1090, ALERT_FIRING);
	assert_int_equal(list.v[1].label_cnt, 2);
	assert_string_equal(list.v[1].label, "severity=critical");
	assert_string_equal(list.v[1].severity, "critical");
	assert_int_equal(list.v[1].annotation_cnt, 2);
	assert_string_equal(list.v[1].annotation, "summary=redis has 8");
	assert_string_equal(list.v[1].message, "redis has 8");
	/* keep_firing_for counts from the first tick without the condition, and begins again. */
	tick_fds(r, 91, 1, &list);
	tick_fds(r, 92, 8, &list);
	tick_fds(r, 93, 1, &list);
	tick_fds(r, 94, 1, &list);
	assert_int_equal(list.cnt, 2);
	tick_fds(r, 95, 1, &list);
	assert_int_equal(list.cnt, 3);
	assert_said(&list, 2, 1095, ALERT_RESOLVED);
	rules_free(r);
}

struct wrong_case {
	const char *yaml;
	const char *says;
};

#define RULE(rest) "groups:\n- name: g\n  rules:\n  - " rest

static const struct wrong_case wrong[] = {
	{ "groups: [", "r.yaml:2:1: this is not YAML: " },
	{ "a\tb: [}", "this is not YAML: " },
	{ "[]", "r.yaml:1:1: expected a rule file, which is a mapping" },
	{ "rules: []", "r.yaml:1:1: unknown key 'rules' in a rule file; expected one of: groups" },
	{ "groups: 7", "r.yaml:1:9: expected a list of groups" },
	{ "groups:\n- rules: []", "r.yaml:2:3: expected 'name' in a group" },
	{ "groups:\n- name: a", "r.yaml:2:3: expected 'rules' in a group" },
	{ "groups:\n- name: ''\n  rules: []",
	  "r.yaml:2:9: expected the group's name, not an empty" },
	{ "groups:\n- {name: a, rules: []}\n- {name: a, rules: []}",
	  "r.yaml:3:10: there is a group 'a' already" },
	{ "groups:\n- name: a\n  interval: 5s\n  rules: []",
	  "r.yaml:3:3: 'interval' is a key of Prometheus that ktally does not have: " },
	{ "groups:\n- name: a\n  name: b\n  rules: []", "r.yaml:3:3: 'name' is here twice" },
	{ RULE("record: x\n    expr: y"), "r.yaml:4:5: 'record' is a key of Prometheus that " },
	{ RULE("alert: x"), "r.yaml:4:5: expected 'expr' in a rule" },
	{ RULE("expr: open_fds > 1"), "r.yaml:4:5: expected 'alert' in a rule" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    severity: bad"),
	  "r.yaml:6:5: unknown key 'severity' in a rule; expected one of: alert, expr, for, "
	  "keep_firing_for, labels, annotations" },
	{ RULE("alert: [x]\n    expr: open_fds > 1"), "r.yaml:4:12: expected the alert's name" },
	{ RULE("alert: x\n    expr:"), "r.yaml:5:10: expected an expression" },
	{ RULE("alert: x\n    expr: open_fds >"),
	  "r.yaml:5:21: expected a number or a field, but" },
	{ RULE("alert: x\n    expr: 'open_fds > )'"), "r.yaml:5:23: expected a number or a field" },
	{ RULE("alert: x\n    expr: |\n      open_fds\n        > sum(x)"),
	  "r.yaml:7:11: 'sum' is PromQL that ktally does not have" },
	{ RULE("alert: x\n    expr: >\n      open_fds\n      > sum(x)"),
	  "r.yaml:5:11: 'sum' is PromQL that ktally does not have" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    for: 10"),
	  "r.yaml:6:10: expected a duration such as 30s or 1h30m, not '10'" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    for: 1m1h"),
	  "r.yaml:6:10: expected a duration" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    for: 999999y"),
	  "r.yaml:6:10: expected a dura" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    keep_firing_for: soon"),
	  "r.yaml:6:22: expected" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    labels: [a]"),
	  "r.yaml:6:13: expected a mapping" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    labels: {a-b: c}"),
	  "r.yaml:6:14: expected a name" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    labels: {a: [b]}"),
	  "r.yaml:6:17: expected text" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    labels: {a: b, a: c}"),
	  "6:20: 'a' is here twice" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    labels: {severity: '{{ $value }}'}"),
	  "r.yaml:6:25: expected a severity without a template" },
	{ RULE("alert: x\n    expr: open_fds > 1\n    annotations:\n      a: 'is {{ query 5 }}'"),
	  "r.yaml:7:17: expected $value or $labels.NAME" },
	{ RULE("{alert: x, expr: open_fds > 1}\n---\nb: 1"), "r.yaml:6:1: expected the end" },
	{ RULE("alert: x\n    expr: open_fds[5m]"),
	  "r.yaml:5:11: expected a condition, not a range" },
	{ RULE("<<: {alert: x}\n    expr: open_fds > 1"),
	  "r.yaml:4:5: unknown key '<<' in a rule" },
};

static void test_wrong_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct rules *r = rules_with("own: open_fds > 1");
		struct rule_error err = {};
		int e = add_yaml(r, wrong[i].yaml, &err);

		if (e != -EINVAL || !strstr(err.text, wrong[i].says))
			fail_msg("%s\ngives %d: %s\nnot: %s", wrong[i].yaml, e, err.text,
				 wrong[i].says);
		assert_int_equal(rules_count(r), 1);
		rules_free(r);
	}
}

/* The first rule is good, the second is not: neither is there, nor are their windows. */
static void test_atomic(void **state)
{
	struct rules *r = rules_with(NULL);
	struct rule_error err = {};
	struct alerts list = {};

	(void)state;
	assert_int_equal(add_yaml(r,
				  RULE("{alert: a, expr: 'rate(fd_opens{comm=\"x\"}[5m]) > 1'}\n"
				       "  - {alert: b, expr: 'open_fds >'}"),
				  &err),
			 -EINVAL);
	assert_int_equal(rules_count(r), 0);
	add_rule(r, "c: rate(open_fds{pid=\"42\"}[5m]) > 0");
	tick_fds(r, 0, 1, &list);
	tick_fds(r, 1, 5, &list);
	assert_int_equal(list.cnt, 1);
	rules_free(r);
}

static void test_empty_files(void **state)
{
	static const char *const empty[] = { "", "# nothing\n", "groups:\n", "groups: []\n", "{}" };
	struct rules *r = rules_with(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct rule_error err = {};

		if (add_yaml(r, empty[i], &err))
			fail_msg("'%s': %s", empty[i], err.text);
	}
	assert_int_equal(rules_count(r), 0);
	rules_free(r);
}

static void test_no_file(void **state)
{
	struct rules *r = rules_with(NULL);
	struct rule_error err = {};

	(void)state;
	assert_int_equal(rules_add_file(r, "/nonexistent/x.yaml", &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/x.yaml: No such file or directory");
	assert_int_equal(rules_add_file(r, "/", &err), -EISDIR);
	rules_free(r);
}

/* ---- the files that are shipped ---- */

static void shipped_path(const char *name, char *path, size_t len)
{
	const char *slash = strrchr(__FILE__, '/');

	snprintf(path, len, "%.*s../../docs/rules/%s", slash ? (int)(slash - __FILE__) + 1 : 0,
		 __FILE__, name);
}

static const char *const shipped[] = { "default.yaml", "recommended.yaml" };

static void test_shipped_files(void **state)
{
	struct rules *r = rules_with(NULL);
	struct alerts list = {};

	(void)state;
	assert_int_equal(rules_add_defaults(r), 0);
	for (size_t i = 0; i < 2; i++) {
		struct rule_error err = {};
		char path[512];

		shipped_path(shipped[i], path, sizeof(path));
		if (rules_add_file(r, path, &err))
			fail_msg("%s", err.text);
		if (!i)
			assert_int_equal(rules_count(r), 3);
	}
	assert_true(rules_count(r) >= 12);
	/* Where nothing is known, nothing is said. */
	for (int t = 0; t < 1000; t++)
		tick_fds(r, t, NAN, &list);
	assert_int_equal(list.cnt, 0);
	rules_free(r);
}

static void test_promtool_accepts(void **state)
{
	char path[512], command[600];

	(void)state;
	if (system("command -v promtool >/dev/null")) {
		print_message(
			"promtool is not installed: the shipped files are not checked with it\n");
		skip();
	}
	for (size_t i = 0; i < 2; i++) {
		shipped_path(shipped[i], path, sizeof(path));
		snprintf(command, sizeof(command), "promtool check rules '%s' >/dev/null", path);
		assert_int_equal(system(command), 0);
	}
}

/* A leak as it goes: one descriptor a second, towards a limit of 4096. */
static void test_leak_is_foretold(void **state)
{
	struct rules *r = rules_with(NULL);
	struct rule_error err = {};
	struct alerts list = {};
	bool leaking = false, exhausted = false;
	char path[512];

	(void)state;
	shipped_path("recommended.yaml", path, sizeof(path));
	assert_int_equal(rules_add_file(r, path, &err), 0);
	for (int t = 0; t < 2400; t++) {
		struct snapshot s = snapshot_at(t);

		s.v[METRIC_OPEN_FDS] = 100 + t;
		s.v[METRIC_OPEN_FDS_LIMIT] = 4096;
		s.v[METRIC_FD_OPENS] = 10.0 * t;
		s.v[METRIC_FD_CLOSES] = 9.0 * t;
		assert_int_equal(rules_eval(r, &s, alerts_take, &list), 0);
	}
	for (size_t i = 0; i < list.cnt; i++) {
		bool firing = list.v[i].state == ALERT_FIRING;

		leaking |= firing && !strcmp(list.v[i].alert, "descriptors_leaking") &&
			   fabs(list.v[i].value - 1) < 0.01;
		exhausted |= firing && !strcmp(list.v[i].alert, "descriptors_exhausted_soon");
	}
	assert_true(leaking);
	assert_true(exhausted);
	rules_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_rule),       cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_atomic),           cmocka_unit_test(test_empty_files),
		cmocka_unit_test(test_no_file),          cmocka_unit_test(test_shipped_files),
		cmocka_unit_test(test_promtool_accepts), cmocka_unit_test(test_leak_is_foretold),
	};

	return cmocka_run_group_tests_name("rules_file", tests, NULL, NULL);
}
