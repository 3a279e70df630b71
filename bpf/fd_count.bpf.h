/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What was opened, closed and refused, per process: the one place that counts, whichever rung saw
 * it. */
#ifndef KTALLY_FD_COUNT_BPF_H
#define KTALLY_FD_COUNT_BPF_H

#include "fd_calls.bpf.h"
#include "fd_map.bpf.h"
#include "tables.bpf.h"
#include "targets.h"

#define ENOENT 2
#define EBADF  9
#define EAGAIN 11
#define EACCES 13
#define ENFILE 23
#define EMFILE 24
#define MAX_USER_ERRNO 511 /* above: restart codes that never reach the program */

struct fd_untracked fd_untracked[UNTRACKED_MAX] = {};

__u64 fd_came = 0; /* processes that came into the map */
__u64 fd_lost = 0; /* events that found a map full, or a table too large to look at */

/* Of a process with its first event. Not on a stack, where it would be made for each event. */
static const struct fd_process fd_process_fresh = { .level_first = FD_LEVEL_UNKNOWN,
						    .level_exit = FD_LEVEL_UNKNOWN,
						    .start_high = FD_LEVEL_UNKNOWN,
						    .left_open = FD_LEVEL_UNKNOWN };

/* False: it is there already, or the map is full. */
static __always_inline bool fd_process_insert(u64 id, const struct fd_process *fresh)
{
	if (bpf_map_update_elem(&fd_processes, &id, fresh, BPF_NOEXIST))
		return false;
	__sync_fetch_and_add(&fd_came, 1);
	return true;
}

static __always_inline struct fd_process *fd_process_get(u64 id)
{
	struct fd_process *p;

	if (IS_UNTRACKED(id))
		return &fd_untracked[UNTRACKED_SLOT(id)].counts;
	p = bpf_map_lookup_elem(&fd_processes, &id);
	if (p)
		return p;
	fd_process_insert(id, &fd_process_fresh);
	p = bpf_map_lookup_elem(&fd_processes, &id);
	if (!p)
		__sync_fetch_and_add(&fd_lost, 1);
	return p;
}

static __always_inline void fd_opened(u64 id, struct task_struct *task, u64 count)
{
	struct fd_process *p = fd_process_get(id);

	if (!p || lose_this_one(&fd_lost))
		return;
	__sync_fetch_and_add(own_table(task) ? &p->opens : &p->other_table, count);
}

static __always_inline void fd_closed(u64 id, struct task_struct *task, u64 count)
{
	struct fd_process *p = fd_process_get(id);

	if (!p || lose_this_one(&fd_lost))
		return;
	__sync_fetch_and_add(own_table(task) ? &p->closes : &p->other_table, count);
}

static __always_inline enum fd_error fd_error_class(long error)
{
	switch (error) {
	case EAGAIN:
		return FD_EAGAIN;
	case ENOENT:
		return FD_ENOENT;
	case EACCES:
		return FD_EACCES;
	case EMFILE:
		return FD_EMFILE;
	case ENFILE:
		return FD_ENFILE;
	}
	return FD_EOTHER;
}

static __always_inline void fd_open_failed(u64 id, long error)
{
	struct fd_process *p = fd_process_get(id);

	if (p)
		__sync_fetch_and_add(&p->errors[fd_error_class(error)], 1);
}

#endif
