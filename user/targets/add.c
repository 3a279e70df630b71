// SPDX-License-Identifier: BSD-2-Clause
/* What a person names, checked at once and turned into a target; every refusal is one sentence. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/procfs.h"
#include "bpf/targets.h"
#include "targets/command.h"
#include "targets/glob.h"
#include "targets/targets.h"

#define ERROR_LEN  256

static int fail(char *error, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(char *error, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, ERROR_LEN, fmt, args);
	va_end(args);
	return err;
}

/* Room for one more; with a group when it can grow. */
static int target_new(struct targets *t, bool grows, struct target **ret, char *error)
{
	struct target *list;

	if (grows && t->group_cnt == GROUPS_MAX)
		return fail(error, -ENOSPC,
			    "more than %d targets that can grow (trees, cgroups, names); "
			    "start a second ktally for the rest", GROUPS_MAX);
	list = realloc(t->list, (t->cnt + 1) * sizeof(*list));
	if (!list)
		return fail(error, -ENOMEM, "out of memory");
	t->list = list;
	*ret = &list[t->cnt];
	memset(*ret, 0, sizeof(**ret));
	(*ret)->cgroup.fd = -1;
	(*ret)->group = grows ? t->group_cnt : TARGET_NO_GROUP;
	return 0;
}

static void target_keep(struct targets *t, const struct target *target)
{
	t->cnt++;
	if (target->group != TARGET_NO_GROUP)
		t->group_cnt++;
}

static int add_root(struct targets *t, struct target *target, const struct proc_stat *st)
{
	uint64_t id = PROCESS_ID(st->pid, st->start_ticks);
	struct process *p = process_find(&t->table, id);

	if (!p)
		p = process_add(&t->table, id);
	if (!p)
		return -ENOMEM;
	if (target->group == TARGET_NO_GROUP)
		p->plain = true;
	else
		p->groups |= 1ULL << target->group;
	p->ppid = st->ppid;
	memcpy(p->comm, st->comm, sizeof(p->comm));
	memcpy(target->root_comm, st->comm, sizeof(target->root_comm));
	target->root_id = id;
	target->pid = st->pid;
	return 0;
}

/* /proc answers for a thread as well; ret_tgid tells. */
static int stat_of_task(const struct targets *t, int pid, struct proc_stat *ret, pid_t *ret_tgid)
{
	int err, fd;

	err = proc_open(t->proc_fd, pid, &fd);
	if (err)
		return err;
	err = proc_read_stat(fd, ret);
	if (!err)
		err = proc_read_tgid(fd, ret_tgid);
	close(fd);
	return err;
}

int targets_add_pid(struct targets *t, int pid, bool follow, char *error)
{
	struct target *target = NULL;
	struct proc_stat st;
	pid_t tgid = 0;
	int err;

	err = pid > 0 ? stat_of_task(t, pid, &st, &tgid) : -ESRCH;
	if (err == -ESRCH)
		return fail(error, err, "no process has PID %d; see `ps -e`", pid);
	if (err)
		return fail(error, err, "cannot read process %d: %s", pid, strerror(-err));
	if (tgid != pid)
		return fail(error, -ESRCH, "%d is a thread of process %d; watch that with -p %d",
			    pid, tgid, tgid);
	if (st.flags & PROC_FLAG_KTHREAD)
		return fail(error, -EPERM,
			    "%d (%s) is a kernel thread, which has no descriptors and no memory; "
			    "choose a process",
			    pid, st.comm);
	if (proc_stat_has_ended(&st))
		return fail(error, -ESRCH,
			    "process %d (%s) has ended and waits for its parent, process %d, to "
			    "reap it", pid, st.comm, st.ppid);
	err = target_new(t, follow, &target, error);
	if (err)
		return err;
	target->kind = TARGET_PID;
	target->follow = follow;
	err = add_root(t, target, &st);
	if (err)
		return fail(error, err, "out of memory");
	target_keep(t, target);
	return 0;
}

int targets_add_command(struct targets *t, char *const *argv, bool follow, char *error)
{
	struct target *target = NULL;
	struct proc_stat st;
	size_t i;
	int err;

	for (i = 0; i < t->cnt; i++)
		if (t->list[i].kind == TARGET_COMMAND)
			return fail(error, -EEXIST, "one command at a time; start a second ktally");
	err = target_new(t, true, &target, error);
	if (err)
		return err;
	err = command_new(argv, t->nofile, &target->command);
	if (err == -ENOENT)
		return fail(error, err, "command '%s' was not found; give its path or check PATH",
			    argv[0]);
	if (err == -EACCES)
		return fail(error, err, "command '%s' is not executable; see its mode with `ls -l`",
			    argv[0]);
	if (err)
		return fail(error, err, "cannot start the command: %s", strerror(-err));
	target->kind = TARGET_COMMAND;
	target->follow = follow;
	err = proc_stat_of(t->proc_fd, command_pid(target->command), &st);
	if (!err)
		err = add_root(t, target, &st);
	if (err) {
		command_free(target->command);
		return fail(error, err, "the command ended before it began: %s", strerror(-err));
	}
	target_keep(t, target);
	return 0;
}

/* The threads of its processes may be anywhere below the domain, and cgroup.procs is not to be read
 * (cgroup_procs_start, kernel/cgroup/cgroup.c). */
static int refuse_threaded(struct cgroup *cg, const char *path, char *error)
{
	char domain[sizeof(cg->path)];

	if (!cgroup_is_threaded(cg, domain))
		return 0;
	cgroup_close(cg);
	return fail(error, -EINVAL,
		    "'%.50s' is a threaded cgroup, whose processes are listed in its domain: "
		    "watch %.120s",
		    path, domain[0] ? domain : "that, from outside this cgroup namespace");
}

int targets_add_cgroup(struct targets *t, const char *path, char *error)
{
	struct cgroup_mounts mounts;
	struct target *target = NULL;
	const char *v2;
	int err;

	err = cgroup_mounts_read(t->proc_fd, &mounts);
	if (err)
		return fail(error, err, "cannot read /proc/self/mountinfo: %s", strerror(-err));
	err = target_new(t, true, &target, error);
	if (err)
		return err;
	v2 = mounts.v2_path;
	if (v2[0] && !path[0]) /* to the kernel it would be the mount itself */
		return fail(error, -EINVAL, "an empty path names no cgroup; name a directory below "
			    "%.80s, or that itself for all", v2);
	err = cgroup_open(&mounts, path, &target->cgroup);
	target->cgroup.fd = err ? -1 : target->cgroup.fd;
	if (err == -ENODEV)
		return fail(error, err, "cgroup v2 is not mounted; mount it with "
			    "`mount -t cgroup2 none /sys/fs/cgroup/unified`");
	if (err == -EINVAL)
		return fail(error, err,
			    "'%.100s' is not in cgroup v2; name a directory below %.80s", path, v2);
	if (err)
		return fail(error, err, "cannot open cgroup '%.100s': %s; cgroup v2 is at %.60s",
			    path, strerror(-err), v2);
	err = refuse_threaded(&target->cgroup, path, error);
	if (err)
		return err;
	target->kind = TARGET_CGROUP;
	target_keep(t, target);
	return 0;
}

int targets_add_comm(struct targets *t, const char *glob, char *error)
{
	struct comm_globs all = {};
	struct target *target = NULL;
	size_t i;
	int err = 0;

	for (i = 0; i < t->cnt && !err; i++)
		if (t->list[i].kind == TARGET_COMM)
			err = glob_add(&all, t->list[i].glob, 1);
	if (!err)
		err = glob_add(&all, glob, 1);
	if (err == -ENOSPC)
		return fail(error, err, "the name patterns together are longer than 63 characters; "
			    "start a second ktally for the rest");
	if (err)
		return fail(error, err, "'%.100s' is not a pattern of names; use * ? [set]", glob);
	err = target_new(t, true, &target, error);
	if (err)
		return err;
	target->glob = strdup(glob);
	if (!target->glob)
		return fail(error, -ENOMEM, "out of memory");
	target->kind = TARGET_COMM;
	target_keep(t, target);
	return 0;
}

int targets_add_all(struct targets *t, char *error)
{
	struct target *target = NULL;
	int err;

	err = target_new(t, true, &target, error);
	if (err)
		return err;
	target->kind = TARGET_ALL;
	target_keep(t, target);
	return 0;
}
