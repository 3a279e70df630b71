// SPDX-License-Identifier: BSD-2-Clause
/* tracefs knows the tracepoints' numbers, perf_event_open(2) makes something to attach to. */
#include "base/tracepoints.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfload.h"
#include "base/ladder.h"

/* A tracefs that is mounted nowhere, so that nothing of the host is changed (since 5.2, and by
 * CAP_SYS_ADMIN only), else the host's. */
static int open_tracefs(void)
{
	int fd = -1, fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);

	if (fs >= 0 && !syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (fs >= 0)
		close(fs);
	if (fd < 0)
		fd = open("/sys/kernel/tracing", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What perf_event_open(2) knows it by. */
static int read_id(int tracefs, const char *name, uint64_t *ret)
{
	char path[128], text[24] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "events/%s/id", name);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	*ret = strtoull(text, NULL, 10);
	return n > 0 && *ret ? 0 : -EIO;
}

/* A program on an event runs on all CPUs, whichever the event itself is for. */
static int attach_one(int tracefs, const struct bpf_program *prog, const char *name,
		      struct bpf_link **ret)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	uint64_t id = 0;
	int err, fd;

	err = read_id(tracefs, name, &id);
	if (err)
		return err;
	attr.config = id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = bpf_program__attach_perf_event(prog, fd);
	if (*ret)
		return 0;
	err = -errno;
	close(fd);
	return err;
}

int tracepoints_attach(const struct bpf_object *obj, const struct tracepoint_hook *hooks,
		       size_t cnt, struct bpf_link **ret_links, char *reason)
{
	int tracefs = open_tracefs(), err = 0;
	size_t i;

	if (tracefs < 0)
		return bpfload_refuse(reason, "tracefs", tracefs);
	for (i = 0; i < cnt && !err; i++)
		err = attach_one(tracefs, bpf_object__find_program_by_name(obj, hooks[i].program),
				 hooks[i].name, &ret_links[i]);
	close(tracefs);
	if (!err)
		return 0;
	tracepoints_detach(ret_links, i);
	return bpfload_refuse(reason, hooks[i - 1].name, err);
}

void tracepoints_detach(struct bpf_link **links, size_t cnt)
{
	while (cnt--) {
		bpf_link__destroy(links[cnt]);
		links[cnt] = NULL;
	}
}
