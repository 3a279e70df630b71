// SPDX-License-Identifier: BSD-2-Clause
/* Instrument `fdstack`: which code opened what is open. Only on request: it costs at each open. */
#include "probes/fdstack.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "fdstack.skel.h"
#include "probes/fdstack_internal.h"

/* What events cannot tell shows at the latest after so long. */
#define LOOK_EVERY_NS 10000000000ull

static void *make(struct probe_env *env)
{
	struct fdstack *f = calloc(1, sizeof(*f));

	if (f && leaks_new(&f->leaks)) {
		free(f);
		f = NULL;
	}
	if (f)
		f->env = env;
	return f;
}

static void close_bpf(struct fdstack *f)
{
	fdstack_sites_free(f->sites);
	f->sites = NULL;
	ring_buffer__free(f->ring);
	f->ring = NULL;
	fdstack_bpf__destroy(f->skel);
	f->skel = NULL;
}

static void destroy(void *self)
{
	struct fdstack *f = self;

	if (!f)
		return;
	close_bpf(f);
	leaks_free(f->leaks);
	buf_fini(&f->look);
	free(f);
}

void fdstack_keep(void *self, uint64_t process)
{
	struct fdstack *f = self;

	if (f->kept_cnt < FDSTACK_KEPT_MAX)
		f->kept[f->kept_cnt++] = process;
}

/* ---- rungs ---- */

static int start_bpf(struct fdstack *f, const char *const *programs, char *reason)
{
	const struct bpf_shared *shared = &f->env->shared;
	int err;

	err = bpfload_share(shared, f->skel->obj,
			    (uint32_t *)&f->skel->rodata->watched_mask, reason);
	if (err)
		return err;
	*(uint32_t *)&f->skel->rodata->simulate_loss = shared->simulate_loss;
	bpf_map__set_max_entries(f->skel->maps.fdstack_spaces, shared->capacity);
	return bpfload_start(f->skel->skeleton, programs, reason);
}

static int open_engine(struct fdstack *f, char *reason)
{
	struct fdstack_sites_opts opts = { .proc_fd = f->env->proc_fd,
					   .teach_row = f->skel->progs.fdstack_teach_row,
					   .teach_stack = f->skel->progs.fdstack_teach_stack,
					   .debuginfod = f->env->debuginfod };
	int err = fdstack_ring_open(f);

	if (!err)
		err = fdstack_sites_new(&opts, f->leaks, &f->sites);
	if (err)
		snprintf(reason, LADDER_REASON_LEN, "cannot read its events: %s", strerror(-err));
	return err;
}

static int open_bpf(struct fdstack *f, const char *const *programs, char *reason)
{
	int err;

	f->skel = fdstack_bpf__open();
	if (!f->skel) {
		snprintf(reason, LADDER_REASON_LEN, "open: %s", strerror(errno));
		return -errno;
	}
	err = start_bpf(f, programs, reason);
	if (!err)
		err = open_engine(f, reason);
	if (err)
		close_bpf(f);
	return err;
}

#define LIFE "fdstack_fork", "fdstack_exec", "fdstack_exit", "fdstack_look", "fdstack_teach_row", \
	     "fdstack_teach_stack"

static int attach_multi(struct fdstack *f, const char *closing, char *reason)
{
	const char *const installs[] = { "fd_install", NULL }, *const dups[] = { "do_dup2", NULL };
	const char *const closes[] = { closing, NULL };
	struct fdstack_bpf *skel = f->skel;
	const struct bpf_multi_hook hooks[] = {
		{ "fdstack_multi_close", closes, &skel->links.fdstack_multi_close, false },
		{ "fdstack_multi_dup2", dups, &skel->links.fdstack_multi_dup2, false },
		{ "fdstack_multi_install", installs, &skel->links.fdstack_multi_install, false },
	};

	return bpfload_attach_multi(skel->obj, hooks, sizeof(hooks) / sizeof(*hooks), reason);
}

static int try_multi(struct fdstack *f, const char *closing, char *reason)
{
	static const char *const programs[] = { "fdstack_multi_install", "fdstack_multi_dup2",
						"fdstack_multi_close", LIFE, NULL };
	int err = open_bpf(f, programs, reason);

	if (err)
		return err;
	err = attach_multi(f, closing, reason);
	if (!err)
		err = fdstack_selftest(f, FD_SEES_ALL, reason);
	if (err)
		close_bpf(f);
	return err;
}

/* The close path is filp_flush since 6.6 and filp_close before: see fd.bpf.c. */
static int open_multi(void *self, char *reason)
{
	int err = bpfload_try_kprobe_multi(reason);

	if (err)
		return err;
	err = try_multi(self, "filp_flush", reason);
	return err ? try_multi(self, "filp_close", reason) : 0;
}

static int open_trusted(struct fdstack *f, const char *const *programs, enum fd_sight sight,
			char *reason)
{
	int err = open_bpf(f, programs, reason);

	if (err)
		return err;
	err = fdstack_selftest(f, sight, reason);
	if (err)
		close_bpf(f);
	return err;
}

static int open_fentry(void *self, char *reason)
{
	static const char *const flush[] = { "fdstack_entry_install", "fdstack_entry_dup2",
					     "fdstack_entry_flush", LIFE, NULL };
	static const char *const close[] = { "fdstack_entry_install", "fdstack_entry_dup2",
					     "fdstack_entry_close", LIFE, NULL };
	int err = bpfload_try_fentry(reason);

	if (err)
		return err;
	err = open_trusted(self, flush, FD_SEES_ALL, reason);
	return err ? open_trusted(self, close, FD_SEES_ALL, reason) : 0;
}

static int open_syscall(void *self, char *reason)
{
	static const char *const programs[] = { "fdstack_sys_enter", "fdstack_sys_exit", LIFE,
						NULL };

	return open_trusted(self, programs, FD_SEES_SYSCALLS, reason);
}

/* ---- reading ---- */

static int joined(void *self)
{
	return fdstack_look(self);
}

static bool look_is_due(const struct fdstack *f)
{
	return f->must_look || f->skel->bss->fdstack_lost != f->lost_then ||
	       f->env->now_ns - f->looked_ns >= LOOK_EVERY_NS;
}

static int read_events(void *self)
{
	struct fdstack *f = self;
	int err = 0;

	if (look_is_due(f))
		err = fdstack_look(f);
	else
		fdstack_drain(f);
	f->env->debuginfod_timed_out = !fdstack_sites_name(f->sites);
	return err;
}

static double known(int64_t raw)
{
	return raw == RAW_UNKNOWN ? NAN : (double)raw;
}

static int confirm(void *self)
{
	struct fdstack *f = self;
	struct process *p, *next;

	HASH_ITER(hh, f->env->table->by_id, p, next)
		leaks_describe(f->leaks, p->id, p->comm, known(p->now.v[RAW_OPEN_FDS]),
			       known(p->now.v[RAW_OPEN_FDS_LIMIT]));
	leaks_sample(f->leaks, f->env->now_ns);
	return 0;
}

static void forget(void *self, const struct forgotten *f)
{
	struct leaks *l = ((struct fdstack *)self)->leaks;
	size_t i;

	for (i = 0; i < f->cnt; i++)
		if (process_ended(f->list[i]))
			leaks_exit(l, f->list[i]->id, false);
		else
			leaks_leave(l, f->list[i]->id);
}

static uint64_t lost(const void *self)
{
	const struct fdstack *f = self;

	return leaks_lost(f->leaks) + (f->skel ? f->skel->bss->fdstack_lost : 0);
}

static size_t skips(const void *self, struct bpf_skip *list, size_t max)
{
	const struct fdstack *f = self;

	return f->skel ? bpfload_skips(f->skel->obj, list, max) : 0;
}

static const struct bpf_object *object(const void *self)
{
	const struct fdstack *f = self;

	return f->skel ? f->skel->obj : NULL;
}

static int event_fd(const void *self)
{
	return ring_buffer__epoll_fd(((const struct fdstack *)self)->ring);
}

static void on_event(void *self)
{
	fdstack_drain(self);
}

struct asking {
	struct fdstack *f;
	char text[4096];
};

static const char *ask_path(void *ctx, uint64_t process, int32_t fd)
{
	struct asking *a = ctx;

	return fdstack_path(a->f, process, fd, a->text, sizeof(a->text));
}

int fdstack_report(void *self, double timestamp, struct leaks_report *ret)
{
	struct fdstack *f = self;
	struct asking asking = { .f = f };
	int err = fdstack_look(f);

	f->env->debuginfod_timed_out = !fdstack_sites_name(f->sites);
	if (err)
		return err;
	return leaks_report(f->leaks, clock_monotonic_ns(), timestamp, ask_path, &asking, ret);
}

static const struct rung rungs[] = {
	{ .name = "kprobe.multi",
	  .bpf = true,
	  .exact = true,
	  .open = open_multi,
	  .read = read_events,
	  .sees = "Every way in and out of a descriptor table, with the stack of the caller." },
	{ .name = "fentry",
	  .bpf = true,
	  .exact = true,
	  .preempted = true,
	  .open = open_fentry,
	  .read = read_events,
	  .sees = "The same; on a kernel that preempts itself a hit can be skipped, and is "
		  "counted as lost." },
	{ .name = "syscall",
	  .bpf = true,
	  .open = open_syscall,
	  .read = read_events,
	  .sees = "Every system call that opens or closes; descriptors by SCM_RIGHTS or io_uring "
		  "show in a look at the tables, without their opener." },
};

const struct instrument instrument_fdstack = {
	.name = "fdstack",
	.optional = true,
	.rungs = rungs,
	.rung_cnt = sizeof(rungs) / sizeof(*rungs),
	.make = make,
	.destroy = destroy,
	.joined = joined,
	.confirm = confirm,
	.forget = forget,
	.lost = lost,
	.skips = skips,
	.object = object,
	.event_fd = event_fd,
	.on_event = on_event,
};
