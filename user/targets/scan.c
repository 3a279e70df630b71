// SPDX-License-Identifier: BSD-2-Clause
/* The scanner of scan.h. */
#include "targets/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "bpf/targets.h"
#include "targets/glob.h"

/* A process as this scan saw it. */
struct seen {
	uint64_t id;
	int32_t pid;
	int32_t ppid;
	uint64_t groups; /* that it is in, or that it matches */
	char comm[16];
};

#define SEEN_FIRST 4096 /* most hosts have fewer, and what is not used costs no memory */

struct scan {
	struct targets *t;
	struct comm_globs globs;
	uint64_t all; /* group bit of an `all` target, or 0 */
	uint64_t trees; /* group bits of trees: what children inherit */
	uint64_t matched; /* of targets that one matches or not, at each look */
};

static int join(struct targets *t, const struct seen *seen)
{
	struct process *p = process_find(&t->table, seen->id);

	if (!seen->groups)
		return 0;
	if (!p) {
		p = process_add(&t->table, seen->id);
		if (!p)
			return -ENOMEM;
		p->ppid = seen->ppid;
		memcpy(p->comm, seen->comm, sizeof(p->comm));
	}
	p->groups_found |= seen->groups;
	return 0;
}

/* False: a kernel thread, or it has ended. */
static bool look(const struct targets *t, pid_t pid, struct seen *ret)
{
	struct proc_stat st;

	if (proc_stat_of(t->proc_fd, pid, &st) || st.flags & PROC_FLAG_KTHREAD ||
	    proc_stat_has_ended(&st))
		return false;
	ret->id = PROCESS_ID(st.pid, st.start_ticks);
	ret->pid = st.pid;
	ret->ppid = st.ppid;
	ret->groups = 0;
	memcpy(ret->comm, st.comm, sizeof(ret->comm));
	return true;
}

struct cgroup_walk {
	struct targets *t;
	uint64_t group;
};

static int visit_cgroup(void *ctx, pid_t pid)
{
	const struct cgroup_walk *w = ctx;
	struct seen seen;

	if (!look(w->t, pid, &seen))
		return 0;
	seen.groups = w->group;
	return join(w->t, &seen);
}

static int make_room(struct seen_list *l)
{
	size_t cap = l->cap ? 2 * l->cap : SEEN_FIRST;
	struct seen *v;

	if (l->cnt < l->cap)
		return 0;
	v = reallocarray(l->v, cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->v = v;
	l->cap = cap;
	return 0;
}

static int visit(void *ctx, pid_t pid)
{
	struct scan *s = ctx;
	const struct process *p;
	struct seen *seen;

	if (make_room(&s->t->seen))
		return -ENOMEM;
	seen = &s->t->seen.v[s->t->seen.cnt];
	if (!look(s->t, pid, seen))
		return 0;
	seen->groups = s->all | glob_groups(&s->globs, seen->comm);
	p = process_find(&s->t->table, seen->id);
	if (p && !process_ended(p))
		seen->groups |= p->groups & ~s->matched;
	s->t->seen.cnt++;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* The kernel lists /proc by PID, and qsort takes memory. */
static void sort_by_pid(const struct seen_list *l)
{
	size_t i = 1;

	while (i < l->cnt && l->v[i - 1].pid <= l->v[i].pid)
		i++;
	if (i < l->cnt)
		qsort(l->v, l->cnt, sizeof(*l->v), by_pid);
}

/* From parents to children. A child may have a lower PID than its parent: again until nobody new
 * is found. */
static void inherit(const struct seen_list *l, uint64_t trees)
{
	bool changed = true;
	size_t i;

	sort_by_pid(l);
	while (changed) {
		changed = false;
		for (i = 0; i < l->cnt; i++) {
			struct seen *child = &l->v[i], key = { .pid = child->ppid };
			const struct seen *parent =
				bsearch(&key, l->v, l->cnt, sizeof(key), by_pid);
			uint64_t groups = parent ? parent->groups & trees : 0;

			changed |= groups & ~child->groups;
			child->groups |= groups;
		}
	}
}

static int scan_proc(struct scan *s)
{
	struct seen_list *l = &s->t->seen;
	size_t i;
	int err;

	l->cnt = 0;
	err = proc_for_each(s->t->proc_fd, visit, s);
	if (!err && s->trees)
		inherit(l, s->trees);
	for (i = 0; i < l->cnt && !err; i++)
		err = join(s->t, &l->v[i]);
	return err;
}

static int scan_cgroups(struct targets *t)
{
	struct cgroup_walk walk = { .t = t };
	int err = 0;
	size_t i;

	for (i = 0; i < t->cnt && !err; i++) {
		if (t->list[i].kind != TARGET_CGROUP)
			continue;
		walk.group = target_bit(&t->list[i]);
		err = cgroup_for_each_pid(&t->list[i].cgroup, visit_cgroup, &walk);
		/* Removed, or turned into a threaded one, which it can be while it is empty. */
		if (err == -ENOENT || err == -ENODEV || err == -EOPNOTSUPP)
			err = 0;
	}
	return err;
}

/* Does anything ask for a walk over all processes? */
static bool scan_setup(struct scan *s)
{
	bool walk = false;
	size_t i;

	for (i = 0; i < s->t->cnt; i++) {
		const struct target *target = &s->t->list[i];

		if (target->kind == TARGET_ALL)
			s->all |= target_bit(target);
		if (target->kind == TARGET_COMM)
			glob_add(&s->globs, target->glob, target_bit(target));
		if (target->kind == TARGET_COMM || target->kind == TARGET_CGROUP)
			s->matched |= target_bit(target);
		if (target->follow)
			s->trees |= target_bit(target);
		walk |= target->kind == TARGET_ALL || target->kind == TARGET_COMM || target->follow;
	}
	return walk;
}

static int find_all(struct scan *s)
{
	struct targets *t = s->t;
	bool walk = scan_setup(s);
	struct process *p, *next;
	int err;

	HASH_ITER(hh, t->table.by_id, p, next)
		p->groups_found = 0;
	t->looked_before = t->looked;
	t->looked = clock_ns_to_ticks(clock_boottime_ns());
	err = scan_cgroups(t);
	return walk && !err ? scan_proc(s) : err;
}

int targets_scan(struct targets *t)
{
	struct scan s = { .t = t };
	struct process *p, *next;
	int err = find_all(&s);

	HASH_ITER(hh, t->table.by_id, p, next) {
		p->inserted &= !(p->groups_found & ~p->groups);
		p->groups |= p->groups_found;
	}
	return err;
}

static int move(struct process *p, uint64_t groups)
{
	struct raw_move *move = process_add_move(p, groups);

	if (!move)
		return -ENOMEM;
	move->at_read = true;
	p->groups = groups;
	return 0;
}

/* Who has ended is found nowhere, and keeps its groups until its end is told. */
static bool is_alive(struct targets *t, struct process *p)
{
	int dir = process_dir(&t->table, p, t->proc_fd);
	struct proc_stat st;
	bool alive = dir >= 0 && !proc_read_stat(dir, &st) && !proc_stat_has_ended(&st);

	process_dir_done(p, dir);
	return alive;
}

/* A newcomer that is older than the look before did something that is not its targets'. */
static int regroup(struct targets *t, struct process *p, uint64_t groups)
{
	bool comes = p->fresh && !p->groups && !p->plain;

	if (!comes || PROCESS_ID_TICKS(p->id) < t->looked_before)
		return groups == p->groups || !is_alive(t, p) ? 0 : move(p, groups);
	p->born = true;
	p->groups = p->groups_before = groups;
	return 0;
}

int targets_scan_again(struct targets *t)
{
	struct scan s = { .t = t };
	struct process *p, *next;
	int err = find_all(&s);

	HASH_ITER(hh, t->table.by_id, p, next)
		if (!err)
			err = regroup(t, p, (p->groups & ~s.matched) | p->groups_found);
	return err;
}
