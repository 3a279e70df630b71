// SPDX-License-Identifier: BSD-2-Clause
/* The scanner of scan.h. */
#include "targets/scan.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/procfs.h"
#include "bpf/targets.h"
#include "targets/glob.h"

#define PF_KTHREAD 0x00200000

struct scan {
	struct targets *t;
	struct comm_globs globs;
	uint64_t all; /* group bit of an `all` target, or 0 */
	bool trees;
	bool changed; /* this pass has found somebody */
	uint64_t add_groups; /* for a cgroup's walk */
};

static uint64_t bit(const struct target *target)
{
	return target->group == TARGET_NO_GROUP ? 0 : 1ULL << target->group;
}

/* Groups that a child of this PID inherits: of trees only. */
static uint64_t tree_groups_of_pid(const struct targets *t, int32_t pid)
{
	uint64_t trees = 0, groups = 0;
	struct process *p, *next;
	size_t i;

	for (i = 0; i < t->cnt; i++)
		if (t->list[i].kind == TARGET_PID || t->list[i].kind == TARGET_COMMAND)
			trees |= bit(&t->list[i]);
	HASH_ITER(hh, t->table.by_id, p, next)
		if (p->pid == pid && !process_ended(p))
			groups |= p->groups & trees;
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

static int stat_of(const struct targets *t, pid_t pid, struct proc_stat *ret)
{
	int err, fd;

	err = proc_open(t->proc_fd, pid, &fd);
	if (err)
		return err;
	err = proc_read_stat(fd, ret);
	close(fd);
	return err;
}

static int visit(void *ctx, pid_t pid)
{
	struct scan *s = ctx;
	struct proc_stat st;
	uint64_t groups;

	if (stat_of(s->t, pid, &st) || st.flags & PF_KTHREAD)
		return 0; /* it has gone meanwhile */
	groups = s->all | s->add_groups;
	if (!s->add_groups)
		groups |= glob_groups(&s->globs, st.comm);
	if (s->trees)
		groups |= tree_groups_of_pid(s->t, st.ppid);
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
		walk.add_groups = bit(&s->t->list[i]);
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
			s->all |= bit(target);
		if (target->kind == TARGET_COMM)
			glob_add(&s->globs, target->glob, bit(target));
		s->trees |= target->follow;
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
