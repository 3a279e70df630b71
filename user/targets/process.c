// SPDX-License-Identifier: BSD-2-Clause
/* The process table, over uthash. */
#include "targets/process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/procfs.h"
#include "bpf/targets.h"

/* Half of what this process may open. */
void process_table_init(struct process_table *t)
{
	struct rlimit limit;

	*t = (struct process_table){ 0 };
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		t->dirs_max = limit.rlim_cur / 2;
}

struct process *process_find(const struct process_table *t, uint64_t id)
{
	struct process *p;

	HASH_FIND(hh, t->by_id, &id, sizeof(id), p);
	return p;
}

struct process *process_add(struct process_table *t, uint64_t id)
{
	struct process *p = calloc(1, sizeof(*p));
	int i;

	if (!p)
		return NULL;
	p->id = id;
	p->pid = (int32_t)PROCESS_ID_PID(id);
	p->dir_fd = PROCESS_FD_NONE;
	p->fd_base = RAW_UNKNOWN;
	p->kernel_switches_before = RAW_UNKNOWN;
	raw_row_clear(&p->now);
	raw_row_clear(&p->last);
	for (i = 0; i < RAW_LIFETIMES; i++)
		p->first.v[i] = RAW_UNKNOWN;
	HASH_ADD(hh, t->by_id, id, sizeof(p->id), p);
	t->has_new = true;
	return p;
}

void process_begin_read(struct process *p)
{
	raw_row_clear(&p->now);
	p->grace += p->gone && p->grace < UINT8_MAX;
	p->seen = p->lives = p->may_run = false;
	p->seen_threads = p->live_threads = 0;
	p->kernel_voluntary = p->kernel_involuntary = 0;
	p->counted_switches = 0;
}

void process_remove(struct process_table *t, struct process *p)
{
	HASH_DEL(t->by_id, p);
	if (p->dir_fd >= 0) {
		close(p->dir_fd);
		t->dirs_open--;
	}
	free(p);
}

void process_table_fini(struct process_table *t)
{
	struct process *p, *next;

	HASH_ITER(hh, t->by_id, p, next)
		process_remove(t, p);
}

int process_dir(struct process_table *t, struct process *p, int proc_fd)
{
	struct proc_stat st;
	int err, fd;

	if (p->dir_fd >= 0)
		return p->dir_fd;
	err = proc_open(proc_fd, p->pid, &fd);
	if (err)
		return err;
	err = proc_read_stat(fd, &st);
	if (!err && st.start_ticks != PROCESS_ID_TICKS(p->id))
		err = -ESRCH;
	if (err) {
		close(fd);
		return err;
	}
	if (t->dirs_open < t->dirs_max) {
		p->dir_fd = fd;
		t->dirs_open++;
	}
	return fd;
}

void process_dir_done(const struct process *p, int dir)
{
	if (dir >= 0 && dir != p->dir_fd)
		close(dir);
}

bool process_there(struct process_table *t, struct process *p, int proc_fd)
{
	struct proc_stat st;
	int dir = process_dir(t, p, proc_fd);
	bool there = dir < 0 ? dir != -ESRCH : proc_read_stat(dir, &st) != -ESRCH;

	process_dir_done(p, dir);
	return there;
}

bool process_ended(const struct process *p)
{
	return p->gone || (p->exited && !p->lives);
}

int64_t process_value_before(const struct process *p, enum raw_id id)
{
	return p->last.v[id] == RAW_UNKNOWN ? raw_start_of(&p->first, id) : p->last.v[id];
}

void process_before(const struct process *p, struct raw_row *ret)
{
	int i;

	for (i = 0; i < RAW_COUNT; i++)
		ret->v[i] = process_value_before(p, i);
}
