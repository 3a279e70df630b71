// SPDX-License-Identifier: BSD-2-Clause
/* The scanner of scan.h. */
#include "targets/scan.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/procfs.h"
#include "bpf/targets.h"
#include "targets/glob.h"

struct scan {
	struct targets *t;
	struct comm_globs globs;
	uint64_t all; /* group bit of an `all` target, or 0 */
	uint64_t trees; /* group bits of trees: what children inherit */
	bool changed; /* this pass has found somebody */
	uint64_t add_groups; /* for a cgroup's walk */
};

/* Groups that a child of this PID inherits: of trees only. */
static uint64_t tree_groups_of_pid(const struct scan *s, int32_t pid)
{
	struct process *p, *next;
	uint64_t groups = 0;

	HASH_ITER(hh, s->t->table.by_id, p, next)
		if (p->pid == pid && !process_ended(p))
			groups |= p->groups & s->trees;
	return groups;
}

static int join(struct scan *s, const struct proc_stat *st, uint64_t groups)
{
	uint64_t id = PROCESS_ID(st->pid, st->start_ticks);
	struct process *p = process_find(&s->t->table, id);

	if (!groups || (p && !(groups & ~p->groups)))
		return 0;
	if (!p) {
		p = process_add(&s->t->table, id);
		if (!p)
			return -ENOMEM;
		p->ppid = st->ppid;
		memcpy(p->comm, st->comm, sizeof(p->comm));
	}
	p->groups |= groups;
	s->changed = true;
	return 0;
}

static int visit(void *ctx, pid_t pid)
{
	struct scan *s = ctx;
	struct proc_stat st;
	uint64_t groups;

	if (proc_stat_of(s->t->proc_fd, pid, &st) || st.flags & PROC_FLAG_KTHREAD)
		return 0; /* it has gone meanwhile */
	groups = s->all | s->add_groups;
	if (!s->add_groups)
		groups |= glob_groups(&s->globs, st.comm);
	if (s->trees)
		groups |= tree_groups_of_pid(s, st.ppid);
	return join(s, &st, groups);
}

static int scan_cgroups(struct scan *s)
{
	struct scan walk = { .t = s->t };
	int err = 0;
	size_t i;

	for (i = 0; i < s->t->cnt && !err; i++) {
		if (s->t->list[i].kind != TARGET_CGROUP)
			continue;
		walk.add_groups = target_bit(&s->t->list[i]);
		err = cgroup_for_each_pid(&s->t->list[i].cgroup, visit, &walk);
		if (err == -ENOENT || err == -ENODEV)
			err = 0; /* the cgroup was removed: it is empty */
	}
	return err;
}

static int scan_setup(struct scan *s)
{
	bool walk = false;
	size_t i;

	for (i = 0; i < s->t->cnt; i++) {
		const struct target *target = &s->t->list[i];

		if (target->kind == TARGET_ALL)
			s->all |= target_bit(target);
		if (target->kind == TARGET_COMM)
			glob_add(&s->globs, target->glob, target_bit(target));
		if (target->follow)
			s->trees |= target_bit(target);
		walk |= target->kind == TARGET_ALL || target->kind == TARGET_COMM || target->follow;
	}
	return walk;
}

int targets_scan(struct targets *t)
{
	struct scan s = { .t = t };
	bool walk = scan_setup(&s);
	int err = scan_cgroups(&s);

	/* A child may stand before its parent in the listing: again until nobody new is found. */
	do {
		s.changed = false;
		if (walk && !err)
			err = proc_for_each(t->proc_fd, visit, &s);
	} while (!err && s.changed && s.trees);
	return err;
}
