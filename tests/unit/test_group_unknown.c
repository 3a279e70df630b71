// SPDX-License-Identifier: BSD-2-Clause
/* What a target knows when some of its members do not. */
#include "group_one.h"

/* What cannot be divided between two targets neither of them knows from then on. */
static void a_move_of_which_nothing_is_known_leaves_both_without(void **state)
{
	struct raw_row total;
	struct group from, to;
	struct one a;

	(void)state;
	group_init(&from);
	group_init(&to);
	one_init(&a);
	a.last.v[RAW_FD_OPENS] = a.last.v[RAW_CPU_NS] = 3;
	a.now.v[RAW_FD_OPENS] = 5; /* at the move */
	a.moved_out = true;
	a.alive = 0;
	group_begin(&from, ALL_PROVIDED, true);
	add(&from, &a);
	group_total(&from, &total);
	assert_int_equal(total.v[RAW_FD_OPENS], 2);
	assert_true(total.v[RAW_CPU_NS] == RAW_UNKNOWN);
	assert_int_equal(total.v[RAW_FD_UNATTRIBUTED], 0);

	a.last = a.now;
	a.now.v[RAW_FD_OPENS] = a.now.v[RAW_CPU_NS] = 11;
	a.moved_in = true;
	a.moved_out = false;
	a.alive = 1;
	group_begin(&to, ALL_PROVIDED, true);
	add(&to, &a);
	group_now(&to, &total);
	assert_true(total.v[RAW_CPU_NS] == RAW_UNKNOWN);
	settle(&a);
	a.moved_in = false;
	a.now.v[RAW_CPU_NS] = 17;
	group_begin(&to, ALL_PROVIDED, true);
	add(&to, &a);
	group_total(&to, &total);
	assert_int_equal(total.v[RAW_FD_OPENS], 6);
	assert_true(total.v[RAW_CPU_NS] == RAW_UNKNOWN);
	group_now(&to, &total); /* later intervals are whole */
	assert_int_equal(total.v[RAW_CPU_NS] - to.prev.v[RAW_CPU_NS], 6);
}

/* It lives, and no instrument sees it: that is not the same as doing nothing. */
static void what_no_member_tells_is_not_known(void **state)
{
	struct group g;
	struct one a, b;
	struct raw_row now, total;

	(void)state;
	group_of_two(&g, &a, &b);
	a.now.v[RAW_FD_OPENS] = 0;
	group_begin(&g, ALL_PROVIDED, true);
	add(&g, &a);
	group_now(&g, &now);
	group_total(&g, &total);
	assert_int_equal(total.v[RAW_FD_OPENS], 0);
	assert_true(total.v[RAW_CPU_NS] == RAW_UNKNOWN);
	assert_true(now.v[RAW_CPU_NS] == RAW_UNKNOWN);
	assert_true(total.v[RAW_THREADS] == RAW_UNKNOWN);
	b.now.v[RAW_CPU_NS] = 9;
	b.now.v[RAW_THREADS] = 2;
	group_begin(&g, ALL_PROVIDED, true);
	add(&g, &a);
	add(&g, &b);
	group_total(&g, &total);
	assert_int_equal(total.v[RAW_CPU_NS], 9); /* as far as it is known */
	assert_int_equal(total.v[RAW_THREADS], 2);
	settle(&b);
	group_begin(&g, ALL_PROVIDED, true);
	add(&g, &a);
	group_total(&g, &total);
	assert_int_equal(total.v[RAW_CPU_NS], 9);
	assert_true(total.v[RAW_THREADS] == RAW_UNKNOWN);
	a.alive = 0;
	group_begin(&g, ALL_PROVIDED, true);
	add(&g, &a);
	group_total(&g, &total);
	assert_int_equal(total.v[RAW_THREADS], 0);
}

/* Who else lives hides it: what he did is known. */
static void an_end_that_nobody_told_leaves_an_interval_unknown(void **state)
{
	struct group g;
	struct one a, b;
	struct raw_row now, total;

	(void)state;
	group_of_two(&g, &a, &b);
	a.now.v[RAW_CPU_NS] = 3;
	b.now.v[RAW_CPU_NS] = 4;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	add(&g, &b);
	settle(&a);
	settle(&b);
	a.alive = 0;
	a.untold = 1ULL << RAW_CPU_NS;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	add(&g, &b);
	group_now(&g, &now);
	assert_int_equal(now.v[RAW_CPU_NS], 7);
	b.alive = 0;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	add(&g, &b);
	group_now(&g, &now);
	group_total(&g, &total);
	assert_true(now.v[RAW_CPU_NS] == RAW_UNKNOWN);
	assert_int_equal(total.v[RAW_CPU_NS], 7); /* what was measured stays */
	assert_int_not_equal(now.v[RAW_VOLUNTARY], RAW_UNKNOWN);
	group_begin(&g, ALL_PROVIDED, false);
	group_now(&g, &now);
	assert_int_equal(now.v[RAW_CPU_NS], 7);
}

static void one_unknown_member_does_not_hide_the_others(void **state)
{
	struct group g;
	struct one a, b;

	(void)state;
	group_of_two(&g, &a, &b);
	a.now.v[RAW_OPEN_FDS] = 5;
	a.now.v[RAW_FD_OPENS] = 6;
	group_begin(&g, 0, false);
	add(&g, &b);
	add(&g, &a);
	assert_int_equal(g.total.v[RAW_OPEN_FDS], 5);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 6);
	assert_true(g.total.v[RAW_RUNQUEUE_NS] == RAW_UNKNOWN);
}

static int64_t balance_with(struct group *g, struct one *a, struct one *b)
{
	struct raw_row total;

	group_begin(g, ALL_PROVIDED, false);
	if (a) {
		add(g, a);
		settle(a);
	}
	add(g, b);
	settle(b);
	group_total(g, &total);
	return total.v[RAW_FD_UNATTRIBUTED];
}

/* Its balance may follow, until it is known that it will not. */
static void a_balance_that_nobody_struck_leaves_the_target_without(void **state)
{
	struct group g;
	struct one a, b;

	(void)state;
	group_of_two(&g, &a, &b);
	a.now.v[RAW_FD_UNATTRIBUTED] = 5;
	b.now.v[RAW_FD_UNATTRIBUTED] = 2;
	assert_int_equal(balance_with(&g, &a, &b), 7);
	a.alive = 0;
	a.now.v[RAW_FD_UNATTRIBUTED] = RAW_UNKNOWN;
	a.now.v[RAW_FD_OPENS] = RAW_UNKNOWN;
	assert_int_equal(balance_with(&g, &a, &b), 7);
	a.closes_balance = true;
	assert_true(balance_with(&g, &a, &b) == RAW_UNKNOWN);
	assert_true(balance_with(&g, NULL, &b) == RAW_UNKNOWN);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 0);
}

/* Many that are counted as one: while it does not know something, nor does the target, which keeps
 * what the others counted for when it does. */
static void what_the_many_do_not_know_the_target_does_not_know(void **state)
{
	struct raw_row total;
	struct one many, a;
	struct group g;

	(void)state;
	group_init(&g);
	one_init(&a);
	one_init(&many);
	many.whole = true;
	many.alive = 7;
	a.now.v[RAW_FD_OPENS] = a.now.v[RAW_FD_CLOSES] = a.now.v[RAW_RSS_BYTES] = 3;
	many.now.v[RAW_FD_OPENS] = 11;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &many);
	add(&g, &a);
	group_total(&g, &total);
	assert_int_equal(g.processes, 8);
	assert_int_equal(total.v[RAW_FD_OPENS], 14);
	assert_true(total.v[RAW_FD_CLOSES] == RAW_UNKNOWN);
	assert_true(total.v[RAW_RSS_BYTES] == RAW_UNKNOWN);
	settle(&a);
	settle(&many);
	many.alive = 0;
	many.now.v[RAW_FD_CLOSES] = 5;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &many);
	add(&g, &a);
	group_total(&g, &total);
	assert_int_equal(total.v[RAW_FD_CLOSES], 8);
	assert_int_equal(g.prev.v[RAW_FD_CLOSES], 3);
	assert_int_equal(total.v[RAW_RSS_BYTES], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_move_of_which_nothing_is_known_leaves_both_without),
		cmocka_unit_test(what_no_member_tells_is_not_known),
		cmocka_unit_test(an_end_that_nobody_told_leaves_an_interval_unknown),
		cmocka_unit_test(one_unknown_member_does_not_hide_the_others),
		cmocka_unit_test(a_balance_that_nobody_struck_leaves_the_target_without),
		cmocka_unit_test(what_the_many_do_not_know_the_target_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
