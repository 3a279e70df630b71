/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets: what was asked for, turned into the set of processes that are watched now. Rungs:
 * `tp_btf` decides membership in the kernel when a process is born, executes, is renamed or changes
 * its cgroup; `/proc` looks at every tick and misses what lived between two.
 */
#ifndef KTALLY_TARGETS_TARGETS_H
#define KTALLY_TARGETS_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bpfload.h"
#include "base/bpfread.h"
#include "base/cgroupfs.h"
#include "base/ladder.h"
#include "targets/process.h"

enum target_kind { TARGET_PID, TARGET_COMMAND, TARGET_CGROUP, TARGET_COMM, TARGET_ALL };

#define TARGET_NO_GROUP (-1)

struct target {
	enum target_kind kind;
	bool follow;
	int group;	  /* bit number, or TARGET_NO_GROUP for one process */
	uint64_t root_id; /* PID, COMMAND: PROCESS_ID of the process */
	int32_t pid;
	char root_comm[16];
	char *glob;	  /* COMM */
	struct cgroup cgroup; /* CGROUP; fd -1 otherwise */
	struct command *command; /* COMMAND */
	bool ended;
	bool exit_known;  /* of the root process */
	int exit_status;
};

struct seen_list {
	struct seen *v; /* scan.c's */
	size_t cnt, cap;
};

struct targets {
	struct target *list;
	size_t cnt;
	int group_cnt;
	struct process_table table;
	uint64_t looked;	/* when the last scan began, in ticks of /proc/PID/stat; */
	uint64_t looked_before; /* and the one before */
	struct seen_list seen; /* by the scan under way; kept, for there is one at each tick */
	struct ladder ladder;
	struct bpf_shared shared; /* for instruments, once open */
	struct bpf_room room;	  /* theirs, too */
	uint32_t max_processes;	  /* 0: sized from the request */
	uint64_t nofile;	  /* of commands, see child.h */
	int proc_fd;		  /* borrowed */
	struct targets_kernel *kernel; /* rung tp_btf */
};

void targets_init(struct targets *t, int proc_fd);
void targets_fini(struct targets *t);

/* Each adds one target; error (of 256 bytes) gets one sentence on failure. Strings are copied. */
int targets_add_pid(struct targets *t, int pid, bool follow, char *error);
int targets_add_command(struct targets *t, char *const *argv, bool follow, char *error);
int targets_add_cgroup(struct targets *t, const char *path, char *error);
int targets_add_comm(struct targets *t, const char *glob, char *error);
int targets_add_all(struct targets *t, char *error);

/* Climbs the ladder and takes the first look: every process there now is `initial`. */
int targets_open(struct targets *t, const struct ladder_wish *wish);
/* Brings the table up to date: new members, names, groups, exits. */
int targets_refresh(struct targets *t);
/* After everybody has read: who has moved meanwhile, */
int targets_follow(struct targets *t);
/* and which targets have ended. */
void targets_check(struct targets *t);
/* Before anybody reads: of whom. */
void targets_want(struct targets *t);
/* After everybody has read these, which ended or left; they are gone from the table. */
void targets_forget(struct targets *t, const struct forgotten *f);
/* Lets the commands go, after everything is attached. -errno of an execve that failed, with a
 * sentence. */
int targets_release(struct targets *t, char *error);
/* The bit of a target that can grow in process->groups; 0 for one process. */
uint64_t target_bit(const struct target *target);
/* Is this process a member of this target now? */
bool target_has(const struct target *target, const struct process *p);
/* Has it left every target, alive? */
bool process_left(const struct process *p);
/* And not come back since the last look? Then it is watched no more, and to be forgotten. */
bool targets_leave(struct targets *t, const struct process *p);
/* NULL: it is not followed in the kernel. */
const struct bpf_object *targets_object(const struct targets *t);
uint64_t targets_lost(const struct targets *t);
/* Processes so far that are counted together, for want of room; 0 also where nobody could tell. */
uint64_t targets_untracked(const struct targets *t);
/* After a read: takes off what they had used before they came under watch. */
void targets_settle_untracked(struct targets *t);
size_t targets_skips(const struct targets *t, struct bpf_skip *list, size_t max);
extern const struct rung targets_rungs[];
extern const size_t targets_rung_cnt;

#endif
