/* SPDX-License-Identifier: BSD-2-Clause */
/* One watched process, and the table of all: what targets/ finds, what instruments fill in. An
 * entry may also stand for all that are counted together, see bpf/targets.h. */
#ifndef KTALLY_TARGETS_PROCESS_H
#define KTALLY_TARGETS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/metrics.h"
#include "bpf/read.h"

#define PROCESS_FD_NONE (-1)
#define BORN_THREADS_UNKNOWN UINT32_MAX

/* A change of groups, and what the process had counted by then. */
struct raw_move {
	uint64_t groups;   /* after it */
	uint64_t doubt;	   /* others were lost here: it may have been in and out of any of these */
	bool at_read;	   /* noticed at this read, whose values it gets: its moment is not known */
	struct raw_row at; /* levels are unknown */
};

struct process {
	UT_hash_handle hh; /* beside the key: a search touches one line of memory */
	uint64_t id;	   /* PROCESS_ID: PID and start time */
	int32_t pid;
	int32_t ppid;	   /* when it was first seen */
	uint64_t groups; /* bit per growing target it is in now; 0: left them all, or a plain PID */
	uint64_t groups_before; /* at the tick before, or when it came in */
	uint64_t groups_found;	/* rung `/proc`: by the scan under way */
	struct raw_move *moves; /* from those to these, since the tick before; owned */
	uint32_t move_cnt;
	uint32_t moves_past; /* until then */
	char comm[16];
	uint32_t execs;
	bool plain : 1;	   /* target of its own, by PID */
	bool born : 1;	   /* under watch: its counts started at 0, or are all its targets' */
	bool had_past : 1; /* when it came in: its first move says which */
	bool fresh : 1;	   /* there has been no read of it */
	bool inserted : 1; /* with its groups, by user space, into the kernel side */
	bool initial : 1;  /* was there when ktally attached */
	bool held : 1;	   /* a command at its gate */
	bool untracked : 1; /* no process, but those that are counted together; pid 0, born, told */
	bool told : 1;	   /* its start is in the stream, or it was there before */
	bool exited : 1;   /* the kernel said that its last thread begins to end */
	bool gone : 1;	   /* a reader found it missing */
	bool exit_known : 1;
	bool seen : 1;	   /* by the task instrument, at this read */
	bool lives : 1;	   /* it had a thread that was not dead, */
	bool may_run : 1;  /* one that was on a CPU */
	bool unknown_fds : 1; /* of an untracked entry: one has a table too large to be read */
	bool unknown_files : 1;
	bool executed : 1; /* since the last event that said so */
	uint8_t grace;	   /* reads since exited in which threads of it were still switching */
	int exit_status;   /* as from waitpid(2) */
	int dir_fd;	   /* /proc/PID, or PROCESS_FD_NONE */
	uint32_t live_threads; /* that the sched instrument still has an entry for */
	uint32_t seen_threads;
	union {
		uint32_t alive;	       /* of an untracked entry: processes */
		uint32_t born_threads; /* of one that has ended: so many in all */
	};
	uint64_t born_cnt; /* of an untracked entry: processes that came so far */
	int64_t kernel_voluntary;   /* the kernel's own switch counts, at this read */
	int64_t kernel_involuntary;
	int64_t kernel_switches_before; /* both, at the read before; RAW_UNKNOWN: none */
	int64_t counted_switches;	/* by the sched instrument, at this read */
	int64_t fd_base; /* open descriptors when its counting began; RAW_UNKNOWN: not yet known */
	struct raw_row now;
	struct raw_row last; /* what was known at the tick before */
	uint64_t untold; /* bits of counters of which nobody told how they stood at its end */
};

/* fds_max: so many descriptors that belong to processes are kept open, and no more: this process
 * has other uses for them. The directories below /proc of the rest are opened for each read. */
struct process_table {
	struct process *by_id;
	bool has_new; /* of which there is no read yet */
	size_t fds_kept;
	size_t fds_max; /* 0: none */
};

/* To be called when all is open that is needed for sure: half of what is left may be kept. */
void process_table_set_room(struct process_table *t, int proc_fd);
/* May one more be kept? Then it is counted. */
bool process_table_keep(struct process_table *t);

struct process *process_find(const struct process_table *t, uint64_t id);
/* A new entry, everything unknown. NULL: out of memory. */
struct process *process_add(struct process_table *t, uint64_t id);
void process_remove(struct process_table *t, struct process *p);
/* One move more, everything unknown. NULL: out of memory. */
struct raw_move *process_add_move(struct process *p, uint64_t groups);
/* All that it ever made. */
uint32_t process_moves(const struct process *p);
/* After a read: no count that a move has is out of step with its neighbours' and with the read. */
void process_settle_moves(struct process *p);
/* The tick was used: this read is the last one. */
void process_end_tick(struct process *p);
/* It was there when ktally attached: whatever it did before is its history. */
void process_begin(struct process *p);
/* Before a read: nothing of it is known. */
void process_begin_read(struct process *p);

/* Processes that are forgotten together. */
struct forgotten {
	struct process *list[FORGET_MAX];
	size_t cnt;
	uint64_t ended[FORGET_MAX]; /* of them; maps have nothing any more of those that left */
	size_t ended_cnt;
};
void process_table_fini(struct process_table *t);
/* Its directory below proc_fd, to be given back by process_dir_done. A PID that is another process
 * by now is -ESRCH. */
int process_dir(struct process_table *t, struct process *p, int proc_fd);
/* dir: what process_dir returned; an error is let pass. */
void process_dir_done(const struct process *p, int dir);
/* Is it still in /proc, as itself? */
bool process_there(struct process_table *t, struct process *p, int proc_fd);
/* By the last read. One that takes long to give back its memory lives, and uses CPU time, after the
 * kernel said that it exits. */
bool process_ended(const struct process *p);
/* Has it begun to? Then its table may be gone. */
bool process_is_ending(const struct process *p);
/* With what it came in, if that was in this interval and there was something; else NULL. */
const struct raw_row *process_first(const struct process *p);
/* As it stood when this interval began: at the last tick, or when it came under watch. */
void process_before(const struct process *p, struct raw_row *ret);
/* The same of one value; RAW_UNKNOWN is below every known one. */
int64_t process_value_before(const struct process *p, enum raw_id id);

#endif
