// SPDX-License-Identifier: BSD-2-Clause
/* The tick, with instruments of its own: `instruments` here replaces the generated one. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>

#include "bpf/targets.h"
#include "fixture_proc.h"
#include "sampler/sampler.h"

/* What a fake instrument will answer, and what it was asked. */
struct fake {
	struct probe_env *env;
	int64_t value; /* RAW_UNKNOWN: cannot say */
	int read_err;
	int reads;
	int confirms;
	int joins;
	int forgets;
	uint32_t live_threads; /* of each process that has ended */
};

static void *make(struct probe_env *env)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (f) {
		f->env = env;
		f->value = RAW_UNKNOWN;
	}
	return f;
}

static int refuse(void *self, char *reason)
{
	(void)self;
	snprintf(reason, LADDER_REASON_LEN, "never works");
	return -EOPNOTSUPP;
}

static int open_fake(void *self, char *reason)
{
	(void)self;
	(void)reason;
	return 0;
}

static int read_into(struct fake *f, enum raw_id id)
{
	struct process *p, *next;

	f->reads++;
	HASH_ITER(hh, f->env->table->by_id, p, next) {
		if (f->value != RAW_UNKNOWN)
			raw_add(&p->now, id, f->value);
		if (p->exited)
			p->live_threads = f->live_threads;
	}
	return f->read_err;
}

static int read_opens(void *self)
{
	return read_into(self, RAW_FD_OPENS);
}

static int read_balance(void *self)
{
	return read_into(self, RAW_FD_UNATTRIBUTED);
}

static int read_level(void *self)
{
	return read_into(self, RAW_OPEN_FDS);
}

static int joined(void *self)
{
	((struct fake *)self)->joins++;
	return 0;
}

static int confirm(void *self)
{
	((struct fake *)self)->confirms++;
	return 0;
}

static void forget(void *self, const struct forgotten *f)
{
	((struct fake *)self)->forgets += (int)f->cnt;
}

static uint64_t lost(const void *self)
{
	return (uint64_t)((const struct fake *)self)->reads;
}

static size_t skips(const void *self, struct bpf_skip *list, size_t max)
{
	if (!max)
		return 0;
	list[0] = (struct bpf_skip){ "fake_program", 10 * lost(self) };
	return 1;
}

static const struct rung opens_rungs[] = {
	{ .name = "never", .bpf = true, .open = refuse, .read = read_opens },
	{ .name = "good", .provides = RAW_BIT(FD_OPENS), .open = open_fake, .read = read_opens },
	{ .name = "level", .provides = RAW_BIT(OPEN_FDS), .open = open_fake, .read = read_level },
};
static const struct rung balance_rungs[] = {
	{ .name = "only", .provides = RAW_BIT(FD_UNATTRIBUTED), .open = open_fake,
	  .read = read_balance },
};
static const struct instrument opens = {
	.name = "opens", .rungs = opens_rungs, .rung_cnt = ARRAY_LEN(opens_rungs), .make = make,
	.destroy = free, .joined = joined, .confirm = confirm, .forget = forget, .lost = lost,
	.skips = skips,
};
/* Everything that may be NULL is. */
static const struct instrument balance = {
	.name = "balance", .rungs = balance_rungs, .rung_cnt = ARRAY_LEN(balance_rungs),
	.make = make, .destroy = free,
};

const struct instrument *const instruments[] = { &opens, &balance, NULL };

struct world {
	struct folder proc;
	struct targets t;
	struct sampler s;
};

static const struct fixture_process root = { 10, 1, "root", 0, 5 };
static const struct fixture_process child = { 11, 10, "child", 0, 6 };

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char error[256];

	assert_non_null(w);
	folder_init(&w->proc);
	fixture_put(&w->proc, &root);
	targets_init(&w->t, w->proc.fd);
	assert_int_equal(targets_add_pid(&w->t, 10, true, error), 0);
	assert_int_equal(sampler_init(&w->s, &w->t, w->proc.fd), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sampler_fini(&w->s);
	targets_fini(&w->t);
	folder_fini(&w->proc);
	free(w);
	return 0;
}

static void open_all(struct world *w)
{
	const struct ladder_wish wish = { .bpf = LADDER_BPF_OFF };
	const char *failed = NULL;

	assert_int_equal(targets_open(&w->t, &wish), 0);
	assert_int_equal(sampler_open(&w->s, LADDER_BPF_OFF, &failed), 0);
	assert_null(failed);
}

static struct fake *fake(struct world *w, size_t i)
{
	return w->s.list[i].self;
}

static struct process *process(struct world *w, int pid, uint64_t start)
{
	return process_find(&w->t.table, PROCESS_ID(pid, start));
}

static void tick(struct world *w)
{
	assert_int_equal(sampler_read(&w->s), 0);
	sampler_settle(&w->s);
}

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
	/* Its counts may have been read before it went, in the same tick: once more. */
	p = (struct process){ .gone = true, .live_threads = 2 };
	assert_false(sampler_final(&p));
	p.grace = 1;
	assert_true(sampler_final(&p));
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

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

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
		cmocka_unit_test(final_is_when_nothing_more_will_come),
		IN_WORLD(the_ended_are_forgotten_when_they_are_final),
		IN_WORLD(many_end_at_once),
		IN_WORLD(who_left_every_target_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
