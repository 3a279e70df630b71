// SPDX-License-Identifier: BSD-2-Clause
/* The tick of sampler.h. */
#include "sampler/sampler.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

/* A process is read once more after its exit while threads of it still switch, so often at most. */
#define GRACE_READS 3

static int add(struct sampler *s, const struct instrument *ops)
{
	if (s->cnt == SAMPLER_INSTRUMENTS_MAX)
		return -ENOSPC;
	s->list[s->cnt++].ops = ops;
	return 0;
}

int sampler_init(struct sampler *s, struct targets *targets, int proc_fd)
{
	size_t i;
	int err = 0;

	memset(s, 0, sizeof(*s));
	s->targets = targets;
	s->env.table = &targets->table;
	s->env.proc_fd = proc_fd;
	for (i = 0; instruments[i] && !err; i++)
		if (!instruments[i]->optional)
			err = add(s, instruments[i]);
	return err;
}

int sampler_add(struct sampler *s, const char *instrument)
{
	size_t i;

	for (i = 0; instruments[i]; i++)
		if (!strcmp(instruments[i]->name, instrument))
			return add(s, instruments[i]);
	return -ENOENT;
}

struct sampled_instrument *sampler_find(struct sampler *s, const char *instrument)
{
	size_t i;

	for (i = 0; i < s->cnt; i++)
		if (!strcmp(s->list[i].ops->name, instrument))
			return &s->list[i];
	return NULL;
}

void sampler_fini(struct sampler *s)
{
	size_t i;

	for (i = 0; i < s->cnt; i++) {
		s->list[i].ops->destroy(s->list[i].self);
		s->list[i].self = NULL;
	}
}

static bool has_rung(const struct instrument *ops, const char *rung)
{
	size_t i;

	for (i = 0; i < ops->rung_cnt; i++)
		if (!strcmp(ops->rungs[i].name, rung))
			return true;
	return false;
}

int sampler_force(struct sampler *s, const char *instrument, const char *rung)
{
	struct sampled_instrument *in = sampler_find(s, instrument);

	if (!in)
		return -ENOENT;
	if (!has_rung(in->ops, rung))
		return -EINVAL;
	in->forced = rung;
	return 0;
}

static int open_one(struct sampler *s, struct sampled_instrument *in, enum ladder_bpf bpf)
{
	struct ladder_wish wish = { .bpf = bpf, .forced = in->forced };
	int err;

	in->self = in->ops->make(&s->env);
	if (!in->self)
		return -ENOMEM;
	err = ladder_climb(&in->ladder, in->ops->rungs, in->ops->rung_cnt, &wish, in->self);
	if (!err)
		s->provided |= in->ladder.active->provides;
	return err;
}

static int joined(struct sampler *s)
{
	size_t i;
	int err = 0;

	for (i = 0; i < s->cnt && !err; i++)
		if (s->list[i].ops->joined)
			err = s->list[i].ops->joined(s->list[i].self);
	return err;
}

int sampler_open(struct sampler *s, enum ladder_bpf bpf, const char **ret_failed)
{
	size_t i = s->cnt;
	int err;

	s->env.shared = s->targets->shared;
	/* Backwards, so that `fd` comes last: a self-test forks, and after a fork each page that
	 * the next object's load writes to costs a fault. */
	while (i--) {
		err = open_one(s, &s->list[i], bpf);
		if (err) {
			*ret_failed = s->list[i].ops->name;
			return err;
		}
	}
	return joined(s);
}

/* A process with a history that has not been read since it came in. */
static bool is_joiner(const struct process *p)
{
	return p->fresh && !p->born && !p->initial;
}

static bool has_joiners(const struct sampler *s)
{
	struct process *p, *next;

	if (!s->env.table->has_new)
		return false;
	HASH_ITER(hh, s->env.table->by_id, p, next)
		if (is_joiner(p))
			return true;
	return false;
}

bool sampler_final(const struct process *p)
{
	/* It may have gone after its counts were read in this very tick: once more. */
	if (p->gone)
		return p->untracked || p->grace > 0;
	return process_ended(p) && (!p->live_threads || p->grace >= GRACE_READS);
}

/* What is not known now is as it was; no counter goes back because a reader came at a bad
 * moment. A balance is struck at the end, or is unknown: one from before is no longer true. */
static void reconcile(struct process *p)
{
	int i;

	p->untold = 0;
	for (i = 0; i < RAW_COUNT; i++) {
		if (!raw_is_kept(i) || (raw_kinds[i] == RAW_BALANCE && sampler_final(p)))
			continue;
		if (p->now.v[i] == RAW_UNKNOWN && process_ended(p) && raw_is_told_at_moves(i))
			p->untold |= 1ULL << i;
		if (p->now.v[i] == RAW_UNKNOWN ||
		    (raw_kinds[i] != RAW_BALANCE && p->now.v[i] < p->last.v[i]))
			p->now.v[i] = p->last.v[i];
	}
	process_settle_moves(p);
}

static int read_all(struct sampler *s)
{
	size_t i;
	int err = 0, first_err = 0;

	for (i = 0; i < s->cnt; i++) {
		err = s->list[i].ladder.active->read(s->list[i].self);
		first_err = first_err ? first_err : err;
	}
	for (i = 0; i < s->cnt; i++) {
		err = s->list[i].ops->confirm ? s->list[i].ops->confirm(s->list[i].self) : 0;
		first_err = first_err ? first_err : err;
	}
	return first_err;
}

/* One walk for all instruments: a table of thousands is not in the nearest caches. */
static void begin(struct sampler *s)
{
	struct process *p, *next;

	s->env.has_untracked = s->env.has_exited = false;
	HASH_ITER(hh, s->env.table->by_id, p, next) {
		process_begin_read(p);
		s->env.has_untracked |= p->untracked;
		s->env.has_exited |= p->exited && !p->untracked;
	}
}

int sampler_read(struct sampler *s)
{
	struct process *p, *next;
	int err;

	err = targets_refresh(s->targets);
	if (!err && has_joiners(s))
		err = joined(s);
	if (err)
		return err;
	begin(s);
	s->env.now_ns = clock_monotonic_ns();
	targets_want(s->targets);
	err = read_all(s);
	targets_settle_untracked(s->targets);
	err = err ? err : targets_follow(s->targets);
	HASH_ITER(hh, s->env.table->by_id, p, next)
		reconcile(p);
	targets_check(s->targets);
	return err;
}

static void forget(struct sampler *s, struct forgotten *f)
{
	size_t i;

	for (i = 0; i < s->cnt; i++)
		if (s->list[i].ops->forget)
			s->list[i].ops->forget(s->list[i].self, f);
	targets_forget(s->targets, f);
	f->cnt = f->ended_cnt = 0;
}

static void forget_later(struct sampler *s, struct forgotten *f, struct process *p, bool ended)
{
	f->list[f->cnt++] = p;
	if (ended)
		f->ended[f->ended_cnt++] = p->id;
	if (f->cnt == FORGET_MAX)
		forget(s, f);
}

void sampler_settle(struct sampler *s)
{
	struct forgotten f = { .cnt = 0 };
	struct process *p, *next;

	s->env.table->has_new = false;
	HASH_ITER(hh, s->env.table->by_id, p, next) {
		bool ended = sampler_final(p);

		if (!p->untracked && (ended || targets_leave(s->targets, p))) {
			forget_later(s, &f, p, ended);
			continue;
		}
		process_end_tick(p);
		s->env.table->has_new |= is_joiner(p);
		if (process_ended(p) && !p->gone)
			p->grace++;
	}
	if (f.cnt)
		forget(s, &f);
}

const struct bpf_object *sampler_object(const struct sampler *s, size_t instrument)
{
	const struct sampled_instrument *in = &s->list[instrument];

	return in->ops->object && in->self ? in->ops->object(in->self) : NULL;
}

uint64_t sampler_lost(const struct sampler *s, size_t instrument)
{
	const struct sampled_instrument *in = &s->list[instrument];

	return in->ops->lost && in->self ? in->ops->lost(in->self) : 0;
}

size_t sampler_skips(const struct sampler *s, size_t instrument, struct bpf_skip *list, size_t max)
{
	const struct sampled_instrument *in = &s->list[instrument];

	return in->ops->skips && in->self ? in->ops->skips(in->self, list, max) : 0;
}
