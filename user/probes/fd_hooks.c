// SPDX-License-Identifier: BSD-2-Clause
/* How the programs of the fd instrument come to their hooks, on each rung. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/tracepoints.h"
#include "bpf/fd.h"
#include "fd.skel.h"
#include "probes/fd_internal.h"
#include "probes/fd_selftest.h"

/* One way to have a rung. */
struct way {
	const char *const *programs; /* NULL-terminated */
	int (*attach)(struct fd *f, char *reason); /* those that libbpf does not; NULL: none */
	enum fd_sight sight;
};

void fd_close_bpf(struct fd *f)
{
	tracepoints_detach(f->calls, FD_CALLS_MAX);
	bpf_reader_close(&f->counts);
	fd_bpf__destroy(f->skel);
	f->skel = NULL;
}

static int load(struct fd *f, const struct way *way, char *reason)
{
	const struct bpf_shared *shared = &f->env->shared;
	int err;

	err = bpfload_share(shared, f->skel->obj,
			    (uint32_t *)&f->skel->rodata->watched_mask, reason);
	if (err)
		return err;
	*(uint32_t *)&f->skel->rodata->simulate_loss = shared->simulate_loss;
	bpf_reader_enable(shared, f->skel->progs.fd_processes_read,
			  f->skel->progs.fd_processes_forget);
	bpf_reader_enable_find(shared, f->skel->progs.fd_processes_find);
	err = bpfload_start(f->skel->skeleton, way->programs, reason);
	if (err)
		return err;
	bpf_reader_open(&f->counts, f->skel->maps.fd_processes, f->skel->progs.fd_processes_read,
			f->skel->progs.fd_processes_forget);
	bpf_reader_find(&f->counts, shared->wanted, f->skel->progs.fd_processes_find);
	bpf_reader_share(&f->counts, shared->room);
	bpf_reader_count(&f->counts, &f->skel->bss->fd_came, false);
	return 0;
}

static void count_of_trial(void *self, uint64_t process, struct fd_tally *ret)
{
	struct bpf_reader *counts = &((struct fd *)self)->counts;
	const struct fd_process *p;
	size_t i, error;

	if (bpf_reader_read(counts))
		return;
	for (i = 0; i < counts->count; i++) {
		if (*(const uint64_t *)bpf_reader_key(counts, i) != process)
			continue;
		p = bpf_reader_value(counts, i);
		ret->opens += p->opens;
		ret->closes += p->closes;
		for (error = 0; error < FD_ERROR_CNT; error++)
			ret->failed += p->errors[error];
	}
}

static void forget_trial(void *self, uint64_t process)
{
	bpf_reader_forget(&((struct fd *)self)->counts, &process, 1);
}

/* Trust comes from a known set of calls in a child of our own, counted right. */
static int selftest(struct fd *f, enum fd_sight sight, char *reason)
{
	struct fd_counter counter = { .sight = sight, .ctx = f, .count = count_of_trial,
				      .forget = forget_trial };

	return fd_selftest(&f->env->shared, &counter, f->env->proc_fd, reason);
}

/* The map is there for the next way: what this one has counted is not. */
static void forget_counts(struct fd *f)
{
	int fd = bpf_map__fd(f->skel->maps.fd_processes);
	__u64 key;

	fd_bpf__detach(f->skel);
	while (fd >= 0 && !bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
}

static int go(struct fd *f, const struct way *way, char *reason)
{
	int err;

	f->skel = fd_bpf__open();
	if (!f->skel) {
		snprintf(reason, LADDER_REASON_LEN, "open: %s", strerror(errno));
		return -errno;
	}
	err = load(f, way, reason);
	if (!err && way->attach)
		err = way->attach(f, reason);
	if (!err)
		err = selftest(f, way->sight, reason);
	if (!err)
		return 0;
	forget_counts(f);
	fd_close_bpf(f);
	return err;
}

/* Would the other hook for closes make a difference? */
static bool worth_another(int err)
{
	return err && err != -EPERM && err != -ENOTSUP && err != -ENOMEM;
}

/* ---- kprobe.multi ---- */

static const char *const install_symbols[] = { "fd_install", NULL };
static const char *const dup2_symbols[] = { "do_dup2", NULL };
static const char *const flush_symbols[] = { "filp_flush", NULL };
static const char *const close_symbols[] = { "filp_close", NULL };

/* System calls that open, in every kernel that has kprobe.multi (5.18); rarer ones fail unseen. */
static const char *const result_symbols[] = {
	"__x64_sys_open",	   "__x64_sys_openat",	     "__x64_sys_openat2",
	"__x64_sys_creat",	   "__x64_sys_socket",	     "__x64_sys_socketpair",
	"__x64_sys_pipe",	   "__x64_sys_pipe2",	     "__x64_sys_dup",
	"__x64_sys_dup2",	   "__x64_sys_dup3",	     "__x64_sys_eventfd",
	"__x64_sys_eventfd2",	   "__x64_sys_epoll_create", "__x64_sys_epoll_create1",
	"__x64_sys_timerfd_create", "__x64_sys_signalfd4",   "__x64_sys_inotify_init1",
	"__x64_sys_memfd_create",  "__x64_sys_pidfd_open",   "__x64_sys_pidfd_getfd",
	NULL,
};

/* And those of them that wait for somebody. */
static const char *const accept_symbols[] = { "__x64_sys_accept", "__x64_sys_accept4", NULL };

static int attach_multi(struct fd *f, const char *const *close_path, char *reason)
{
	struct fd_bpf *skel = f->skel;
	const struct bpf_multi_hook hooks[] = {
		{ "fd_multi_install", install_symbols, &skel->links.fd_multi_install, false },
		{ "fd_multi_dup2", dup2_symbols, &skel->links.fd_multi_dup2, false },
		{ "fd_multi_result", result_symbols, &skel->links.fd_multi_result, true },
		{ "fd_multi_accepted", accept_symbols, &skel->links.fd_multi_accepted, true },
		{ "fd_multi_close", close_path, &skel->links.fd_multi_close, false },
	};

	return bpfload_attach_multi(skel->obj, hooks, sizeof(hooks) / sizeof(*hooks), reason);
}

static int attach_multi_flush(struct fd *f, char *reason)
{
	return attach_multi(f, flush_symbols, reason);
}

static int attach_multi_close(struct fd *f, char *reason)
{
	return attach_multi(f, close_symbols, reason);
}

#define LIFE "fd_fork", "fd_exec", "fd_exit"

int fd_open_multi(void *self, char *reason)
{
	static const char *const programs[] = { "fd_multi_install", "fd_multi_dup2",
						"fd_multi_close",   "fd_multi_result",
						"fd_multi_accepted", LIFE, NULL };
	static const struct way flush = { programs, attach_multi_flush, FD_SEES_ALL };
	static const struct way close = { programs, attach_multi_close, FD_SEES_ALL };
	int err = bpfload_try_kprobe_multi(reason);

	if (err)
		return err;
	err = go(self, &flush, reason);
	return worth_another(err) ? go(self, &close, reason) : err;
}

/* ---- fentry ---- */

int fd_open_fentry(void *self, char *reason)
{
	static const char *const with_flush[] = { "fd_entry_install", "fd_entry_dup2",
						  "fd_entry_flush", "fd_sys_exit_failed", LIFE,
						  NULL };
	static const char *const with_close[] = { "fd_entry_install", "fd_entry_dup2",
						  "fd_entry_close", "fd_sys_exit_failed", LIFE,
						  NULL };
	static const struct way flush = { with_flush, NULL, FD_SEES_ALL };
	static const struct way close = { with_close, NULL, FD_SEES_ALL };
	int err = bpfload_try_fentry(reason);

	if (err)
		return err;
	err = go(self, &flush, reason);
	return worth_another(err) ? go(self, &close, reason) : err;
}

/* ---- syscall ---- */

static int attach_calls(struct fd *f, char *reason)
{
	static const struct tracepoint_hook hooks[] = {
		{ "fd_sys_enter_dup", "syscalls/sys_enter_dup2" },
		{ "fd_sys_enter_dup", "syscalls/sys_enter_dup3" },
		{ "fd_sys_enter_close_range", "syscalls/sys_enter_close_range" },
	};

	_Static_assert(sizeof(hooks) / sizeof(*hooks) == FD_CALLS_MAX, "one link each");
	return tracepoints_attach(f->skel->obj, hooks, FD_CALLS_MAX, f->calls, reason);
}

/* sys_enter, where the tracepoints of single calls cannot be had, makes every call dearer. */
int fd_open_syscall(void *self, char *reason)
{
	static const char *const by_calls[] = { "fd_sys_enter_dup",
						"fd_sys_enter_close_range", "fd_sys_exit", LIFE,
						NULL };
	static const char *const by_all[] = { "fd_sys_enter", "fd_sys_exit", LIFE, NULL };
	static const struct way calls = { by_calls, attach_calls, FD_SEES_SYSCALLS };
	static const struct way all = { by_all, NULL, FD_SEES_SYSCALLS };

	return go(self, &calls, reason) ? go(self, &all, reason) : 0;
}
