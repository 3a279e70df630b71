/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder that looks like /proc to those who read it through a directory fd. */
#ifndef KTALLY_TESTS_FIXTURE_PROC_H
#define KTALLY_TESTS_FIXTURE_PROC_H

#include "folder.h"

#define FIXTURE_PF_KTHREAD 0x00200000

struct fixture_process {
	int pid;
	int ppid;
	const char *comm;
	unsigned int flags;
	unsigned long long start; /* ticks */
};

/* Writes or replaces PID/stat and PID/status. state: of its first thread. */
static inline void fixture_put_in_state(const struct folder *proc, const struct fixture_process *p,
					char state, int threads)
{
	char name[32], text[256];

	snprintf(name, sizeof(name), "%d", p->pid);
	mkdirat(proc->fd, name, 0755);
	snprintf(name, sizeof(name), "%d/stat", p->pid);
	snprintf(text, sizeof(text),
		 "%d (%s) %c %d 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 %d 0 %llu 0 0 0 0\n",
		 p->pid, p->comm, state, p->ppid, p->flags, threads, p->start);
	folder_puts(proc, name, text);
	snprintf(name, sizeof(name), "%d/status", p->pid);
	snprintf(text, sizeof(text), "Name:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\n", p->comm,
		 p->pid, p->pid);
	folder_puts(proc, name, text);
}

static inline void fixture_put(const struct folder *proc, const struct fixture_process *p)
{
	fixture_put_in_state(proc, p, 'S', 1);
}

static inline void fixture_remove(const struct folder *proc, int pid)
{
	char name[32];

	snprintf(name, sizeof(name), "%d/stat", pid);
	unlinkat(proc->fd, name, 0);
	snprintf(name, sizeof(name), "%d/status", pid);
	unlinkat(proc->fd, name, 0);
	snprintf(name, sizeof(name), "%d", pid);
	unlinkat(proc->fd, name, AT_REMOVEDIR);
}

#endif
