// SPDX-License-Identifier: BSD-2-Clause
/* Readers of /proc: files and lists of numbered entries, relative to a directory that is held open.
 */
#include "base/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/listing.h"

/* Holds every file read here but a status with thousands of groups; see read_tail(). */
#define FILE_BYTES 4096

static int open_at(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Drops what is left of a line whose start is lost, and returns the new length. */
static size_t drop_line(char *text, size_t len)
{
	struct cursor c = cursor_of(text, len);
	struct cursor line;

	if (!cursor_until(&c, '\n', &line))
		return 0;
	len = (size_t)(c.end - c.at);
	memmove(text, c.at, len);
	return len;
}

/* Reads a file, or what of its end fits: then at least the last FILE_BYTES / 2, and the line that
 * the cut went through is dropped. Returns the length or -errno. */
static ssize_t read_tail(int dir_fd, const char *name, char text[FILE_BYTES])
{
	int fd = open_at(dir_fd, name, 0);
	size_t len = 0;
	bool cut = false;
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, text + len, FILE_BYTES - len)) > 0) {
		len += (size_t)n;
		if (len < FILE_BYTES)
			continue;
		len = FILE_BYTES / 2;
		memmove(text, text + FILE_BYTES - len, len);
		cut = true;
	}
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	return (ssize_t)(cut ? drop_line(text, len) : len);
}

/* The kernel says ENOENT where it looks a name up below a process that has gone, else ESRCH. */
static int gone(int err)
{
	return err == -ENOENT ? -ESRCH : err;
}

static ssize_t read_process_file(int dir_fd, const char *name, char text[FILE_BYTES])
{
	ssize_t len = read_tail(dir_fd, name, text);

	return len < 0 ? gone((int)len) : len;
}

/* False when name is not a number as the kernel writes PIDs and descriptors. */
static bool to_number(const char *name, uint32_t *ret)
{
	struct cursor c = cursor_of(name, strlen(name));
	uint64_t v = 0;

	if (*name < '0' || *name > '9' || cursor_uint(&c, &v) || c.at != c.end || v > INT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

typedef int (*number_fn)(void *ctx, int dir_fd, const char *name, uint32_t number);

/* Calls fn for every entry of a directory that is a number until it returns non-zero. */
static int for_each_number(int dir_fd, const char *dir_name, number_fn fn, void *ctx)
{
	int fd = open_at(dir_fd, dir_name, O_DIRECTORY);
	const struct dirent64 *entry;
	struct listing names;
	uint32_t number;
	int err = 0, more;

	if (fd < 0)
		return fd;
	listing_begin(&names, fd);
	while (!err && (more = listing_next(&names, &entry)) != 0) {
		if (more < 0)
			err = more;
		else if (to_number(entry->d_name, &number))
			err = fn(ctx, fd, entry->d_name, number);
	}
	close(fd);
	return err;
}

int proc_open(int proc_fd, pid_t pid, int *ret_fd)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", (int)pid);
	fd = open_at(proc_fd, name, O_DIRECTORY);
	if (fd < 0)
		return gone(fd);
	*ret_fd = fd;
	return 0;
}

int proc_read_stat(int pid_fd, struct proc_stat *ret)
{
	char text[FILE_BYTES];
	ssize_t len = read_process_file(pid_fd, "stat", text);

	return len < 0 ? (int)len : proc_stat_parse(text, (size_t)len, ret);
}

bool proc_is_exiting(int pid_fd)
{
	struct proc_stat st;

	return proc_read_stat(pid_fd, &st) || st.flags & PROC_FLAG_EXITING;
}

bool proc_stat_has_ended(const struct proc_stat *st)
{
	return (st->state == 'Z' || st->state == 'X') && st->threads <= 1;
}

bool proc_has_ended(int pid_fd)
{
	struct proc_stat st;

	return !proc_read_stat(pid_fd, &st) && proc_stat_has_ended(&st);
}

int proc_stat_of(int proc_fd, pid_t pid, struct proc_stat *ret)
{
	int fd, err = proc_open(proc_fd, pid, &fd);

	if (err)
		return err;
	err = proc_read_stat(fd, ret);
	close(fd);
	return err;
}

int proc_read_rss_bytes(int pid_fd, uint64_t *ret)
{
	char text[FILE_BYTES];
	ssize_t len = read_process_file(pid_fd, "statm", text);
	uint64_t pages = 0;
	int err;

	if (len < 0)
		return (int)len;
	err = proc_statm_parse(text, (size_t)len, &pages);
	if (err)
		return err;
	*ret = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

/* From its start: a long list of groups, further down, must not push it out. */
int proc_read_tgid(int pid_fd, pid_t *ret)
{
	char text[512];
	int fd = open_at(pid_fd, "status", 0);
	ssize_t len;

	if (fd < 0)
		return gone(fd);
	len = read(fd, text, sizeof(text));
	len = len < 0 ? gone(-errno) : len;
	close(fd);
	return len < 0 ? (int)len : proc_status_tgid_parse(text, (size_t)len, ret);
}

int proc_read_nofile(int pid_fd, uint64_t *ret)
{
	char text[FILE_BYTES];
	ssize_t len = read_process_file(pid_fd, "limits", text);

	return len < 0 ? (int)len : proc_limits_nofile_parse(text, (size_t)len, ret);
}

/* Two numbers of each task, summed. */
struct task_sum {
	const char *file;
	int (*parse)(const char *text, size_t len, uint64_t v[2]);
	uint64_t v[2];
	uint32_t tasks;
};

static int add_task(void *ctx, int dir_fd, const char *name, uint32_t number)
{
	struct task_sum *sum = ctx;
	char text[FILE_BYTES];
	char path[64];
	uint64_t v[2] = {};
	ssize_t len;
	int err;

	(void)name;
	snprintf(path, sizeof(path), "%u/%s", number, sum->file);
	len = read_process_file(dir_fd, path, text);
	if (len == -ESRCH) /* ended since it was listed */
		return 0;
	if (len < 0)
		return (int)len;
	err = sum->parse(text, (size_t)len, v);
	if (err)
		return err;
	sum->v[0] += v[0];
	sum->v[1] += v[1];
	sum->tasks++;
	return 0;
}

/* -ENODATA when the process lives and no task said anything: a kernel without that file, or all of
 * the tasks changed under the list. */
static int sum_tasks(int pid_fd, struct task_sum *sum)
{
	int err = gone(for_each_number(pid_fd, "task", add_task, sum));

	if (err || sum->tasks)
		return err;
	return faccessat(pid_fd, "stat", F_OK, 0) < 0 ? -ESRCH : -ENODATA;
}

static int parse_switches(const char *text, size_t len, uint64_t v[2])
{
	struct proc_switches switches = {};
	int err = proc_status_switches_parse(text, len, &switches);

	v[0] = switches.voluntary;
	v[1] = switches.involuntary;
	return err;
}

int proc_read_switches(int pid_fd, struct proc_switches *ret)
{
	struct task_sum sum = { .file = "status", .parse = parse_switches };
	int err = sum_tasks(pid_fd, &sum);

	if (err)
		return err;
	*ret = (struct proc_switches){ .voluntary = sum.v[0], .involuntary = sum.v[1] };
	return 0;
}

static int parse_schedstat(const char *text, size_t len, uint64_t v[2])
{
	return proc_schedstat_parse(text, len, &v[0], &v[1]);
}

int proc_read_schedstat(int pid_fd, uint64_t *ret_oncpu_ns, uint64_t *ret_runqueue_ns)
{
	struct task_sum sum = { .file = "schedstat", .parse = parse_schedstat };
	int err = sum_tasks(pid_fd, &sum);

	if (err)
		return err;
	/* "0 0 0" is what a kernel says that does not keep these times (CONFIG_SCHEDSTATS=n). */
	if (!sum.v[0] && !sum.v[1])
		return -ENODATA;
	*ret_oncpu_ns = sum.v[0];
	*ret_runqueue_ns = sum.v[1];
	return 0;
}

int proc_fd_level(int pid_fd, uint64_t *ret)
{
	struct stat st;

	if (fstatat(pid_fd, "fd", &st, 0) < 0)
		return gone(-errno);
	if (!st.st_size)
		return -EOPNOTSUPP;
	*ret = (uint64_t)st.st_size;
	return 0;
}

/* Through the magic link, so that no path is looked up and no other namespace matters; without
 * asking a file server, which may hang. A descriptor closed since it was listed still counts as
 * open. */
static int add_fd(void *ctx, int dir_fd, const char *name, uint32_t number)
{
	struct proc_fds *fds = ctx;
	struct statx st;

	(void)number;
	fds->open++;
	if (!statx(dir_fd, name, AT_STATX_DONT_SYNC, STATX_TYPE, &st) && S_ISREG(st.stx_mode))
		fds->regular++;
	return 0;
}

int proc_count_fds(int pid_fd, struct proc_fds *ret)
{
	struct proc_fds fds = {};
	int err = gone(for_each_number(pid_fd, "fd", add_fd, &fds));

	if (!err)
		*ret = fds;
	return err;
}

static int open_if_live(void *ctx, int dir_fd, const char *name, uint32_t number)
{
	int *ret_fd = ctx, fd = open_at(dir_fd, name, O_PATH | O_DIRECTORY);

	(void)number;
	if (fd < 0)
		return 0;
	if (proc_is_exiting(fd)) {
		close(fd);
		return 0;
	}
	*ret_fd = fd;
	return 1;
}

int proc_open_live_thread(int pid_fd, int *ret_fd)
{
	int found = for_each_number(pid_fd, "task", open_if_live, ret_fd);

	return found > 0 ? 0 : found < 0 ? gone(found) : -ESRCH;
}

int proc_cpu_ns(pid_t pid, uint64_t *ret)
{
	struct timespec ts;
	clockid_t clock;
	int err = -clock_getcpuclockid(pid, &clock);

	if (err)
		return gone(err);
	if (clock_gettime(clock, &ts) < 0) /* EINVAL: gone in between */
		return errno == EINVAL ? -ESRCH : -errno;
	*ret = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	return 0;
}

struct pid_visitor {
	int (*fn)(void *ctx, pid_t pid);
	void *ctx;
};

static int visit_pid(void *ctx, int dir_fd, const char *name, uint32_t number)
{
	const struct pid_visitor *visitor = ctx;

	(void)dir_fd;
	(void)name;
	return visitor->fn(visitor->ctx, (pid_t)number);
}

int proc_for_each(int proc_fd, int (*fn)(void *ctx, pid_t pid), void *ctx)
{
	struct pid_visitor visitor = { .fn = fn, .ctx = ctx };

	return for_each_number(proc_fd, ".", visit_pid, &visitor);
}

int proc_memory_bytes(int proc_fd, uint64_t *ret)
{
	char text[FILE_BYTES];
	ssize_t len = read_tail(proc_fd, "meminfo", text);
	uint64_t kib = 0;
	struct cursor c;

	if (len < 0)
		return (int)len;
	c = cursor_of(text, (size_t)len);
	if (!cursor_take(&c, "MemTotal:") || cursor_uint(&c, &kib) || !cursor_take(&c, " kB"))
		return -EINVAL;
	if (kib > UINT64_MAX / 1024)
		return -ERANGE;
	*ret = kib * 1024;
	return 0;
}

int proc_pid_max(int proc_fd, uint32_t *ret)
{
	char text[FILE_BYTES];
	ssize_t len = read_tail(proc_fd, "sys/kernel/pid_max", text);
	uint64_t max = 0;
	struct cursor c;

	if (len < 0)
		return (int)len;
	c = cursor_of(text, (size_t)len);
	if (cursor_uint(&c, &max) || !cursor_take(&c, "\n") || max > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)max;
	return 0;
}
