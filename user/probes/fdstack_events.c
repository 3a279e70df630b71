// SPDX-License-Identifier: BSD-2-Clause
/* Events of fdstack.bpf.c, as they come out of the ring, into the table of leaks/. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/targets.h"
#include "fdstack.skel.h"
#include "probes/fdstack_internal.h"

/* A readlink(2) each, for examples. */
#define TEXTS_PER_DRAIN 64

const char *fdstack_path(const struct fdstack *f, uint64_t process, int32_t fd, char *text,
			 size_t size)
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "%u/fd/%d", PROCESS_ID_PID(process), fd);
	n = readlinkat(f->env->proc_fd, name, text, size - 1);
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	return text;
}

static void to_fd(const struct fdstack_rec *rec, struct leaks_fd *ret)
{
	*ret = (struct leaks_fd){ .process = rec->process,
				  .fd = rec->fd,
				  .file = rec->file,
				  .mode = rec->mode,
				  .name = rec->name,
				  .ts_ns = rec->ts_ns };
}

/* A number that was used again since names another file: then its close comes next, and takes this
 * one and its text away. */
static void find_text(struct fdstack *f, const struct fdstack_rec *rec)
{
	char text[512];

	if (!f->text_budget || !leaks_wants_text(f->leaks, rec->process, rec->fd))
		return;
	f->text_budget--;
	leaks_set_text(f->leaks, rec->process, rec->fd,
		       fdstack_path(f, rec->process, rec->fd, text, sizeof(text)));
}

static uint32_t site_of(struct fdstack *f, const struct fdstack_rec *rec, size_t size)
{
	if (rec->site != FDSTACK_SITE_NONE)
		return rec->site;
	if (size < sizeof(struct fdstack_capture) + (size_t)rec->stack_len)
		return FDSTACK_SITE_LOST;
	return fdstack_sites_capture(f->sites, (const struct fdstack_capture *)rec);
}

static void take_open(struct fdstack *f, const struct fdstack_rec *rec, size_t size)
{
	struct leaks_fd fd;

	to_fd(rec, &fd);
	fd.site = site_of(f, rec, size);
	leaks_open(f->leaks, &fd);
	find_text(f, rec);
}

static void take_close(struct fdstack *f, const struct fdstack_rec *rec, size_t size)
{
	struct leaks_fd fd;

	(void)size;
	to_fd(rec, &fd);
	f->must_look |= leaks_close(f->leaks, &fd);
}

static void take_close_range(struct fdstack *f, const struct fdstack_rec *rec, size_t size)
{
	(void)size;
	leaks_close_range(f->leaks, rec->process, (uint32_t)rec->fd, rec->last_fd);
}

static void take_fork(struct fdstack *f, const struct fdstack_rec *rec, size_t size)
{
	(void)size;
	leaks_fork(f->leaks, rec->parent, rec->process);
}

static void take_exec(struct fdstack *f, const struct fdstack_rec *rec, size_t size)
{
	const struct fdstack_exec_rec *exec = (const struct fdstack_exec_rec *)rec;
	uint64_t open[FDSTACK_EXEC_WORDS];

	if (size < sizeof(*exec))
		return;
	memcpy(open, exec->open, sizeof(open));
	fdstack_sites_executed(f->sites, rec->space, rec->process);
	leaks_exec(f->leaks, rec->process, open, FDSTACK_EXEC_WORDS * 64);
}

static bool is_kept(const struct fdstack *f, uint64_t process)
{
	size_t i;

	for (i = 0; i < f->kept_cnt; i++)
		if (f->kept[i] == process)
			return true;
	return false;
}

static void take_exit(struct fdstack *f, const struct fdstack_rec *rec, size_t size)
{
	(void)size;
	leaks_exit(f->leaks, rec->process, is_kept(f, rec->process));
}

static void (*const handlers[])(struct fdstack *f, const struct fdstack_rec *rec, size_t size) = {
	[FDSTACK_OPEN] = take_open,
	[FDSTACK_CLOSE] = take_close,
	[FDSTACK_CLOSE_RANGE] = take_close_range,
	[FDSTACK_FORK] = take_fork,
	[FDSTACK_EXEC] = take_exec,
	[FDSTACK_EXIT] = take_exit,
};

static int take_record(void *ctx, void *data, size_t size)
{
	const struct fdstack_rec *rec = data;

	if (size >= sizeof(*rec) && rec->kind < sizeof(handlers) / sizeof(*handlers))
		handlers[rec->kind](ctx, rec, size);
	return 0;
}

int fdstack_ring_open(struct fdstack *f)
{
	f->ring = ring_buffer__new(bpf_map__fd(f->skel->maps.fdstack_events), take_record, f, NULL);
	return f->ring ? 0 : -errno;
}

void fdstack_drain(struct fdstack *f)
{
	f->text_budget = TEXTS_PER_DRAIN;
	ring_buffer__consume(f->ring);
}
