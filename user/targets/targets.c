// SPDX-License-Identifier: BSD-2-Clause
/* The list of targets, the rungs, and the life of a member. */
#include "targets/targets.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bpfread.h"
#include "base/procfs.h"
#include "bpf/targets.h"
#include "targets/command.h"
#include "targets/kernel.h"
#include "targets/scan.h"

void targets_init(struct targets *t, int proc_fd)
{
	memset(t, 0, sizeof(*t));
	t->proc_fd = proc_fd;
	t->shared.room = &t->room;
}

static void target_fini(struct target *target)
{
	free(target->glob);
	cgroup_close(&target->cgroup);
	command_free(target->command);
}

static void seen_list_free(struct seen_list *l)
{
	free(l->v);
	*l = (struct seen_list){ 0 };
}

void targets_fini(struct targets *t)
{
	size_t i;

	targets_kernel_close(t);
	for (i = 0; i < t->cnt; i++)
		target_fini(&t->list[i]);
	free(t->list);
	seen_list_free(&t->seen);
	bpf_room_fini(&t->room);
	process_table_fini(&t->table);
	targets_init(t, t->proc_fd);
}

uint64_t target_bit(const struct target *target)
{
	return target->group == TARGET_NO_GROUP ? 0 : 1ULL << target->group;
}

bool target_has(const struct target *target, const struct process *p)
{
	if (target->group == TARGET_NO_GROUP)
		return p->id == target->root_id;
	return p->groups & target_bit(target);
}

bool process_left(const struct process *p)
{
	return !p->plain && !p->groups && !process_ended(p);
}

bool targets_leave(struct targets *t, const struct process *p)
{
	return process_left(p) && (!t->kernel || targets_kernel_leave(t, p));
}

const struct bpf_object *targets_object(const struct targets *t)
{
	return t->kernel ? targets_kernel_object(t) : NULL;
}

void targets_want(struct targets *t)
{
	struct bpf_wanted *w = t->shared.wanted;
	struct process *p, *next;

	if (!w)
		return;
	bpf_wanted_begin(w);
	HASH_ITER(hh, t->table.by_id, p, next)
		if (!p->untracked && !bpf_wanted_add(w, p->id))
			break;
	bpf_wanted_end(w);
}

uint64_t targets_lost(const struct targets *t)
{
	return t->kernel ? targets_kernel_lost(t) : 0;
}

uint64_t targets_untracked(const struct targets *t)
{
	return t->kernel ? targets_kernel_untracked(t) : 0;
}

void targets_settle_untracked(struct targets *t)
{
	if (t->kernel)
		targets_kernel_settle_untracked(t);
}

size_t targets_skips(const struct targets *t, struct bpf_skip *list, size_t max)
{
	return t->kernel ? targets_kernel_skips(t, list, max) : 0;
}

/* Each finds those only who were forked during the one before by a process that nobody knew. */
#define LOOKS_MAX 8

/* A command at its gate is not watched yet: it begins at its exec, in the kernel. */
static bool ran_before(const struct targets *t, const struct process *p)
{
	size_t i;

	for (i = 0; i < t->cnt; i++)
		if (t->list[i].kind == TARGET_COMMAND && t->list[i].root_id == p->id)
			return false;
	return true;
}

/* Both looks: what /proc knows goes into the kernel side, what that knows comes back. */
static int look(struct targets *t, size_t *ret_unwatched)
{
	struct process *p, *next;
	int err;

	*ret_unwatched = 0;
	err = targets_scan(t);
	if (err || !t->kernel)
		return err;
	HASH_ITER(hh, t->table.by_id, p, next) {
		if (p->born || p->inserted || !ran_before(t, p))
			continue;
		*ret_unwatched += !targets_kernel_watches(t, p);
		err = targets_kernel_insert(t, p);
		if (err)
			return err;
	}
	return targets_kernel_refresh(t);
}

static int open_kernel(void *self, char *reason)
{
	return targets_kernel_open(self, reason);
}

static int read_proc(void *self)
{
	return targets_scan_again(self);
}

static int read_kernel(void *self)
{
	return targets_kernel_refresh(self);
}

const struct rung targets_rungs[] = {
	{ .name = "tp_btf",
	  .bpf = true,
	  .exact = true,
	  .open = open_kernel,
	  .read = read_kernel,
	  .sees = "Membership is decided in the kernel at fork, exec, rename, cgroup change and "
		  "exit." },
	{ .name = "/proc",
	  .open = rung_open_nothing,
	  .read = read_proc,
	  .sees = "Looks once per tick; processes that live between two ticks are missed." },
};
const size_t targets_rung_cnt = sizeof(targets_rungs) / sizeof(*targets_rungs);

static bool has_trees(const struct targets *t)
{
	size_t i;

	for (i = 0; i < t->cnt; i++)
		if (t->list[i].follow)
			return true;
	return false;
}

/* Again while a member of a tree was found that the kernel side did not watch yet: it may have
 * forked another such. All other newcomers it sees by itself. */
static int look_until_complete(struct targets *t)
{
	size_t unwatched, looks = 0;
	int err;

	do
		err = look(t, &unwatched);
	while (!err && unwatched && has_trees(t) && ++looks < LOOKS_MAX);
	return err;
}

int targets_open(struct targets *t, const struct ladder_wish *wish)
{
	struct process *p, *next;
	int err;

	err = ladder_climb(&t->ladder, targets_rungs, targets_rung_cnt, wish, t);
	if (!err)
		err = look_until_complete(t);
	if (t->kernel)
		seen_list_free(&t->seen); /* nobody scans again */
	HASH_ITER(hh, t->table.by_id, p, next) {
		if (ran_before(t, p) && !p->born)
			process_begin(p);
		p->born |= !ran_before(t, p);
		p->held = !ran_before(t, p);
		p->groups_before = p->groups;
	}
	return err;
}

static bool has_live_member(const struct targets *t, const struct target *target)
{
	struct process *p, *next;

	if (target->group == TARGET_NO_GROUP) {
		p = process_find(&t->table, target->root_id);
		return p && !process_ended(p);
	}
	HASH_ITER(hh, t->table.by_id, p, next)
		if (target_has(target, p) && !process_ended(p))
			return true;
	return false;
}

static void target_check(struct targets *t, struct target *target)
{
	bool alive;

	if (target->kind == TARGET_CGROUP)
		alive = !faccessat(target->cgroup.fd, "cgroup.procs", F_OK, 0);
	else if (target->kind == TARGET_COMM || target->kind == TARGET_ALL)
		alive = true;
	else if (target->command && !command_reap(target->command, &target->exit_status))
		alive = true;
	else
		alive = has_live_member(t, target);
	target->ended = !alive;
	if (target->command)
		target->exit_known = command_reap(target->command, &target->exit_status);
}

/* A reaped command has no /proc entry left that could say more. */
static void adopt_command_exits(struct targets *t)
{
	struct process *p;
	size_t i;
	int status;

	for (i = 0; i < t->cnt; i++) {
		struct target *target = &t->list[i];

		if (!target->command || !command_reap(target->command, &status))
			continue;
		p = process_find(&t->table, target->root_id);
		if (!p)
			continue;
		if (!p->exited) /* the kernel side has not said so yet, nor with how many */
			p->born_threads = BORN_THREADS_UNKNOWN;
		p->exited = true;
		p->exit_known = true;
		p->exit_status = status;
	}
}

int targets_refresh(struct targets *t)
{
	int err = t->ladder.active->read(t);

	adopt_command_exits(t);
	return err;
}

int targets_follow(struct targets *t)
{
	return t->kernel ? targets_kernel_follow(t) : 0;
}

void targets_check(struct targets *t)
{
	size_t i;

	for (i = 0; i < t->cnt; i++)
		target_check(t, &t->list[i]);
}

void targets_forget(struct targets *t, const struct forgotten *f)
{
	size_t i;

	if (t->kernel)
		targets_kernel_remove(t, f);
	for (i = 0; i < f->cnt; i++)
		process_remove(&t->table, f->list[i]);
}

int targets_release(struct targets *t, char *error)
{
	struct process *p;
	size_t i;
	int err;

	for (i = 0; i < t->cnt; i++) {
		if (!t->list[i].command)
			continue;
		p = process_find(&t->table, t->list[i].root_id);
		if (p)
			p->held = false;
		err = command_release(t->list[i].command);
		if (!err)
			continue;
		snprintf(error, 256, "cannot run the command: %s", strerror(-err));
		return err;
	}
	return 0;
}
