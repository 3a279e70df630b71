// SPDX-License-Identifier: BSD-2-Clause
/* A process that changes its targets within an interval, and what it counted by then. */
#include "unit.h"

#include "bpf/targets.h"
#include "targets/stays.h"

#define A 1
#define B 2

static const struct target in_a = { .kind = TARGET_CGROUP, .group = 0 };
static const struct target in_b = { .kind = TARGET_CGROUP, .group = 1 };

static struct process_table table;

static int setup(void **state)
{
	table = (struct process_table){ 0 };
	*state = process_add(&table, PROCESS_ID(10, 5));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	process_table_fini(&table);
	return 0;
}

static void row(struct raw_row *r, int64_t cpu_ns, int64_t system_ns, int64_t opens)
{
	r->v[RAW_CPU_NS] = cpu_ns;
	r->v[RAW_CPU_SYSTEM_NS] = system_ns;
	r->v[RAW_CPU_USER_NS] = cpu_ns - system_ns;
	r->v[RAW_FD_OPENS] = opens;
}

static struct raw_move *move(struct process *p, uint64_t groups)
{
	struct raw_move *m = process_add_move(p, groups);

	assert_non_null(m);
	p->groups = groups;
	return m;
}

/* Sum over the stays, and their number. */
static int64_t opens_in(const struct target *target, const struct process *p, int *ret_stays)
{
	struct stay stay;
	uint32_t at = 0;
	int64_t sum = 0;

	for (*ret_stays = 0; stay_next(target, p, &at, &stay); ++*ret_stays)
		sum += stay.to->v[RAW_FD_OPENS] - stay.from->v[RAW_FD_OPENS];
	return sum;
}

static void without_a_move_it_is_one_stay(void **state)
{
	struct process *p = *state;
	struct stay stay;
	int stays;

	p->groups = p->groups_before = A;
	row(&p->last, 10, 0, 3);
	row(&p->now, 20, 0, 10);
	assert_int_equal(opens_in(&in_a, p, &stays), 7);
	assert_int_equal(stays, 1);
	assert_true(stay_last(&in_a, p, &stay));
	assert_false(stay.moved_in || stay.moved_out);
	assert_false(stay_last(&in_b, p, &stay));
	assert_true(target_had(&in_a, p));
	assert_false(target_had(&in_b, p));
}

static void each_target_has_what_was_counted_in_it(void **state)
{
	struct process *p = *state;
	struct stay stay;
	int stays;

	p->groups_before = A;
	row(&p->last, 10, 0, 3);
	row(&move(p, B)->at, 11, 0, 5);
	row(&move(p, A)->at, 12, 0, 9);
	row(&move(p, A | B)->at, 13, 0, 16);
	row(&move(p, 0)->at, 14, 0, 27);
	row(&p->now, 15, 0, 100);
	assert_int_equal(opens_in(&in_a, p, &stays), 2 + 18);
	assert_int_equal(stays, 2);
	assert_int_equal(opens_in(&in_b, p, &stays), 4 + 11);
	assert_int_equal(stays, 2);
	assert_true(stay_last(&in_b, p, &stay));
	assert_true(stay.moved_in && stay.moved_out);
	assert_false(target_has(&in_b, p));
	assert_true(target_had(&in_b, p));
}

/* Where moves were lost nothing joins what was before and what came after. */
static void a_lost_move_divides_a_stay(void **state)
{
	static const struct target tree = { .kind = TARGET_PID, .follow = true, .group = 2 };
	struct process *p = *state;
	struct raw_move *lost;
	int stays;

	p->groups_before = A | 4;
	row(&p->last, 0, 0, 3);
	lost = move(p, A | 4);
	row(&lost->at, 0, 0, 5);
	lost->doubt = A | B;
	row(&p->now, 0, 0, 10);
	opens_in(&in_a, p, &stays);
	assert_int_equal(stays, 2);
	opens_in(&in_b, p, &stays);
	assert_int_equal(stays, 1);
	assert_true(target_had(&in_b, p));
	opens_in(&tree, p, &stays);
	assert_int_equal(stays, 1);
}

static void a_plain_target_is_not_moved_from(void **state)
{
	struct target plain = { .kind = TARGET_PID, .group = TARGET_NO_GROUP };
	struct process *p = *state;
	int stays;

	plain.root_id = p->id;
	row(&p->last, 0, 0, 1);
	row(&move(p, A)->at, 0, 0, 2);
	row(&move(p, 0)->at, 0, 0, 3);
	row(&p->now, 0, 0, 8);
	assert_int_equal(opens_in(&plain, p, &stays), 7);
	assert_int_equal(stays, 1);
}

/* Programs on other CPUs read counters that may be behind by a tick. */
static void counts_at_moves_are_between_their_neighbours(void **state)
{
	struct process *p = *state;

	row(&p->last, 100, 40, 7);
	row(&move(p, B)->at, 90, 5, 9);
	row(&move(p, A)->at, 150, 140, 8);
	row(&move(p, B)->at, 195, 20, RAW_UNKNOWN);
	row(&p->now, 200, 80, 30);
	process_settle_moves(p);
	assert_int_equal(p->moves[0].at.v[RAW_CPU_NS], 100);
	assert_int_equal(p->moves[0].at.v[RAW_CPU_SYSTEM_NS], 40);
	assert_int_equal(p->moves[0].at.v[RAW_CPU_USER_NS], 60);
	assert_int_equal(p->moves[1].at.v[RAW_CPU_SYSTEM_NS], 80);
	assert_int_equal(p->moves[1].at.v[RAW_CPU_USER_NS], 70);
	assert_int_equal(p->moves[1].at.v[RAW_FD_OPENS], 9);
	assert_int_equal(p->moves[2].at.v[RAW_CPU_NS], 195);
	assert_int_equal(p->moves[2].at.v[RAW_CPU_SYSTEM_NS], 80);
	assert_true(p->moves[2].at.v[RAW_FD_OPENS] == RAW_UNKNOWN);
}

/* Descriptors were read before it, and CPU time after it. */
static void a_move_while_the_counts_are_read_is_of_this_interval(void **state)
{
	struct process *p = *state;
	int stays;

	p->groups_before = A;
	row(&p->last, 100, 40, 3);
	row(&move(p, B)->at, 110, 45, 5);
	row(&move(p, A)->at, 120, 50, 11);
	row(&p->now, 140, 55, 10);
	process_settle_moves(p);
	assert_int_equal(opens_in(&in_a, p, &stays), 2);
	assert_int_equal(opens_in(&in_b, p, &stays), 6);
	assert_int_equal(p->now.v[RAW_FD_OPENS], 11);
	assert_int_equal(p->now.v[RAW_CPU_NS], 140);
	process_end_tick(p);
	assert_null(p->moves);
	assert_int_equal(process_moves(p), 2);
	assert_int_equal(p->groups_before, A);
	row(&p->now, 200, 60, 20);
	process_settle_moves(p);
	assert_int_equal(opens_in(&in_a, p, &stays), 9);
	assert_int_equal(opens_in(&in_b, p, &stays), 0);
}

/* And the other way round; user and system time go on from what was read of them. */
static void a_read_has_the_cpu_time_that_a_move_has(void **state)
{
	struct process *p = *state;

	row(&p->last, 100, 40, 3);
	row(&move(p, B)->at, 150, 41, 5);
	row(&p->now, 140, 55, 6);
	process_settle_moves(p);
	assert_int_equal(p->now.v[RAW_CPU_NS], 150);
	assert_int_equal(p->now.v[RAW_CPU_SYSTEM_NS], 55);
	assert_int_equal(p->now.v[RAW_CPU_USER_NS], 95);
	assert_int_equal(p->moves[0].at.v[RAW_CPU_NS], 150);
	assert_int_equal(p->moves[0].at.v[RAW_CPU_SYSTEM_NS], 55);
	assert_int_equal(p->moves[0].at.v[RAW_FD_OPENS], 5);
}

static void a_move_that_a_read_noticed_is_at_that_read(void **state)
{
	struct process *p = *state;
	int stays;

	p->groups_before = A;
	row(&p->last, 0, 0, 3);
	move(p, B)->at_read = true;
	row(&p->now, 0, 0, 10);
	process_settle_moves(p);
	assert_int_equal(opens_in(&in_a, p, &stays), 7);
	assert_int_equal(opens_in(&in_b, p, &stays), 0);
	assert_int_equal(stays, 1);
	process_end_tick(p);
	assert_int_equal(p->move_cnt, 0);
	assert_int_equal(p->moves_past, 1);
	row(&p->now, 0, 0, 12);
	assert_int_equal(opens_in(&in_b, p, &stays), 2);
	assert_int_equal(opens_in(&in_a, p, &stays), 0);
	assert_int_equal(stays, 0);
}

#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ONE(without_a_move_it_is_one_stay),
		WITH_ONE(each_target_has_what_was_counted_in_it),
		WITH_ONE(a_lost_move_divides_a_stay),
		WITH_ONE(a_plain_target_is_not_moved_from),
		WITH_ONE(counts_at_moves_are_between_their_neighbours),
		WITH_ONE(a_move_while_the_counts_are_read_is_of_this_interval),
		WITH_ONE(a_read_has_the_cpu_time_that_a_move_has),
		WITH_ONE(a_move_that_a_read_noticed_is_at_that_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
