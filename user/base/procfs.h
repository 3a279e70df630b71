/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of /proc, each relative to a directory fd: that of one process (/proc/PID, kept open, so
 * that a reused PID answers ESRCH and is never mistaken) or that of /proc itself; a fixture folder
 * works too. All return 0 or -errno; a process that has gone is -ESRCH, whichever way the kernel
 * says it. Parsers (..._parse) are pure and take bytes that need not be NUL-terminated.
 */
#ifndef KTALLY_BASE_PROCFS_H
#define KTALLY_BASE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_FLAG_EXITING 0x00000004 /* PF_EXITING, include/linux/sched.h */
#define PROC_FLAG_KTHREAD 0x00200000 /* PF_KTHREAD, include/linux/sched.h */

struct proc_stat {
	int32_t pid;
	char comm[16]; /* bytes as they are, NUL-terminated */
	char state;
	int32_t ppid;
	uint32_t flags; /* PF_* of the kernel */
	uint64_t utime_ticks;
	uint64_t stime_ticks;
	uint32_t threads;
	uint64_t start_ticks; /* identity, with pid */
	uint64_t rss_pages;
	uint64_t pending; /* signals that the first thread has yet to take: bit number - 1 */
};

struct proc_switches {
	uint64_t voluntary;
	uint64_t involuntary;
};

struct proc_fds {
	uint64_t open;    /* descriptors of every kind */
	uint64_t regular; /* of them, regular files */
};

/* The directory of a process below proc_fd (that of "/proc"). */
int proc_open(int proc_fd, pid_t pid, int *ret_fd);
int proc_stat_parse(const char *text, size_t len, struct proc_stat *ret);
int proc_read_stat(int pid_fd, struct proc_stat *ret);
/* Has it begun to end, or gone? From then on it has neither a table nor memory, which in /proc
 * looks like none in use. */
bool proc_is_exiting(int pid_fd);
/* Has it ended to the last thread, and waits for its parent to reap it? Of a first thread that has
 * ended before the others the state is the same. */
bool proc_stat_has_ended(const struct proc_stat *st);
bool proc_has_ended(int pid_fd);
/* The stat of one that is not kept open. */
int proc_stat_of(int proc_fd, pid_t pid, struct proc_stat *ret);
/* The process that a task belongs to, from status: /proc/TID opens for threads as well, though it
 * is not listed. */
int proc_status_tgid_parse(const char *text, size_t len, pid_t *ret);
int proc_read_tgid(int pid_fd, pid_t *ret);
/* The directory of one of its threads that has not begun to end, for a process whose first thread
 * has: of that one is what /proc shows of a process. -ESRCH: there is none. */
int proc_open_live_thread(int pid_fd, int *ret_fd);
/* Resident bytes from statm. */
int proc_statm_parse(const char *text, size_t len, uint64_t *ret_rss_pages);
int proc_read_rss_bytes(int pid_fd, uint64_t *ret);
/* One task's switches, from .../status. */
int proc_status_switches_parse(const char *text, size_t len, struct proc_switches *ret);
/* Summed over task/TID/status: live threads only, which is all that /proc knows. -ENODATA: the
 * process lives, but no thread answered. */
int proc_read_switches(int pid_fd, struct proc_switches *ret);
/* Soft RLIMIT_NOFILE from limits; UINT64_MAX when unlimited. */
int proc_limits_nofile_parse(const char *text, size_t len, uint64_t *ret);
int proc_read_nofile(int pid_fd, uint64_t *ret);
/* st_size of the fd directory where the kernel counts it there (since 6.2, commit f1f1f2569901),
 * else -EOPNOTSUPP. 0 is ambiguous on older kernels and therefore counted by proc_count_fds. */
int proc_fd_level(int pid_fd, uint64_t *ret);
/* Lists the fd directory and looks at each descriptor. -EACCES without CAP_SYS_PTRACE. */
int proc_count_fds(int pid_fd, struct proc_fds *ret);
/* On-CPU and run-queue time of one task, from schedstat. */
int proc_schedstat_parse(const char *text, size_t len, uint64_t *ret_oncpu_ns,
			 uint64_t *ret_runqueue_ns);
/* Summed over task/TID/schedstat. -ENODATA on a kernel that does not keep these times. */
int proc_read_schedstat(int pid_fd, uint64_t *ret_oncpu_ns, uint64_t *ret_runqueue_ns);
/* CPU time of the whole process, exited threads included, in ns: its CPU clock
 * (clock_getcpuclockid). */
int proc_cpu_ns(pid_t pid, uint64_t *ret);
/* Calls fn for every process below proc_fd until it returns non-zero, and returns that. */
int proc_for_each(int proc_fd, int (*fn)(void *ctx, pid_t pid), void *ctx);
int proc_memory_bytes(int proc_fd, uint64_t *ret); /* MemTotal */
int proc_pid_max(int proc_fd, uint32_t *ret);

#endif
