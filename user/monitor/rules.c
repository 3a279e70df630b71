// SPDX-License-Identifier: BSD-2-Clause
/* The rules of a monitor: added before it runs, replaced while it does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/internal.h"
#include "monitor/verdicts.h"

#define UNSEEN_AFTER_NS 15000000000ULL /* the default of a metrics command is ten seconds */

static int add_source(struct ktally_monitor *m, enum rule_source_kind kind, const char *text)
{
	struct rule_error error = { "" };
	int err;

	if (m->begun)
		return monitor_fail(m, -EBUSY, "rules are added before the monitor begins");
	err = rule_sources_add(&m->rule_sources, kind, text, m->rules, &error);
	return err ? monitor_fail(m, err, "%s", error.text) : 0;
}

int ktally_monitor__add_rule(struct ktally_monitor *m, const char *text)
{
	return add_source(m, RULE_SOURCE_TEXT, text);
}

int ktally_monitor__add_rules_file(struct ktally_monitor *m, const char *path)
{
	return add_source(m, RULE_SOURCE_FILE, path);
}

int ktally_monitor__add_rules_dir(struct ktally_monitor *m, const char *path)
{
	return add_source(m, RULE_SOURCE_FOLDER, path);
}

/* ---- assertions ---- */

int ktally_monitor__add_assertion(struct ktally_monitor *m, const char *text)
{
	struct rule_error error = { "out of memory" };
	int err = m->assertions ? 0 : assertions_new(&m->assertions);

	if (m->begun)
		return monitor_fail(m, -EBUSY, "assertions are added before the monitor begins");
	if (!err)
		err = assertions_add(m->assertions, text, &error);
	return err ? monitor_fail(m, err, "%s", error.text) : 0;
}

void monitor_judge_assertions(struct ktally_monitor *m)
{
	if (m->assertions)
		assertions_judge(m->assertions, m->targets.cnt, monitor_emit_verdict, m);
}

int ktally_monitor__assertions(const struct ktally_monitor *m, struct ktally_assertions **ret)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&m->lock;
	int err;

	pthread_mutex_lock(lock);
	err = verdicts_copy(m->verdicts, ret);
	pthread_mutex_unlock(lock);
	return err;
}

/* ---- reloading ---- */

/* Hands the outcome to the monitor's thread, which alone writes records. next: NULL when it
 * failed. */
static void hand_over(struct ktally_monitor *m, struct rules *next, const char *text)
{
	char *message = strdup(text);

	pthread_mutex_lock(&m->lock);
	if (next) {
		rules_free(m->next_rules);
		m->next_rules = next;
	}
	free(m->reload_message);
	m->reload_message = message;
	pthread_mutex_unlock(&m->lock);
}

int ktally_monitor__reload_rules(struct ktally_monitor *m)
{
	struct rule_error error = { "" };
	struct rules *next = NULL;
	char text[MONITOR_ERROR_LEN + 64];
	int err = rule_sources_read(&m->rule_sources, &next, &error);

	if (err)
		snprintf(text, sizeof(text), "rules are not reloaded, the old ones stay: %s",
			 error.text);
	else
		snprintf(text, sizeof(text), "rules reloaded: there are %zu", rules_count(next));
	monitor_log(m, err ? KTALLY_LOG_ERROR : KTALLY_LOG_INFO, "%s", text);
	hand_over(m, next, text);
	return err ? monitor_fail(m, err, "%s", error.text) : 0;
}

void monitor_take_rules(struct ktally_monitor *m)
{
	struct rules *next;
	char *message;

	pthread_mutex_lock(&m->lock);
	next = m->next_rules;
	m->next_rules = NULL;
	message = m->reload_message;
	m->reload_message = NULL;
	pthread_mutex_unlock(&m->lock);
	if (message)
		monitor_tell(m, message);
	free(message);
	if (!next || !rules_replace(m->rules, next, m->tick_time, monitor_emit_alert, m))
		return;
	rules_free(next);
	monitor_tell(m, "rules are not reloaded, the old ones stay: out of memory");
}

static void tell_unseen(void *ctx, const char *alert, const char *field)
{
	struct ktally_monitor *m = ctx;
	char text[MONITOR_ERROR_LEN];

	snprintf(text, sizeof(text),
		 "rule %.100s: there is no field '%.100s', nor a custom metric of this name so far",
		 alert, field);
	monitor_log(m, KTALLY_LOG_WARNING, "%s", text);
	monitor_tell(m, text);
}

/* Whoever brings metrics gets some time for the first ones; without them there is nothing to wait
 * for. */
void monitor_tell_unseen(struct ktally_monitor *m, bool last)
{
	bool waits = m->metrics_cnt || m->doors.door_cnt;

	if (!waits || last || m->last_tick_ns - m->begin_ns >= UNSEEN_AFTER_NS)
		rules_tell_unseen(m->rules, tell_unseen, m);
}

void monitor_rules_fini(struct ktally_monitor *m)
{
	rules_free(m->rules);
	rules_free(m->next_rules);
	free(m->reload_message);
	rule_sources_fini(&m->rule_sources);
	assertions_free(m->assertions);
	ktally_assertions__free(m->verdicts);
}
