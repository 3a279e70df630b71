// SPDX-License-Identifier: BSD-2-Clause
/* Members into targets, over ticks: joiners, the dead, and targets without anybody. */
#include "group_one.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_are_sums_of_changes),
		cmocka_unit_test(the_dead_leave_their_counts_and_take_their_levels),
		cmocka_unit_test(totals_never_go_backwards),
		cmocka_unit_test(a_joiners_past_is_not_the_targets),
		cmocka_unit_test(a_history_that_counts_is_not_of_this_interval),
		cmocka_unit_test(a_member_not_read_again_adds_nothing),
		cmocka_unit_test(a_limit_belongs_to_one),
		cmocka_unit_test(nobody_is_zero_where_somebody_would_be_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
