// SPDX-License-Identifier: BSD-2-Clause
/* cgroup v2: where it is mounted, one cgroup by its path, and the processes below it. */
#include "base/cgroupfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/listing.h"

#define READ_BYTES 4096
/* The kernel sets no limit by itself (cgroup.max.depth); a path below PATH_MAX is the practical
 * one. */
#define DEPTH_MAX 256

const char *const cgroup_mode_names[] = {
	[CGROUP_NONE] = NULL,
	[CGROUP_V1] = "v1",
	[CGROUP_V2] = "v2",
	[CGROUP_HYBRID] = "hybrid",
};

static int open_dir(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_all(int dir_fd, const char *name, struct buf *out)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;
	char *to;
	int err;

	if (fd < 0)
		return -errno;
	while ((to = buf_reserve(out, READ_BYTES)) && (n = read(fd, to, READ_BYTES)) > 0)
		out->len += (size_t)n;
	err = n < 0 ? -errno : out->err;
	close(fd);
	return err;
}

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' &&
	       s[2] <= '7';
}

/* Undoes "\040". False when it does not fit, or when a NUL would cut it. */
static bool unescape(struct cursor from, char *to, size_t size)
{
	size_t n = 0;

	while (from.at < from.end) {
		char c = *from.at++;

		if (c == '\\' && from.end - from.at >= 3 && is_octal(from.at)) {
			c = (char)((from.at[0] - '0') << 6 | (from.at[1] - '0') << 3 |
				   (from.at[2] - '0'));
			from.at += 3;
		}
		if (!c || n + 1 >= size)
			return false;
		to[n++] = c;
	}
	to[n] = '\0';
	return n > 0;
}

/* What a line of mountinfo says: "36 35 0:28 ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS". */
struct mount {
	struct cursor root;
	struct cursor point;
	struct cursor type;
};

static bool parse_mount(struct cursor line, struct mount *ret)
{
	struct cursor *const wanted[] = { NULL, NULL, NULL, &ret->root, &ret->point, NULL };
	struct cursor word;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!cursor_until(&line, ' ', &word))
			return false;
		if (wanted[i])
			*wanted[i] = word;
	}
	do {
		if (!cursor_until(&line, ' ', &word))
			return false;
	} while (!cursor_is(&word, "-"));
	return cursor_until(&line, ' ', &ret->type);
}

/* Of several v2 mounts the first that shows the whole hierarchy is taken, else the first. One whose
 * path does not fit is passed over; so are lines that are none. */
int cgroup_mounts_parse(const char *text, size_t len, struct cgroup_mounts *ret)
{
	struct cursor c = cursor_of(text, len);
	struct cgroup_mounts mounts = {};
	bool v1 = false, whole = false;
	struct cursor line;

	while (cursor_until(&c, '\n', &line)) {
		char path[sizeof(mounts.v2_path)];
		struct mount mount;

		if (!parse_mount(line, &mount))
			continue;
		v1 |= cursor_is(&mount.type, "cgroup");
		if (!cursor_is(&mount.type, "cgroup2") ||
		    !unescape(mount.point, path, sizeof(path)))
			continue;
		if (mounts.v2_path[0] && (whole || !cursor_is(&mount.root, "/")))
			continue;
		memcpy(mounts.v2_path, path, sizeof(path));
		whole = cursor_is(&mount.root, "/");
	}
	if (mounts.v2_path[0])
		mounts.mode = v1 ? CGROUP_HYBRID : CGROUP_V2;
	else
		mounts.mode = v1 ? CGROUP_V1 : CGROUP_NONE;
	*ret = mounts;
	return 0;
}

int cgroup_mounts_read(int proc_fd, struct cgroup_mounts *ret)
{
	struct buf text = {};
	int err = read_all(proc_fd, "self/mountinfo", &text);

	if (!err)
		err = cgroup_mounts_parse(text.data, text.len, ret);
	buf_fini(&text);
	return err;
}

/* Counted on the way up, until ".." leaves the file system or stays where it is, so that neither a
 * symbolic link nor a second mount matters. */
static int read_level(int fd, const struct stat *from, uint32_t *ret)
{
	struct stat below = *from;
	uint32_t level = 0;
	int at = fd;

	for (;;) {
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct stat st;
		int err = up < 0 || fstat(up, &st) < 0 ? -errno : 0;

		if (at != fd)
			close(at);
		at = up;
		if (err || st.st_dev != below.st_dev || st.st_ino == below.st_ino) {
			if (up >= 0)
				close(up);
			if (!err)
				*ret = level;
			return err;
		}
		below = st;
		level++;
	}
}

/* Fills all but the path of an open directory. */
static int identify(int fd, struct cgroup *ret)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return -EINVAL;
	ret->id = st.st_ino;
	ret->fd = fd;
	return read_level(fd, &st, &ret->level);
}

int cgroup_open(const struct cgroup_mounts *mounts, const char *path, struct cgroup *ret)
{
	struct cgroup cg = { .fd = -1 };
	char given[sizeof(cg.path)];
	int fd, err, n;

	if (!mounts->v2_path[0])
		return -ENODEV;
	n = snprintf(given, sizeof(given), "%s%s%s", path[0] == '/' ? "" : mounts->v2_path,
		     path[0] == '/' ? "" : "/", path);
	if (n < 0 || (size_t)n >= sizeof(given))
		return -ENAMETOOLONG;
	fd = open_dir(AT_FDCWD, given);
	if (fd < 0)
		return fd;
	err = identify(fd, &cg);
	if (!err && !realpath(given, cg.path))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	*ret = cg;
	return 0;
}

void cgroup_close(struct cgroup *cg)
{
	if (!cg || cg->fd < 0)
		return;
	close(cg->fd);
	cg->fd = -1;
}

static bool is_threaded(const char *path)
{
	static const char threaded[] = "threaded\n";
	struct buf type = {};
	int fd = open_dir(AT_FDCWD, path);
	bool is = fd >= 0 && !read_all(fd, "cgroup.type", &type) &&
		  type.len == strlen(threaded) && !memcmp(type.data, threaded, type.len);

	if (fd >= 0)
		close(fd);
	buf_fini(&type);
	return is;
}

bool cgroup_is_threaded(const struct cgroup *cg, char *ret_domain)
{
	uint32_t above = cg->level;
	char path[sizeof(cg->path)];

	if (!is_threaded(cg->path))
		return false;
	strcpy(path, cg->path);
	while (above && is_threaded(path)) {
		*strrchr(path, '/') = '\0';
		above--;
	}
	strcpy(ret_domain, is_threaded(path) ? "" : path);
	return true;
}

struct walk {
	int (*fn)(void *ctx, pid_t pid);
	void *ctx;
	char text[READ_BYTES]; /* of one cgroup.procs; here, not on the stack of each level */
};

/* A child may be removed at any time, and one that is threaded has its processes listed above it.
 */
static bool is_passing(int err)
{
	return err == -ENODEV || err == -ENOENT || err == -EOPNOTSUPP;
}

/* A PID of 0 is a process outside our PID namespace. */
static int visit_lines(struct walk *walk, size_t len)
{
	struct cursor c = cursor_of(walk->text, len), line;
	int err = 0;

	while (!err && cursor_until(&c, '\n', &line)) {
		uint64_t pid = 0;

		if (cursor_uint(&line, &pid) || pid > INT32_MAX)
			return -EINVAL;
		if (pid)
			err = walk->fn(walk->ctx, (pid_t)pid);
	}
	return err;
}

static size_t whole_lines(const char *text, size_t len)
{
	const char *last = memrchr(text, '\n', len);

	return last ? (size_t)(last + 1 - text) : 0;
}

/* What fn or a line says; *read_err is what the kernel says of the file. */
static int visit_file(int fd, struct walk *walk, int *read_err)
{
	size_t len = 0, whole;
	ssize_t n = 0;
	int err = 0;

	while (!err && (n = read(fd, walk->text + len, sizeof(walk->text) - len)) > 0) {
		len += (size_t)n;
		whole = whole_lines(walk->text, len);
		err = visit_lines(walk, whole);
		len -= whole;
		memmove(walk->text, walk->text + whole, len);
	}
	*read_err = n < 0 ? -errno : 0;
	return err || n < 0 ? err : visit_lines(walk, len);
}

static int visit_pids(int dir_fd, struct walk *walk, int depth)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	int read_err = fd < 0 ? -errno : 0, err = 0;

	if (fd >= 0) {
		err = visit_file(fd, walk, &read_err);
		close(fd);
	}
	if (depth && is_passing(read_err))
		read_err = 0;
	return err ? err : read_err;
}

static int visit_tree(int dir_fd, struct walk *walk, int depth);

static int visit_child(int parent_fd, const char *name, struct walk *walk, int depth)
{
	int fd = open_dir(parent_fd, name);
	int err;

	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : fd;
	err = visit_tree(fd, walk, depth);
	close(fd);
	return err;
}

/* The processes of a cgroup, then those of its children. */
static int visit_tree(int dir_fd, struct walk *walk, int depth)
{
	int err = depth > DEPTH_MAX ? -ELOOP : visit_pids(dir_fd, walk, depth);
	const struct dirent64 *entry;
	struct listing names;
	int fd;

	if (err)
		return err;
	fd = open_dir(dir_fd, ".");
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	listing_begin(&names, fd);
	while (!err && listing_next(&names, &entry) > 0)
		if (entry->d_name[0] != '.' &&
		    (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
			err = visit_child(fd, entry->d_name, walk, depth + 1);
	close(fd);
	return err;
}

int cgroup_for_each_pid(const struct cgroup *cg, int (*fn)(void *ctx, pid_t pid), void *ctx)
{
	struct walk walk = { .fn = fn, .ctx = ctx };

	return visit_tree(cg->fd, &walk, 0);
}
