// SPDX-License-Identifier: BSD-2-Clause
/* The climber of ladder.h: knows neither BPF nor what a rung counts. */
#include "base/ladder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SPARE_FDS 16

int rung_open_nothing(void *self, char *reason)
{
	(void)self;
	(void)reason;
	return 0;
}

static const char *not_wanted(const struct rung *r, const struct ladder_wish *wish)
{
	if (wish->forced && strcmp(wish->forced, r->name))
		return "another rung was asked for";
	if (wish->bpf == LADDER_BPF_OFF && r->bpf)
		return "BPF was switched off";
	if (wish->bpf == LADDER_BPF_REQUIRE && !r->bpf && !wish->forced)
		return "BPF was required";
	return NULL;
}

/* What follows needs descriptors too: a rung that opens with the last ones is none that works. */
static int open_sparing(const struct rung *r, void *self, char *reason)
{
	int spare[SPARE_FDS], cnt = 0, err = 0;

	while (!err && cnt < SPARE_FDS) {
		spare[cnt] = eventfd(0, EFD_CLOEXEC);
		err = spare[cnt] < 0 ? -errno : 0;
		cnt += !err;
	}
	if (!err)
		err = r->open(self, reason);
	else
		snprintf(reason, LADDER_REASON_LEN,
			 "fewer than %d descriptors are left; raise `ulimit -n`", SPARE_FDS);
	while (cnt)
		close(spare[--cnt]);
	return err;
}

static int try_rung(struct ladder *l, const struct rung *r, const struct ladder_wish *wish,
		    void *self)
{
	struct ladder_refusal *refusal = &l->refused[l->refused_cnt];
	const char *reason = not_wanted(r, wish);
	int err = -ECANCELED;

	memset(refusal, 0, sizeof(*refusal));
	if (reason)
		snprintf(refusal->reason, sizeof(refusal->reason), "%s", reason);
	else
		err = r->bpf ? open_sparing(r, self, refusal->reason)
			     : r->open(self, refusal->reason);
	if (!err)
		return 0;
	refusal->rung = r->name;
	refusal->err = err;
	l->refused_cnt++;
	return err;
}

int ladder_climb(struct ladder *l, const struct rung *rungs, size_t cnt,
		 const struct ladder_wish *wish, void *self)
{
	bool known = !wish->forced;
	size_t i;

	l->active = NULL;
	l->refused_cnt = 0;
	for (i = 0; i < cnt && wish->forced; i++)
		known |= !strcmp(wish->forced, rungs[i].name);
	if (!known)
		return -ENOENT;
	for (i = 0; i < cnt && l->refused_cnt < LADDER_RUNGS_MAX; i++) {
		if (try_rung(l, &rungs[i], wish, self))
			continue;
		l->active = &rungs[i];
		return 0;
	}
	return -ENOTSUP;
}
