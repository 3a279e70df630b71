// SPDX-License-Identifier: BSD-2-Clause
/* Members into targets, over ticks: joiners, the dead, and targets without anybody. */
#include "unit.h"

#include <stdlib.h>

#include "snapshot/derive.h"

#define ALL_PROVIDED (~0ULL)

/* One member over ticks: what the sampler keeps of it. */
struct one {
	struct raw_row now;
	struct raw_row last;
	struct raw_row first;
	uint32_t alive;
	bool whole;
	bool closes_balance;
	bool moved_in;
	bool moved_out;
	uint64_t untold;
};

static void one_init(struct one *o)
{
	raw_row_clear(&o->now);
	raw_row_clear(&o->last);
	raw_row_clear(&o->first);
	o->alive = 1;
	o->untold = 0;
	o->whole = o->closes_balance = o->moved_in = o->moved_out = false;
}

static void add(struct group *g, struct one *o)
{
	struct group_member m = { .now = &o->now, .last = &o->last, .first = &o->first,
				  .moved_in = o->moved_in, .moved_out = o->moved_out,
				  .alive = o->alive, .whole = o->whole,
				  .closes_balance = o->closes_balance, .untold = o->untold };

	group_add(g, &m);
}

static void settle(struct one *o)
{
	o->last = o->now;
}

static void group_of_two(struct group *g, struct one *a, struct one *b)
{
	group_init(g);
	one_init(a);
	one_init(b);
}

static void totals_are_sums_of_changes(void **state)
{
	struct group g;
	struct one a, b;

	(void)state;
	group_of_two(&g, &a, &b);
	a.now.v[RAW_FD_OPENS] = 3;
	b.now.v[RAW_FD_OPENS] = 4;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	add(&g, &b);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 7);
	assert_int_equal(g.processes, 2);
	settle(&a);
	settle(&b);
	a.now.v[RAW_FD_OPENS] = 10;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	add(&g, &b);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 14);
	assert_int_equal(g.prev.v[RAW_FD_OPENS], 7);
}

static void the_dead_leave_their_counts_and_take_their_levels(void **state)
{
	struct group g;
	struct one a, b;

	(void)state;
	group_of_two(&g, &a, &b);
	a.now.v[RAW_FD_OPENS] = a.now.v[RAW_CPU_NS] = a.now.v[RAW_RSS_BYTES] = 100;
	b.now.v[RAW_FD_OPENS] = b.now.v[RAW_CPU_NS] = b.now.v[RAW_RSS_BYTES] = 1;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	add(&g, &b);
	settle(&a);
	settle(&b);
	/* a ends: its last counts still arrive, its level is not there any more. */
	a.alive = false;
	a.now.v[RAW_FD_OPENS] = 105;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	add(&g, &b);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 106);
	assert_int_equal(g.total.v[RAW_RSS_BYTES], 1);
	assert_int_equal(g.processes, 1);
	settle(&b);
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &b);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 106);
	assert_int_equal(g.total.v[RAW_CPU_NS], 101);
}

/* Ten thousand ticks of births, deaths and late answers. */
static void totals_never_go_backwards(void **state)
{
	struct one pool[8];
	struct group g;
	int64_t before = 0;
	size_t i, tick;

	(void)state;
	srandom(20240607);
	group_init(&g);
	for (i = 0; i < ARRAY_LEN(pool); i++)
		one_init(&pool[i]);
	for (tick = 0; tick < 10000; tick++) {
		group_begin(&g, ALL_PROVIDED, false);
		for (i = 0; i < ARRAY_LEN(pool); i++) {
			struct one *o = &pool[i];
			int64_t had = o->last.v[RAW_FD_OPENS];

			o->now.v[RAW_FD_OPENS] = (had == RAW_UNKNOWN ? 0 : had) + random() % 5;
			o->alive = random() % 10;
			add(&g, o);
			settle(o);
			if (!o->alive)
				one_init(o);
		}
		assert_true(g.total.v[RAW_FD_OPENS] >= before);
		before = g.total.v[RAW_FD_OPENS];
	}
	assert_true(before > 10000);
}

/* Its last row is of the moment at which it joined; its descriptors have been counted since. */
static void a_joiners_past_is_not_the_targets(void **state)
{
	struct group g;
	struct one a;

	(void)state;
	group_init(&g);
	one_init(&a);
	a.moved_in = true;
	a.last.v[RAW_CPU_NS] = 4800;
	a.now.v[RAW_CPU_NS] = 5000;
	a.last.v[RAW_FD_OPENS] = 0;
	a.now.v[RAW_FD_OPENS] = 2;
	a.now.v[RAW_RSS_BYTES] = 77;
	group_begin(&g, ALL_PROVIDED, true);
	add(&g, &a);
	assert_int_equal(g.total.v[RAW_CPU_NS], 200);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 2);
	assert_int_equal(g.total.v[RAW_RSS_BYTES], 77);
	a.moved_in = false;
	settle(&a);
	a.now.v[RAW_CPU_NS] = 5300;
	group_begin(&g, ALL_PROVIDED, true);
	add(&g, &a);
	assert_int_equal(g.total.v[RAW_CPU_NS], 500);
}

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

/* A process there at attach counts with its life, which it has not lived in this interval. */
static void a_history_that_counts_is_not_of_this_interval(void **state)
{
	struct group g;
	struct one a;

	(void)state;
	group_init(&g);
	one_init(&a);
	a.first.v[RAW_CPU_NS] = 4800;
	a.now.v[RAW_CPU_NS] = 5000;
	group_begin(&g, ALL_PROVIDED, true);
	add(&g, &a);
	assert_int_equal(g.total.v[RAW_CPU_NS], 5000);
	assert_int_equal(g.total.v[RAW_CPU_NS] - g.prev.v[RAW_CPU_NS], 200);
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

/* Whoever could not be read at this tick, reconciled to what it was, adds nothing. */
static void a_member_not_read_again_adds_nothing(void **state)
{
	struct group g;
	struct one a;

	(void)state;
	group_init(&g);
	one_init(&a);
	a.now.v[RAW_FD_OPENS] = 6;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	settle(&a);
	a.now.v[RAW_FD_OPENS] = RAW_UNKNOWN;
	group_begin(&g, ALL_PROVIDED, false);
	add(&g, &a);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 6);
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

static void a_limit_belongs_to_one(void **state)
{
	struct one members[3];
	struct group g;
	size_t i;

	(void)state;
	group_init(&g);
	for (i = 0; i < ARRAY_LEN(members); i++) {
		one_init(&members[i]);
		members[i].now.v[RAW_OPEN_FDS_LIMIT] = 1024;
	}
	group_begin(&g, ALL_PROVIDED, true);
	assert_true(g.total.v[RAW_OPEN_FDS_LIMIT] == RAW_UNKNOWN);
	add(&g, &members[0]);
	assert_int_equal(g.total.v[RAW_OPEN_FDS_LIMIT], 1024);
	add(&g, &members[1]);
	assert_true(g.total.v[RAW_OPEN_FDS_LIMIT] == RAW_UNKNOWN);
	add(&g, &members[2]);
	assert_true(g.total.v[RAW_OPEN_FDS_LIMIT] == RAW_UNKNOWN);
	/* Two end: the one that is left speaks for the target again. */
	members[0].alive = members[2].alive = false;
	group_begin(&g, ALL_PROVIDED, true);
	for (i = 0; i < ARRAY_LEN(members); i++)
		add(&g, &members[i]);
	assert_int_equal(g.total.v[RAW_OPEN_FDS_LIMIT], 1024);
}

/* A cgroup with nobody in it has 0 descriptors; a process that has ended has none to count. */
static void nobody_is_zero_where_somebody_would_be_counted(void **state)
{
	uint64_t provided = 1ULL << RAW_FD_OPENS | 1ULL << RAW_OPEN_FDS |
			    1ULL << RAW_OPEN_FDS_LIMIT;
	struct group g;

	(void)state;
	group_init(&g);
	group_begin(&g, provided, true);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 0);
	assert_int_equal(g.total.v[RAW_OPEN_FDS], 0);
	assert_true(g.total.v[RAW_OPEN_FDS_LIMIT] == RAW_UNKNOWN);
	assert_true(g.total.v[RAW_RSS_BYTES] == RAW_UNKNOWN);
	assert_true(g.total.v[RAW_ONCPU_NS] == RAW_UNKNOWN);
	group_begin(&g, provided, false);
	assert_int_equal(g.total.v[RAW_FD_OPENS], 0);
	assert_true(g.total.v[RAW_OPEN_FDS] == RAW_UNKNOWN);
	assert_int_equal(g.processes, 0);
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
		cmocka_unit_test(totals_are_sums_of_changes),
		cmocka_unit_test(the_dead_leave_their_counts_and_take_their_levels),
		cmocka_unit_test(totals_never_go_backwards),
		cmocka_unit_test(a_joiners_past_is_not_the_targets),
		cmocka_unit_test(a_move_of_which_nothing_is_known_leaves_both_without),
		cmocka_unit_test(an_end_that_nobody_told_leaves_an_interval_unknown),
		cmocka_unit_test(a_history_that_counts_is_not_of_this_interval),
		cmocka_unit_test(one_unknown_member_does_not_hide_the_others),
		cmocka_unit_test(a_member_not_read_again_adds_nothing),
		cmocka_unit_test(a_balance_that_nobody_struck_leaves_the_target_without),
		cmocka_unit_test(a_limit_belongs_to_one),
		cmocka_unit_test(what_the_many_do_not_know_the_target_does_not_know),
		cmocka_unit_test(nobody_is_zero_where_somebody_would_be_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
