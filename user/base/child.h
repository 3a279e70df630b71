/* SPDX-License-Identifier: BSD-2-Clause */
/* A helper command with pipes: started without a shell, in a process group of its own, its end told
 * by a pidfd that can be polled. */
#ifndef KTALLY_BASE_CHILD_H
#define KTALLY_BASE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;  /* 0: none */
	int pid_fd; /* readable once it has ended */
	int in_fd;  /* its standard input, or -1; does not block */
	int out_fd; /* its standard output, or -1; does not block */
};

#define CHILD_INIT                                      \
	{                                               \
		.pid_fd = -1, .in_fd = -1, .out_fd = -1 \
	}

/* CHILD_FEED: in_fd; else it reads the end of file. CHILD_READ: out_fd; else what it prints goes to
 * our standard error, as its errors do. */
enum child_pipes { CHILD_FEED = 1, CHILD_READ = 2 };

/* argv[0] is looked for in PATH; env NULL: ours. nofile: as below. */
int child_start(char *const *argv, char *const *env, unsigned int pipes, uint64_t nofile,
		struct child *ret);
/* In a child, before its execve: signals are as a new process expects them, and so is the soft
 * limit of descriptors, nofile; 0: ours. */
void child_begin(uint64_t nofile);
void child_close_in(struct child *c);
/* The whole group: it may have started others. */
void child_kill(const struct child *c);
/* Has it ended? Then reaps it; *ret_status as from waitpid(2). */
bool child_reap(struct child *c, int *ret_status);
/* Kills one that still runs, waits for it, closes everything. */
void child_fini(struct child *c);

#endif
