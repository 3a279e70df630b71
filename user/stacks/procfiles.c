// SPDX-License-Identifier: BSD-2-Clause
/* Files that a process maps or writes for us, opened without falling for what it puts in their
 * place: pipes that never answer, devices, links out of its root. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/procfs.h"
#include "stacks/internal.h"

#define VDSO_BYTES_MAX	 (64 << 10)
#define STATUS_BYTES_MAX (64 << 10)

int procfile_open_process(int proc_fd, const struct stack_process_id *id, int *ret_fd)
{
	struct proc_stat st;
	int fd = -1;
	int err = proc_open(proc_fd, id->pid, &fd);

	if (err)
		return err;
	err = proc_read_stat(fd, &st);
	if (!err && st.start_ticks != id->start_ticks)
		err = -ESRCH;
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int procfile_read(int fd, size_t max, struct buf *out)
{
	size_t step = 16 << 10;
	ssize_t n = 1;

	while (n > 0) {
		char *to = buf_reserve(out, step);

		if (!to)
			return out->err;
		n = read(fd, to, step);
		if (n < 0)
			return -errno;
		out->len += (size_t)n;
		if (out->len > max)
			return -EFBIG;
	}
	return 0;
}

/* From a reference without access to one that reads. path_fd is consumed. -EINVAL: not a regular
 * file. */
static int reopen_regular(int proc_fd, int path_fd, struct stat *ret_st, int *ret_fd)
{
	char name[32];
	int err = 0;
	int fd = -1;

	if (path_fd < 0)
		return path_fd;
	if (fstat(path_fd, ret_st))
		err = -errno;
	else if (!S_ISREG(ret_st->st_mode))
		err = -EINVAL;
	if (!err) {
		snprintf(name, sizeof(name), "self/fd/%d", path_fd);
		fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
		err = fd < 0 ? -errno : 0;
	}
	close(path_fd);
	if (err)
		return err;
	*ret_fd = fd;
	return 0;
}

/* A path as the process sees it: below its root, also by way of links. */
static int path_in_root(int pid_fd, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int root = openat(pid_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(root);
	return fd;
}

int procfile_open_mapped(int proc_fd, int pid_fd, const struct map_row *row, const char *path,
			 struct stat *ret_st, int *ret_fd)
{
	struct stat st;
	char name[64];
	int fd = -1;
	int err;

	/* Leads to the file itself, deleted or hidden; needs CAP_CHECKPOINT_RESTORE or
	 * CAP_SYS_ADMIN. */
	snprintf(name, sizeof(name), "map_files/%jx-%jx", (uintmax_t)row->start,
		 (uintmax_t)row->end);
	fd = openat(pid_fd, name, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		return reopen_regular(proc_fd, fd, ret_st, ret_fd);
	err = reopen_regular(proc_fd, path_in_root(pid_fd, path, 0), &st, &fd);
	if (err)
		return err;
	if (st.st_ino != row->inode || st.st_dev != makedev(row->dev_major, row->dev_minor)) {
		close(fd);
		return -ESTALE;
	}
	*ret_st = st;
	*ret_fd = fd;
	return 0;
}

int procfile_read_vdso(int pid_fd, const struct map_row *row, void **ret, size_t *ret_len)
{
	size_t len = row->end - row->start;
	ssize_t n = -1;
	void *image;
	int fd;

	if (row->end - row->start > VDSO_BYTES_MAX)
		return -EFBIG;
	image = malloc(len);
	fd = openat(pid_fd, "mem", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = image ? pread(fd, image, len, (off_t)row->start) : -1;
		close(fd);
	}
	if (n != (ssize_t)len) {
		free(image);
		return -EIO;
	}
	*ret = image;
	*ret_len = len;
	return 0;
}

struct who {
	uint64_t uid; /* effective */
	uint64_t pid; /* in its own, innermost, namespace */
};

/* "Uid:" has four values, of which the second counts; "NSpid:" one a namespace, of which the
 * last. */
static int parse_who(struct cursor c, struct who *ret)
{
	bool uid = false, pid = false;
	struct cursor line;

	while (cursor_until(&c, '\n', &line)) {
		if (cursor_take(&line, "Uid:"))
			uid = !cursor_uint(&line, &ret->uid) && !cursor_uint(&line, &ret->uid);
		else if (cursor_take(&line, "NSpid:"))
			while (!cursor_uint(&line, &ret->pid))
				pid = true;
	}
	return uid && pid ? 0 : -EINVAL;
}

static int read_who(int pid_fd, struct who *ret)
{
	int fd = openat(pid_fd, "status", O_RDONLY | O_CLOEXEC);
	struct buf text = {};
	int err;

	if (fd < 0)
		return -errno;
	err = procfile_read(fd, STATUS_BYTES_MAX, &text);
	close(fd);
	if (!err)
		err = parse_who(cursor_of(text.data, text.len), ret);
	buf_fini(&text);
	return err;
}

int procfile_open_jitmap(int proc_fd, int pid_fd, pid_t pid, struct stat *ret_st, int *ret_fd)
{
	struct who who = { .pid = (uint64_t)pid };
	struct stat st;
	char path[48];
	int fd = -1;
	int err = read_who(pid_fd, &who);

	if (err)
		return err;
	snprintf(path, sizeof(path), "/tmp/perf-%ju.map", (uintmax_t)who.pid);
	err = reopen_regular(proc_fd, path_in_root(pid_fd, path, O_NOFOLLOW), &st, &fd);
	if (err)
		return err;
	/* Everybody can write to /tmp, and put names there for others. */
	if (st.st_uid && st.st_uid != who.uid) {
		close(fd);
		return -EPERM;
	}
	*ret_st = st;
	*ret_fd = fd;
	return 0;
}
