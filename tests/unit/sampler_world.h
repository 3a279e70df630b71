/* SPDX-License-Identifier: BSD-2-Clause */
/* Two instruments that answer what a test tells them, over a /proc of its own: `instruments` here
 * replaces the generated one. */
#ifndef KTALLY_TESTS_SAMPLER_WORLD_H
#define KTALLY_TESTS_SAMPLER_WORLD_H

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
	uint32_t live_threads; /* of each process that has ended; */
	bool lives;	       /* does one of its threads still run? */
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
		p->lives |= f->lives;
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

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
