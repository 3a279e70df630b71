// SPDX-License-Identifier: BSD-2-Clause
/* The process table, over uthash. */
#include "targets/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/procfs.h"
#include "bpf/targets.h"

void process_table_set_room(struct process_table *t, int proc_fd)
{
	int self = openat(proc_fd, "self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rlimit limit;
	struct proc_fds fds;

	t->fds_max = 0;
	if (self < 0)
		return;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && !proc_count_fds(self, &fds) &&
	    limit.rlim_cur > fds.open)
		t->fds_max = (limit.rlim_cur - fds.open) / 2;
	close(self);
}

bool process_table_keep(struct process_table *t)
{
	bool keep = t->fds_kept < t->fds_max;

	t->fds_kept += keep;
	return keep;
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

	if (!p)
		return NULL;
	p->id = id;
	p->pid = (int32_t)PROCESS_ID_PID(id);
	p->dir_fd = PROCESS_FD_NONE;
	p->fd_base = RAW_UNKNOWN;
	p->kernel_switches_before = RAW_UNKNOWN;
	raw_row_clear(&p->now);
	raw_row_clear(&p->last);
	p->fresh = true;
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

uint32_t process_moves(const struct process *p)
{
	return p->moves_past + p->move_cnt;
}

struct raw_move *process_add_move(struct process *p, uint64_t groups)
{
	struct raw_move *moves, *move;

	moves = reallocarray(p->moves, p->move_cnt + 1, sizeof(*moves));
	if (!moves)
		return NULL;
	p->moves = moves;
	move = &moves[p->move_cnt++];
	move->groups = groups;
	move->doubt = 0;
	move->at_read = false;
	raw_row_clear(&move->at);
	return move;
}

/* A counter of one CPU may be read by a program of another while it is behind by a tick. */
static void settle_counter(struct process *p, enum raw_id id)
{
	int64_t least = p->last.v[id], most = p->now.v[id];
	uint32_t i;

	for (i = 0; i < p->move_cnt; i++) {
		int64_t *at = &p->moves[i].at.v[id];

		if (*at == RAW_UNKNOWN)
			continue;
		if (most != RAW_UNKNOWN && *at > most)
			*at = most;
		if (*at < least)
			*at = least;
		least = *at;
	}
}

static int64_t least_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Neither user nor system time may fall, nor their sum be another than the CPU time. */
static void settle_cpu(struct raw_row *at, const struct raw_row *before, const struct raw_row *now)
{
	int64_t cpu = at->v[RAW_CPU_NS], system = at->v[RAW_CPU_SYSTEM_NS];

	if (cpu == RAW_UNKNOWN)
		return;
	if (now->v[RAW_CPU_NS] != RAW_UNKNOWN)
		system = most_of(least_of(system, now->v[RAW_CPU_SYSTEM_NS]),
				 cpu - now->v[RAW_CPU_USER_NS]);
	if (before->v[RAW_CPU_NS] != RAW_UNKNOWN)
		system = most_of(least_of(system, cpu - before->v[RAW_CPU_USER_NS]),
				 before->v[RAW_CPU_SYSTEM_NS]);
	at->v[RAW_CPU_SYSTEM_NS] = system;
	at->v[RAW_CPU_USER_NS] = cpu - system;
}

/* Blocked time is what no clock has, and too much where one of them is behind. */
static bool is_of_clocks(int id)
{
	return id == RAW_CPU_USER_NS || id == RAW_CPU_SYSTEM_NS || id == RAW_BLOCKED_NS;
}

/* The counts are read one after the other, and it may have moved meanwhile: what it had counted by
 * then this read has, too. So what comes after its last move is no other target's. */
static void catch_up(struct raw_row *now, const struct raw_row *at)
{
	struct raw_row before = *now;
	int id;

	for (id = 0; id < RAW_COUNT; id++)
		if (raw_is_told_at_moves(id) && !is_of_clocks(id) &&
		    now->v[id] != RAW_UNKNOWN && at->v[id] != RAW_UNKNOWN)
			now->v[id] = most_of(now->v[id], at->v[id]);
	if (now->v[RAW_CPU_NS] == before.v[RAW_CPU_NS])
		return;
	now->v[RAW_CPU_SYSTEM_NS] = at->v[RAW_CPU_SYSTEM_NS];
	settle_cpu(now, &before, at);
}

void process_settle_moves(struct process *p)
{
	uint32_t i;
	int id;

	for (i = 0; i < p->move_cnt; i++)
		if (p->moves[i].at_read)
			p->moves[i].at = p->now;
		else
			catch_up(&p->now, &p->moves[i].at);
	for (id = 0; id < RAW_COUNT && p->move_cnt; id++)
		if (raw_is_told_at_moves(id) && id != RAW_CPU_USER_NS && id != RAW_CPU_SYSTEM_NS)
			settle_counter(p, id);
	for (i = 0; i < p->move_cnt; i++)
		settle_cpu(&p->moves[i].at, i ? &p->moves[i - 1].at : &p->last, &p->now);
}

static void forget_moves(struct process *p)
{
	p->groups_before = p->groups;
	p->moves_past += p->move_cnt;
	p->move_cnt = 0;
	free(p->moves);
	p->moves = NULL;
}

void process_end_tick(struct process *p)
{
	p->last = p->now;
	p->fresh &= p->now.v[RAW_CPU_NS] == RAW_UNKNOWN;
	forget_moves(p);
}

void process_begin(struct process *p)
{
	raw_row_clear(&p->last);
	forget_moves(p);
	p->initial = p->told = true;
	p->had_past = false;
}

void process_remove(struct process_table *t, struct process *p)
{
	HASH_DEL(t->by_id, p);
	free(p->moves);
	if (p->dir_fd >= 0) {
		close(p->dir_fd);
		t->fds_kept--;
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
	if (process_table_keep(t))
		p->dir_fd = fd;
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

bool process_is_ending(const struct process *p)
{
	return p->exited || p->gone;
}

const struct raw_row *process_first(const struct process *p)
{
	return p->had_past && p->move_cnt && !p->moves_past ? &p->moves[0].at : NULL;
}

int64_t process_value_before(const struct process *p, enum raw_id id)
{
	const struct raw_row *first = process_first(p);

	return p->last.v[id] == RAW_UNKNOWN && first ? first->v[id] : p->last.v[id];
}

void process_before(const struct process *p, struct raw_row *ret)
{
	int i;

	for (i = 0; i < RAW_COUNT; i++)
		ret->v[i] = process_value_before(p, i);
}
