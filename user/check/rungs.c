// SPDX-License-Identifier: BSD-2-Clause
/* The real ladders of the targets and of every instrument, one rung at a time, over this very
 * process. */
#include "check/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/probe.h"
#include "targets/targets.h"

void check_rungs_fold(struct check_rungs *sum, const struct rung *rungs, const bool *opened,
		      size_t cnt)
{
	size_t i;

	for (i = 0; i < cnt && !opened[i]; i++)
		;
	sum->exact &= i < cnt && rung_is_exact(&rungs[i], sum->preempts);
	sum->bpf |= i < cnt && rungs[i].bpf;
}

static const char *refusal(const struct ladder *l, const char *rung)
{
	size_t i;

	for (i = 0; i < l->refused_cnt; i++)
		if (!strcmp(l->refused[i].rung, rung))
			return l->refused[i].reason;
	return "it did not open";
}

/* A self-test that failed asks for no setting. */
static const char *fix_of(const struct rung *r, const char *reason, const char *fix)
{
	if (fix)
		return fix;
	return strncmp(reason, "self-test", 9) ? check_program_fix(r->name) : NULL;
}

static void add(struct ktally_check *c, const char *instrument, const struct rung *r, int err,
		const char *reason, const char *fix, bool exact)
{
	char name[64];

	snprintf(name, sizeof(name), "%s=%s", instrument, r->name);
	if (err)
		check_add(c, "instruments", name, CHECK_NO, fix_of(r, reason, fix), "%s",
			  reason[0] ? reason : strerror(-err));
	else
		check_add(c, "instruments", name, CHECK_YES, NULL, "%s%s",
			  exact ? "exact. " : "", r->sees);
}

/* Opens the targets of ktally itself on one rung. */
static int open_targets(struct targets *t, int proc_fd, const char *rung)
{
	struct ladder_wish wish = { .forced = rung };
	char error[256];
	int err;

	targets_init(t, proc_fd);
	err = targets_add_pid(t, getpid(), false, error);
	return err ? err : targets_open(t, &wish);
}

static void check_targets(struct ktally_check *c, int proc_fd, const char *fix,
			  struct check_rungs *sum)
{
	bool opened[LADDER_RUNGS_MAX] = { false };
	size_t i;

	for (i = 0; i < targets_rung_cnt; i++) {
		const struct rung *r = &targets_rungs[i];
		struct targets t;
		int err = open_targets(&t, proc_fd, r->name);

		opened[i] = !err;
		add(c, "targets", r, err, refusal(&t.ladder, r->name), fix,
		    rung_is_exact(r, sum->preempts));
		targets_fini(&t);
	}
	check_rungs_fold(sum, targets_rungs, opened, targets_rung_cnt);
}

static int climb(const struct instrument *ops, struct probe_env *env, const char *rung,
		 struct ladder *ladder)
{
	struct ladder_wish wish = { .forced = rung };
	void *self = ops->make(env);
	int err = self ? ladder_climb(ladder, ops->rungs, ops->rung_cnt, &wish, self) : -ENOMEM;

	ops->destroy(self);
	return err;
}

static void check_instrument(struct ktally_check *c, const struct instrument *ops,
			     struct probe_env *env, const char *fix, struct check_rungs *sum)
{
	bool opened[LADDER_RUNGS_MAX] = { false };
	size_t i;

	for (i = 0; i < ops->rung_cnt; i++) {
		struct ladder ladder = { 0 };
		int err = climb(ops, env, ops->rungs[i].name, &ladder);

		opened[i] = !err;
		add(c, ops->name, &ops->rungs[i], err, refusal(&ladder, ops->rungs[i].name), fix,
		    rung_is_exact(&ops->rungs[i], sum->preempts));
	}
	check_rungs_fold(sum, ops->rungs, opened, ops->rung_cnt);
}

void check_rungs(struct ktally_check *c, int proc_fd, const char *fix, struct check_rungs *sum)
{
	struct targets t;
	struct probe_env env = { .table = &t.table, .proc_fd = proc_fd };
	size_t i;

	sum->exact = true;
	check_targets(c, proc_fd, fix, sum);
	/* Their best rung, whichever that is, as in a run. */
	if (open_targets(&t, proc_fd, NULL))
		fix = fix ? fix : check_program_fix("tp_btf");
	env.shared = t.shared;
	for (i = 0; instruments[i]; i++)
		check_instrument(c, instruments[i], &env, fix, sum);
	targets_fini(&t);
}
