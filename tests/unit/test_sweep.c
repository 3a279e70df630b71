// SPDX-License-Identifier: BSD-2-Clause
/* Many thresholds at once, against one rule at a time. */
#include "unit.h"

#include "replay/sweep.h"
#include "rules_fixture.h"

struct report {
	struct sweep_record rows[16];
	char expr[16][64];
	size_t cnt;
};

static void take(void *ctx, const struct sweep_record *record)
{
	struct report *r = ctx;

	assert_true(r->cnt < ARRAY_LEN(r->rows));
	snprintf(r->expr[r->cnt], sizeof(r->expr[0]), "%s", record->expr);
	r->rows[r->cnt++] = *record;
}

static struct sweep *sweep_of(const char *text, double from, double to, double step)
{
	struct sweep_range range = { from, to, step };
	struct rule_error err = {};
	struct sweep *w = NULL;

	if (sweep_new(text, &range, &w, &err))
		fail_msg("%s", err.text);
	return w;
}

static void feed(struct sweep *w, double t, double v, bool final)
{
	struct snapshot s = snapshot_at(t);

	s.v[METRIC_OPEN_FDS] = v;
	s.final = final;
	assert_int_equal(sweep_eval(w, &s), 0);
}

static void counts_and_times(void **state)
{
	static const double values[] = { 5, 15, 25, 15, 5, 25, 25 };
	struct sweep *w = sweep_of("open_fds > 99", 10, 30, 10);
	struct report r = {};

	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(values); t++)
		feed(w, (double)t, values[t], false);
	sweep_report(w, 77, take, &r);
	assert_int_equal(r.cnt, 3);
	assert_string_equal(r.expr[0], "open_fds > 10");
	assert_same_double(r.rows[0].timestamp, 77);
	/* Above 10 from 1 to 4 and from 5 to the end; above 20 from 2 to 3, and then. */
	assert_int_equal(r.rows[0].alerts, 2);
	assert_same_double(r.rows[0].firing_seconds, 4);
	assert_int_equal(r.rows[1].alerts, 2);
	assert_same_double(r.rows[1].firing_seconds, 2);
	assert_int_equal(r.rows[2].alerts, 0);
	assert_same_double(r.rows[2].firing_seconds, 0);
	sweep_free(w);
}

static void waiting_is_not_firing(void **state)
{
	struct sweep *w = sweep_of("open_fds > 10 for 2s", 10, 10, 1);
	struct report r = {};

	(void)state;
	feed(w, 0, 11, false);
	feed(w, 1, 5, false); /* pending, and over */
	feed(w, 2, 11, false);
	feed(w, 4, 11, false);
	feed(w, 9, 11, true); /* the process ends, and with it the alert */
	feed(w, 20, 5, false);
	sweep_report(w, 0, take, &r);
	assert_string_equal(r.expr[0], "open_fds > 10 for 2s");
	assert_int_equal(r.rows[0].alerts, 1);
	assert_same_double(r.rows[0].firing_seconds, 5);
	sweep_free(w);
}

static void another_recording_starts_anew(void **state)
{
	struct sweep *w = sweep_of("open_fds > 10", 10, 10, 1);
	struct report r = {};

	(void)state;
	feed(w, 100, 11, false);
	feed(w, 103, 11, false);
	assert_int_equal(sweep_restart(w), 0);
	feed(w, 0, 11, false);
	feed(w, 1, 11, false);
	sweep_report(w, 0, take, &r);
	assert_int_equal(r.rows[0].alerts, 2);
	assert_same_double(r.rows[0].firing_seconds, 4);
	sweep_free(w);
}

struct number_case {
	const char *text;
	const char *want; /* with 7; NULL: refused */
};

static void which_number_is_varied(void **state)
{
	static const struct number_case cases[] = {
		{ "open_fds > 100", "open_fds > 7" },
		{ "100 < open_fds", "7 < open_fds" },
		{ "open_fds > -1.5e3", "open_fds > 7" },
		{ "open_fds * 2 > (100)", "open_fds * 2 > 7" },
		{ "open_fds > 5 and threads > 3", "open_fds > 7 and threads > 3" },
		{ "rate(open_fds[5m]) >= 1 for 5m", "rate(open_fds[5m]) >= 7 for 5m" },
		{ "open_fds > threads", NULL },
		{ "open_fds > -threads", NULL },
		{ "open_fds > 5 or threads > 3", NULL },
		{ "absent(open_fds)", NULL },
		{ "open_fds > 10 for ever", NULL },
		{ "open_fds >", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sweep_range range = { 7, 7, 1 };
		struct rule_error err = {};
		struct report r = {};
		struct sweep *w = NULL;
		int e = sweep_new(cases[i].text, &range, &w, &err);

		assert_int_equal(e, cases[i].want ? 0 : -EINVAL);
		if (e) {
			assert_true(err.text[0]);
			continue;
		}
		sweep_report(w, 0, take, &r);
		assert_string_equal(r.expr[0], cases[i].want);
		sweep_free(w);
	}
}

static void thresholds_are_what_their_digits_say(void **state)
{
	struct sweep *w = sweep_of("cpu_percent > 1", 0, 1, 0.1);
	struct report r = {};

	(void)state;
	sweep_report(w, 0, take, &r);
	assert_int_equal(r.cnt, 11);
	assert_string_equal(r.expr[3], "cpu_percent > 0.3");
	assert_same_double(r.rows[10].threshold, 1);
	sweep_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_and_times),
		cmocka_unit_test(waiting_is_not_firing),
		cmocka_unit_test(another_recording_starts_anew),
		cmocka_unit_test(which_number_is_varied),
		cmocka_unit_test(thresholds_are_what_their_digits_say),
	};

	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
