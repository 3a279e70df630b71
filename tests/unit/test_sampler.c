// SPDX-License-Identifier: BSD-2-Clause
/* The tick. */
#include "sampler_world.h"

static void instruments_are_found_and_climbed(void **state)
{
	struct world *w = *state;

	open_all(w);
	assert_int_equal(w->s.cnt, 2);
	assert_string_equal(w->s.list[0].ladder.active->name, "good");
	assert_string_equal(w->s.list[0].ladder.refused[0].rung, "never");
	assert_string_equal(w->s.list[1].ladder.active->name, "only");
	assert_true(w->s.provided == (RAW_BIT(FD_OPENS) | RAW_BIT(FD_UNATTRIBUTED)));
}

static void a_rung_can_be_forced(void **state)
{
	struct world *w = *state;

	assert_int_equal(sampler_force(&w->s, "none", "good"), -ENOENT);
	assert_int_equal(sampler_force(&w->s, "opens", "only"), -EINVAL);
	assert_int_equal(sampler_force(&w->s, "opens", "level"), 0);
	open_all(w);
	assert_string_equal(w->s.list[0].ladder.active->name, "level");
	assert_true(w->s.provided == (RAW_BIT(OPEN_FDS) | RAW_BIT(FD_UNATTRIBUTED)));
}

static void a_failure_names_its_instrument(void **state)
{
	const struct ladder_wish wish = { .bpf = LADDER_BPF_OFF };
	const char *failed = NULL;
	struct world *w = *state;

	assert_int_equal(sampler_force(&w->s, "opens", "never"), 0);
	assert_int_equal(targets_open(&w->t, &wish), 0);
	assert_int_equal(sampler_open(&w->s, LADDER_BPF_AUTO, &failed), -ENOTSUP);
	assert_string_equal(failed, "opens");
}

static void every_instrument_is_read_once_a_tick(void **state)
{
	struct world *w = *state;
	struct bpf_skip list[1];

	open_all(w);
	tick(w);
	tick(w);
	assert_int_equal(fake(w, 0)->reads, 2);
	assert_int_equal(fake(w, 0)->confirms, 2);
	assert_int_equal(fake(w, 1)->reads, 2);
	assert_int_equal(sampler_lost(&w->s, 0), 2);
	assert_int_equal(sampler_lost(&w->s, 1), 0);
	assert_int_equal(sampler_skips(&w->s, 0, list, 1), 1);
	assert_int_equal(list[0].count, 20);
	assert_int_equal(sampler_skips(&w->s, 0, list, 0), 0);
	assert_int_equal(sampler_skips(&w->s, 1, list, 1), 0);
	assert_true(w->s.env.now_ns > 0);
}

static void one_that_fails_does_not_keep_the_others_from_reading(void **state)
{
	struct world *w = *state;

	open_all(w);
	fake(w, 0)->read_err = -EIO;
	assert_int_equal(sampler_read(&w->s), -EIO);
	assert_int_equal(fake(w, 1)->reads, 1);
}

static void counters_never_go_back_and_balances_may(void **state)
{
	struct world *w = *state;
	struct process *p;

	open_all(w);
	p = process(w, 10, 5);
	fake(w, 0)->value = 100;
	fake(w, 1)->value = 4;
	tick(w);
	fake(w, 0)->value = 90;
	fake(w, 1)->value = -2;
	tick(w);
	assert_int_equal(p->now.v[RAW_FD_OPENS], 100);
	assert_int_equal(p->now.v[RAW_FD_UNATTRIBUTED], -2);
	fake(w, 0)->value = 101;
	tick(w);
	assert_int_equal(p->now.v[RAW_FD_OPENS], 101);
}

static void what_cannot_be_read_is_as_it_was(void **state)
{
	struct world *w = *state;
	struct process *p;

	open_all(w);
	p = process(w, 10, 5);
	tick(w);
	assert_true(p->now.v[RAW_FD_OPENS] == RAW_UNKNOWN);
	fake(w, 0)->value = 7;
	fake(w, 1)->value = 3;
	tick(w);
	fake(w, 0)->value = fake(w, 1)->value = RAW_UNKNOWN;
	tick(w);
	assert_int_equal(p->now.v[RAW_FD_OPENS], 7);
	assert_int_equal(p->now.v[RAW_FD_UNATTRIBUTED], 3);
}

/* A level of a second ago is not the level. */
static void a_level_not_read_is_unknown(void **state)
{
	struct world *w = *state;

	assert_int_equal(sampler_force(&w->s, "opens", "level"), 0);
	open_all(w);
	fake(w, 0)->value = 7;
	tick(w);
	assert_int_equal(process(w, 10, 5)->last.v[RAW_OPEN_FDS], 7);
	fake(w, 0)->value = RAW_UNKNOWN;
	tick(w);
	assert_true(process(w, 10, 5)->now.v[RAW_OPEN_FDS] == RAW_UNKNOWN);
}

static void this_tick_becomes_the_last(void **state)
{
	struct world *w = *state;
	struct process *p;

	open_all(w);
	p = process(w, 10, 5);
	fake(w, 0)->value = 1;
	assert_int_equal(sampler_read(&w->s), 0);
	assert_true(p->last.v[RAW_FD_OPENS] == RAW_UNKNOWN);
	sampler_settle(&w->s);
	fake(w, 0)->value = 5;
	assert_int_equal(sampler_read(&w->s), 0);
	assert_int_equal(p->last.v[RAW_FD_OPENS], 1);
	assert_int_equal(p->now.v[RAW_FD_OPENS], 5);
}

static void a_newcomer_is_sampled_at_the_same_tick(void **state)
{
	struct world *w = *state;

	open_all(w);
	fake(w, 0)->value = 3;
	tick(w);
	fixture_put(&w->proc, &child);
	tick(w);
	assert_int_equal(process(w, 11, 6)->last.v[RAW_FD_OPENS], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(instruments_are_found_and_climbed),
		IN_WORLD(a_rung_can_be_forced),
		IN_WORLD(a_failure_names_its_instrument),
		IN_WORLD(every_instrument_is_read_once_a_tick),
		IN_WORLD(one_that_fails_does_not_keep_the_others_from_reading),
		IN_WORLD(counters_never_go_back_and_balances_may),
		IN_WORLD(what_cannot_be_read_is_as_it_was),
		IN_WORLD(a_level_not_read_is_unknown),
		IN_WORLD(this_tick_becomes_the_last),
		IN_WORLD(a_newcomer_is_sampled_at_the_same_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
