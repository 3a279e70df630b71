// SPDX-License-Identifier: BSD-2-Clause
/* Outputs that are files by a path: rotated by size, opened again after somebody else's rotation.
 * Whatever goes wrong, the stream goes on in the file that is open. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "monitor/internal.h"

/* Opening a FIFO waits for its reader, and a device may do anything: neither is a file that can be
 * changed for another. -ENXIO, as open(2) says itself of a FIFO without a reader. */
static int open_regular(const char *path, int *ret)
{
	struct stat st;
	int fd;

	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return -ENXIO;
	/* What is there already is somebody's: it is kept. */
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENXIO;
	}
	*ret = fd;
	return 0;
}

static const char *reason(int err)
{
	return err == -ENXIO ? "it is not a regular file" : strerror(-err);
}

/* Up to the oldest that is kept, which is replaced. */
static int shift(const struct monitor_output *o)
{
	char from[PATH_MAX], to[PATH_MAX];
	unsigned int i;

	for (i = o->rotate_keep - 1; i > 0; i--) {
		snprintf(to, sizeof(to), "%s.%u", o->path, i);
		if (i > 1)
			snprintf(from, sizeof(from), "%s.%u", o->path, i - 1);
		else
			snprintf(from, sizeof(from), "%s", o->path);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* A new file under the path, complete before it takes the place of the one before, and for the same
 * readers. Until then its name is one that nobody else has. */
static int begin_new(const struct monitor_output *o, int before, int *ret)
{
	char fresh[PATH_MAX];
	struct stat st;
	int fd, err;

	snprintf(fresh, sizeof(fresh), "%s.XXXXXX", o->path);
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fstat(before, &st) < 0 || fchmod(fd, st.st_mode & 0777) < 0 ? -errno : shift(o);
	if (!err && rename(fresh, o->path) < 0)
		err = -errno;
	if (err) {
		unlink(fresh);
		close(fd);
		return err;
	}
	*ret = fd;
	return 0;
}

/* ---- at the start ---- */

/* It is the file that is rotated, not a link to it. */
static int follow_link(struct monitor_output *o)
{
	struct stat st;
	char *real;

	if (lstat(o->path, &st) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode))
		return 0;
	real = realpath(o->path, NULL);
	if (!real)
		return -errno;
	free(o->path);
	o->path = real;
	return 0;
}

/* What is in the file is of an earlier run, and kept like any other that is full. */
static int keep_content(const struct monitor_output *o, int *fd)
{
	struct stat st;
	int next, err;

	if (fstat(*fd, &st) < 0)
		return -errno;
	if (!st.st_size)
		return 0;
	err = begin_new(o, *fd, &next);
	if (err)
		return err;
	close(*fd);
	*fd = next;
	return 0;
}

static int open_to_rotate(struct ktally_monitor *m, struct monitor_output *o)
{
	int fd = -1, err = open_regular(o->path, &fd);

	if (!err)
		err = follow_link(o);
	if (!err)
		err = keep_content(o, &fd);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	monitor_fail(m, err, "cannot rotate '%s': %s", o->path, reason(err));
	return err == -ENXIO ? -EINVAL : err;
}

int monitor_files_open(struct ktally_monitor *m, struct monitor_output *o)
{
	int fd, err;

	if (o->rotate_bytes)
		return open_to_rotate(m, o);
	fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0)
		return fd;
	err = -errno;
	return monitor_fail(m, err, "cannot write '%s': %s", o->path, strerror(-err));
}

/* ---- from one file to the next ---- */

/* The file is full, or gone from its path: the next record is a header in the new one. The record
 * before says that there is one, since only the last file has a trailer. */
static void go_on_in(struct ktally_monitor *m, struct monitor_output *o, int fd)
{
	o->switching = true;
	monitor_emit_message(m, o, "the stream goes on in a new file");
	monitor_flush_one(m, o);
	output_replace(o->out, fd);
	o->sink.rows = 0;
	monitor_emit_header(m, o);
	o->rotate_at = o->rotate_bytes;
	o->rotate_err = 0;
	o->switching = false;
}

void monitor_files_rotate(struct ktally_monitor *m, struct monitor_output *o)
{
	int fd, err;

	if (!o->rotate_bytes || o->switching || output_bytes(o->out) < o->rotate_at)
		return;
	/* Where this file cannot grow, the next would be begun in vain, and cost the oldest. */
	if (monitor_flush_one(m, o))
		return;
	err = begin_new(o, output_fd(o->out), &fd);
	if (!err) {
		go_on_in(m, o, fd);
		return;
	}
	if (err != o->rotate_err)
		monitor_log(m, KTALLY_LOG_WARNING, "cannot rotate '%s', it goes on growing: %s",
			    o->path, strerror(-err));
	o->rotate_err = err;
	o->rotate_at = output_bytes(o->out) + o->rotate_bytes;
}

static bool is_still_there(const struct monitor_output *o)
{
	struct stat open_now, there;

	if (fstat(output_fd(o->out), &open_now) < 0 || !S_ISREG(open_now.st_mode))
		return true; /* a pipe or a device is what it is */
	return !stat(o->path, &there) && there.st_dev == open_now.st_dev &&
	       there.st_ino == open_now.st_ino;
}

static void reopen(struct ktally_monitor *m, struct monitor_output *o)
{
	int fd, err;

	if (!o->path || is_still_there(o))
		return;
	err = open_regular(o->path, &fd);
	if (err) {
		monitor_log(m, KTALLY_LOG_WARNING,
			    "cannot open '%s' again, the stream stays in the old file: %s", o->path,
			    reason(err));
		return;
	}
	go_on_in(m, o, fd);
	monitor_flush_one(m, o);
}

void monitor_files_reopen(struct ktally_monitor *m)
{
	uint64_t calls;
	size_t i;

	if (read(m->reopen_fd, &calls, sizeof(calls)) < 0 || m->ended)
		return;
	m->tick_time = clock_realtime_seconds();
	for (i = 0; i < m->output_cnt; i++)
		reopen(m, &m->outputs[i]);
}

void ktally_monitor__reopen_outputs(struct ktally_monitor *m)
{
	const uint64_t one = 1;

	/* It fails only where as many calls wait as an eventfd counts. */
	if (write(m->reopen_fd, &one, sizeof(one)) < 0)
		return;
}
