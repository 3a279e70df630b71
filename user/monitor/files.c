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

#include "monitor/internal.h"

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

/* A new file under the path, complete before it takes the place of the one before. */
static int begin_new(const struct monitor_output *o, int *ret)
{
	char fresh[PATH_MAX];
	int fd, err;

	snprintf(fresh, sizeof(fresh), "%s.new", o->path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	err = shift(o);
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

void monitor_files_rotate(struct ktally_monitor *m, struct monitor_output *o)
{
	int fd, err;

	if (!o->rotate_bytes || o->switching || output_bytes(o->out) < o->rotate_at)
		return;
	/* Where this file cannot grow, the next would be begun in vain, and cost the oldest. */
	if (monitor_flush_one(m, o))
		return;
	err = begin_new(o, &fd);
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
	int fd;

	if (!o->path || is_still_there(o))
		return;
	/* What is there already is somebody's: it is kept. */
	fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0) {
		monitor_log(m, KTALLY_LOG_WARNING,
			    "cannot open '%s' again, the stream stays in the old file: %s", o->path,
			    strerror(errno));
		return;
	}
	go_on_in(m, o, fd);
}

void monitor_files_reopen(struct ktally_monitor *m)
{
	size_t i;

	if (!__atomic_exchange_n(&m->reopen, false, __ATOMIC_SEQ_CST))
		return;
	for (i = 0; i < m->output_cnt; i++)
		reopen(m, &m->outputs[i]);
}

void ktally_monitor__reopen_outputs(struct ktally_monitor *m)
{
	__atomic_store_n(&m->reopen, true, __ATOMIC_SEQ_CST);
}
