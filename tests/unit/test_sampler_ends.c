// SPDX-License-Identifier: BSD-2-Clause
/* What the sampler knows of processes that have ended or left, and when it forgets them. */
#include "sampler_world.h"

static void a_balance_from_before_its_end_is_not_the_balance(void **state)
{
	struct world *w = *state;
	struct process *p;

	open_all(w);
	p = process(w, 10, 5);
	fake(w, 0)->value = 7;
	fake(w, 1)->value = 3;
	tick(w);
	p->exited = true;
	fake(w, 0)->value = fake(w, 1)->value = RAW_UNKNOWN;
	fake(w, 0)->live_threads = fake(w, 1)->live_threads = 1; /* it may still be struck */
	tick(w);
	assert_int_equal(p->now.v[RAW_FD_UNATTRIBUTED], 3);
	fake(w, 0)->live_threads = fake(w, 1)->live_threads = 0;
	assert_int_equal(sampler_read(&w->s), 0);
	assert_int_equal(p->now.v[RAW_FD_OPENS], 7);
	assert_true(p->now.v[RAW_FD_UNATTRIBUTED] == RAW_UNKNOWN);
}

static void final_is_when_nothing_more_will_come(void **state)
{
	struct process p = { 0 };

	(void)state;
	assert_false(sampler_final(&p));
	p.live_threads = 2;
	p.exited = true;
	assert_false(sampler_final(&p));
	p.live_threads = 0;
	assert_true(sampler_final(&p));
	p.live_threads = 2;
	p.grace = 200;
	assert_true(sampler_final(&p));
	p.lives = true; /* it gives back its memory */
	assert_false(sampler_final(&p));
	/* Its counts may have been read before it went, in the same tick: once more. */
	p = (struct process){ .gone = true, .live_threads = 2 };
	assert_false(sampler_final(&p));
	p.grace = 1;
	assert_true(sampler_final(&p));
}

static void who_takes_long_to_end_is_watched_meanwhile(void **state)
{
	struct world *w = *state;
	struct process *p;
	int ticks;

	open_all(w);
	p = process(w, 10, 5);
	p->exited = true;
	fake(w, 0)->lives = fake(w, 1)->lives = true;
	for (ticks = 0; ticks < 20; ticks++) {
		tick(w);
		assert_ptr_equal(process(w, 10, 5), p);
		assert_false(w->t.list[0].ended);
	}
	fake(w, 0)->lives = fake(w, 1)->lives = false;
	tick(w);
	assert_true(w->t.list[0].ended);
	assert_null(process(w, 10, 5));
}

static void the_ended_are_forgotten_when_they_are_final(void **state)
{
	struct world *w = *state;
	struct process *p;
	int ticks = 0;

	open_all(w);
	fixture_put(&w->proc, &child);
	tick(w);
	p = process(w, 11, 6);
	fixture_remove(&w->proc, 11);
	p->exited = true;
	fake(w, 0)->live_threads = fake(w, 1)->live_threads = 1;
	while (process(w, 11, 6) && ticks < 20) {
		tick(w);
		ticks++;
	}
	assert_in_range(ticks, 2, 19);
	assert_int_equal(fake(w, 0)->forgets, 1);
	assert_non_null(process(w, 10, 5));
}

/* It may have counted on between the last read and its end. */
static void what_nobody_told_of_its_end_is_not_known(void **state)
{
	struct world *w = *state;
	struct process *p;

	open_all(w);
	p = process(w, 10, 5);
	fake(w, 0)->value = 7;
	tick(w);
	assert_int_equal(p->untold & RAW_BIT(FD_OPENS), 0);
	fake(w, 0)->value = RAW_UNKNOWN;
	assert_int_equal(sampler_read(&w->s), 0);
	assert_int_equal(p->untold & RAW_BIT(FD_OPENS), 0); /* the next read may tell */
	p->gone = true;
	assert_int_equal(sampler_read(&w->s), 0);
	assert_int_equal(p->untold & RAW_BIT(FD_OPENS), RAW_BIT(FD_OPENS));
	assert_int_equal(p->now.v[RAW_FD_OPENS], 7);
	fake(w, 0)->value = 9;
	assert_int_equal(sampler_read(&w->s), 0);
	assert_int_equal(p->untold & RAW_BIT(FD_OPENS), 0);
}

/* More of them in one tick than are forgotten at a time. */
static void many_end_at_once(void **state)
{
	struct world *w = *state;
	struct fixture_process one = child;

	open_all(w);
	for (one.pid = 100; one.pid < 129; one.pid++)
		fixture_put(&w->proc, &one);
	tick(w);
	assert_int_equal(HASH_COUNT(w->t.table.by_id), 30);
	for (one.pid = 100; one.pid < 129; one.pid++) {
		fixture_remove(&w->proc, one.pid);
		process(w, one.pid, 6)->gone = true;
	}
	tick(w);
	assert_int_equal(fake(w, 0)->forgets, 29);
	assert_int_equal(HASH_COUNT(w->t.table.by_id), 1);
}

/* Moved out of its cgroup, for example: alive, but nobody's business any more. */
static void who_left_every_target_is_forgotten(void **state)
{
	struct world *w = *state;

	open_all(w);
	fixture_put(&w->proc, &child);
	tick(w);
	fixture_remove(&w->proc, 11);
	process(w, 11, 6)->groups = 0;
	tick(w);
	assert_null(process(w, 11, 6));
	assert_int_equal(fake(w, 0)->forgets, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_balance_from_before_its_end_is_not_the_balance),
		cmocka_unit_test(final_is_when_nothing_more_will_come),
		IN_WORLD(who_takes_long_to_end_is_watched_meanwhile),
		IN_WORLD(the_ended_are_forgotten_when_they_are_final),
		IN_WORLD(what_nobody_told_of_its_end_is_not_known),
		IN_WORLD(many_end_at_once),
		IN_WORLD(who_left_every_target_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
