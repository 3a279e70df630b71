// SPDX-License-Identifier: BSD-2-Clause
/* Where rules come from, and reading them again while a monitor runs. */
#include "unit.h"

#include <pthread.h>
#include <time.h>

#include "folder.h"
#include "ktally.h"
#include "rules/sources.h"

#define RULE(name, expr) \
	"groups: [{name: g, rules: [{alert: " name ", expr: '" expr "'}]}]\n"

static void path_in(const struct folder *f, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", f->path, name);
}

/* The names of all rules, each followed by a blank. */
static void names_of(const struct rules *r, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < rules_count(r); i++) {
		struct rule_record rule;

		rules_describe(r, i, &rule);
		len += (size_t)snprintf(text + len, size - len, "%s ", rule.alert);
	}
}

static void assert_names(const struct rules *r, const char *want)
{
	char names[256];

	names_of(r, names, sizeof(names));
	assert_string_equal(names, want);
}

static void a_folder_is_its_yaml_by_name(void **state)
{
	struct rule_sources sources = { .defaults = false };
	struct rule_error err = {};
	struct rules *r = NULL, *again = NULL;
	struct folder f;

	(void)state;
	folder_init(&f);
	folder_puts(&f, "b.yaml", RULE("second", "threads > 2"));
	folder_puts(&f, "a.yml", RULE("first", "threads > 1"));
	folder_puts(&f, ".c.yaml", "not read");
	folder_puts(&f, "d.yaml.bak", "not read");
	assert_int_equal(rules_new(&r), 0);
	assert_int_equal(rule_sources_add(&sources, RULE_SOURCE_FOLDER, f.path, r, &err), 0);
	assert_int_equal(rule_sources_add(&sources, RULE_SOURCE_TEXT, "own: threads > 3", r, &err),
			 0);
	assert_names(r, "first second own ");
	folder_puts(&f, "a.yml", RULE("other", "threads > 1"));
	sources.defaults = true;
	assert_int_equal(rule_sources_read(&sources, &again, &err), 0);
	assert_names(again, "high_cpu high_memory file_handle_leak other second own ");
	rules_free(again);
	folder_puts(&f, "b.yaml", RULE("second", "threads >"));
	assert_int_equal(rule_sources_read(&sources, &again, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/b.yaml:1:"));
	rules_free(r);
	rule_sources_fini(&sources);
	folder_fini(&f);
}

static void what_failed_is_not_remembered(void **state)
{
	struct rule_sources sources = {};
	struct rule_error err = {};
	struct rules *r = NULL, *again = NULL;

	(void)state;
	assert_int_equal(rules_new(&r), 0);
	assert_int_equal(rule_sources_add(&sources, RULE_SOURCE_TEXT, "none", r, &err), -EINVAL);
	assert_int_equal(rule_sources_add(&sources, RULE_SOURCE_FILE, "/nowhere/x.yaml", r, &err),
			 -ENOENT);
	assert_int_equal(rule_sources_add(&sources, RULE_SOURCE_FOLDER, "/nowhere", r, &err), 0);
	assert_int_equal(rule_sources_add(&sources, RULE_SOURCE_FOLDER, "/dev/null", r, &err),
			 -ENOTDIR);
	assert_int_equal(sources.cnt, 1);
	assert_int_equal(rule_sources_read(&sources, &again, &err), 0);
	assert_int_equal(rules_count(again), 0);
	rules_free(again);
	rules_free(r);
	rule_sources_fini(&sources);
}

/* ---- a monitor ---- */

static void pause_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/* Waits for an alert of this name and state. */
static bool said(const struct ktally_monitor *m, const char *name, const char *alert_state)
{
	struct ktally_alert a = { .sz = sizeof(a) };
	struct ktally_alerts *list;
	bool found = false;

	for (int i = 0; i < 1000 && !found; i++) {
		assert_int_equal(ktally_monitor__alerts(m, &list), 0);
		for (size_t k = 0; k < ktally_alerts__count(list) && !found; k++) {
			assert_int_equal(ktally_alerts__at(list, k, &a), 0);
			found = !strcmp(a.name, name) && !strcmp(a.state, alert_state);
		}
		ktally_alerts__free(list);
		pause_ms(10);
	}
	return found;
}

static struct ktally_monitor *monitor_with(const char *path)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = 100000000, .bpf = KTALLY_BPF_OFF,
		    .no_default_rules = 1);
	KTALLY_OPTS(ktally_target_opts, self, .kind = KTALLY_TARGET_PID, .pid = (int)getpid());
	struct ktally_monitor *m = NULL;

	assert_int_equal(ktally_monitor__open(&opts, &m), 0);
	assert_int_equal(ktally_monitor__add_rules_file(m, path), 0);
	assert_int_equal(ktally_monitor__add_target(m, &self, NULL), 0);
	return m;
}

static void a_running_monitor_takes_new_rules(void **state)
{
	struct ktally_monitor *m;
	struct folder f;
	char path[128];

	(void)state;
	folder_init(&f);
	path_in(&f, "rules.yaml", path, sizeof(path));
	folder_puts(&f, "rules.yaml", RULE("old", "threads > 0"));
	m = monitor_with(path);
	assert_int_equal(ktally_monitor__start(m), 0);
	assert_true(said(m, "old", "firing"));
	folder_puts(&f, "rules.yaml", "groups: 7");
	assert_int_equal(ktally_monitor__reload_rules(m), -EINVAL);
	assert_non_null(strstr(ktally_monitor__last_error(m), "rules.yaml:1:"));
	folder_puts(&f, "rules.yaml", RULE("new", "threads > 0"));
	assert_int_equal(ktally_monitor__reload_rules(m), 0);
	assert_true(said(m, "new", "firing"));
	assert_true(said(m, "old", "resolved"));
	assert_int_equal(ktally_monitor__add_rule(m, "late: threads > 0"), -EBUSY);
	ktally_monitor__close(m);
	folder_fini(&f);
}

static void *reload_often(void *ctx)
{
	for (int i = 0; i < 50; i++)
		assert_int_equal(ktally_monitor__reload_rules(ctx), 0);
	return NULL;
}

/* For the sanitizers: who owns the rules while two threads read them again. */
static void reloads_may_come_from_any_thread(void **state)
{
	pthread_t threads[2];
	struct ktally_monitor *m;
	struct folder f;
	char path[128];

	(void)state;
	folder_init(&f);
	path_in(&f, "rules.yaml", path, sizeof(path));
	folder_puts(&f, "rules.yaml", RULE("some", "threads > 0"));
	m = monitor_with(path);
	assert_int_equal(ktally_monitor__start(m), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reload_often, m), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_true(said(m, "some", "firing"));
	assert_int_equal(ktally_monitor__reload_rules(m), 0); /* and one that no tick takes */
	ktally_monitor__close(m);
	folder_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_is_its_yaml_by_name),
		cmocka_unit_test(what_failed_is_not_remembered),
		cmocka_unit_test(a_running_monitor_takes_new_rules),
		cmocka_unit_test(reloads_may_come_from_any_thread),
	};

	return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
