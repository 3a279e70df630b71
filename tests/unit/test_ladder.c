// SPDX-License-Identifier: BSD-2-Clause
/* The climber: order, refusals that are kept, and the wishes that leave rungs out. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/ladder.h"

/* What the rungs below were asked. */
struct climb {
	const char *tried[LADDER_RUNGS_MAX];
	size_t cnt;
	const char *opens; /* the only rung that works */
};

static int open_rung(struct climb *c, const char *name, char *reason)
{
	c->tried[c->cnt++] = name;
	if (c->opens && !strcmp(c->opens, name))
		return 0;
	snprintf(reason, LADDER_REASON_LEN, "%s has no hook here", name);
	return -ENOENT;
}

static int open_best(void *self, char *reason)
{
	return open_rung(self, "best", reason);
}

static int open_good(void *self, char *reason)
{
	return open_rung(self, "good", reason);
}

static int open_proc(void *self, char *reason)
{
	return open_rung(self, "/proc", reason);
}

static const struct rung rungs[] = {
	{ .name = "best", .bpf = true, .exact = true, .open = open_best },
	{ .name = "good", .bpf = true, .open = open_good },
	{ .name = "/proc", .open = open_proc },
};

static int climb(struct climb *c, struct ladder *l, enum ladder_bpf bpf, const char *forced)
{
	struct ladder_wish wish = { .bpf = bpf, .forced = forced };

	return ladder_climb(l, rungs, ARRAY_LEN(rungs), &wish, c);
}

static void the_first_that_opens_is_taken(void **state)
{
	struct climb c = { .opens = "best" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, NULL), 0);
	assert_ptr_equal(l.active, &rungs[0]);
	assert_int_equal(l.refused_cnt, 0);
	assert_int_equal(c.cnt, 1);
}

static void refusals_are_kept_in_order(void **state)
{
	struct climb c = { .opens = "/proc" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, NULL), 0);
	assert_ptr_equal(l.active, &rungs[2]);
	assert_int_equal(l.refused_cnt, 2);
	assert_string_equal(l.refused[0].rung, "best");
	assert_string_equal(l.refused[0].reason, "best has no hook here");
	assert_int_equal(l.refused[0].err, -ENOENT);
	assert_string_equal(l.refused[1].rung, "good");
	assert_string_equal(l.refused[1].reason, "good has no hook here");
}

static void none_that_opens_is_a_failure_with_reasons(void **state)
{
	struct climb c = { 0 };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, NULL), -ENOTSUP);
	assert_null(l.active);
	assert_int_equal(l.refused_cnt, 3);
	assert_string_equal(l.refused[2].reason, "/proc has no hook here");
}

static void a_forced_rung_is_the_only_one_tried(void **state)
{
	struct climb c = { .opens = "good" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, "good"), 0);
	assert_ptr_equal(l.active, &rungs[1]);
	assert_int_equal(c.cnt, 1);
	assert_string_equal(l.refused[0].reason, "another rung was asked for");
}

static void a_forced_rung_that_fails_has_no_substitute(void **state)
{
	struct climb c = { .opens = "/proc" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, "good"), -ENOTSUP);
	assert_null(l.active);
	assert_int_equal(c.cnt, 1);
	assert_string_equal(c.tried[0], "good");
}

static void an_unknown_forced_rung_tries_nothing(void **state)
{
	struct climb c = { .opens = "best" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, "bes"), -ENOENT);
	assert_null(l.active);
	assert_int_equal(c.cnt, 0);
	assert_int_equal(l.refused_cnt, 0);
}

static void without_bpf_only_proc_is_tried(void **state)
{
	struct climb c = { .opens = "/proc" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_OFF, NULL), 0);
	assert_ptr_equal(l.active, &rungs[2]);
	assert_int_equal(c.cnt, 1);
	assert_string_equal(l.refused[0].reason, "BPF was switched off");
	assert_string_equal(l.refused[1].reason, "BPF was switched off");
}

static void a_forced_bpf_rung_does_not_override_no_bpf(void **state)
{
	struct climb c = { .opens = "best" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_OFF, "best"), -ENOTSUP);
	assert_int_equal(c.cnt, 0);
}

static void required_bpf_does_not_fall_back(void **state)
{
	struct climb c = { .opens = "/proc" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_REQUIRE, NULL), -ENOTSUP);
	assert_null(l.active);
	assert_int_equal(c.cnt, 2);
	assert_string_equal(l.refused[2].reason, "BPF was required");
}

static void required_bpf_allows_proc_where_it_was_asked_for(void **state)
{
	struct climb c = { .opens = "/proc" };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_REQUIRE, "/proc"), 0);
	assert_ptr_equal(l.active, &rungs[2]);
}

/* A second climb knows nothing of the first. */
static void a_ladder_can_be_climbed_again(void **state)
{
	struct climb c = { 0 };
	struct ladder l;

	(void)state;
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, NULL), -ENOTSUP);
	c = (struct climb){ .opens = "good" };
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, NULL), 0);
	assert_int_equal(l.refused_cnt, 1);
}

/* What follows needs some: the last ones are not for a rung. */
static void a_rung_leaves_descriptors(void **state)
{
	struct climb c = { .opens = "best" }, poor = { .opens = "/proc" };
	int next = dup(STDIN_FILENO), err;
	struct rlimit limit, low;
	struct ladder l;

	(void)state;
	assert_true(next >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)next + 8;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	err = climb(&poor, &l, LADDER_BPF_AUTO, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(err, 0);
	assert_ptr_equal(l.active, &rungs[2]);
	assert_int_equal(l.refused_cnt, 2);
	assert_int_equal(l.refused[0].err, -EMFILE);
	assert_non_null(strstr(l.refused[0].reason, "ulimit -n"));
	assert_int_equal(poor.cnt, 1);
	assert_int_equal(climb(&c, &l, LADDER_BPF_AUTO, NULL), 0);
	assert_ptr_equal(l.active, &rungs[0]);
	err = dup(STDIN_FILENO);
	assert_int_equal(err, next + 1);
	close(err);
	close(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_opens_is_taken),
		cmocka_unit_test(refusals_are_kept_in_order),
		cmocka_unit_test(none_that_opens_is_a_failure_with_reasons),
		cmocka_unit_test(a_forced_rung_is_the_only_one_tried),
		cmocka_unit_test(a_forced_rung_that_fails_has_no_substitute),
		cmocka_unit_test(an_unknown_forced_rung_tries_nothing),
		cmocka_unit_test(without_bpf_only_proc_is_tried),
		cmocka_unit_test(a_forced_bpf_rung_does_not_override_no_bpf),
		cmocka_unit_test(required_bpf_does_not_fall_back),
		cmocka_unit_test(required_bpf_allows_proc_where_it_was_asked_for),
		cmocka_unit_test(a_ladder_can_be_climbed_again),
		cmocka_unit_test(a_rung_leaves_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
