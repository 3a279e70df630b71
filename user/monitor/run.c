// SPDX-License-Identifier: BSD-2-Clause
/* Running: attach, an absolute schedule, the ends of targets, the trailer. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "monitor/caps.h"
#include "monitor/internal.h"
#include "targets/command.h"

/* A last snapshot of less than this share of an interval would say nothing. */
#define LAST_TICK_SHARE 10
#define STOP_GRACE_MS	100 /* as short as the shortest interval: stop returns within one */
#define DYING_MS	5000 /* for a command that has its death before it */

static void end(struct ktally_monitor *m, enum ktally_end_reason reason)
{
	if (m->ended)
		return;
	pthread_mutex_lock(&m->lock);
	m->reason = reason;
	pthread_mutex_unlock(&m->lock);
	m->ended = true;
	monitor_doors_finish(m);
	monitor_leaks_report(m);
	monitor_emit_trailer(m);
}

static void tick(struct ktally_monitor *m, bool last)
{
	int err = monitor_tick(m, last);

	if (err) {
		monitor_fail(m, err, "cannot read the kernel's counts: %s", strerror(-err));
		end(m, KTALLY_END_FAILED);
	}
}

/* A signal that ends a process makes SIGKILL pending for it at once (complete_signal,
 * kernel/signal.c), however long it takes until a busy machine lets it act on that. */
static bool is_dying(const struct ktally_monitor *m, const struct command *c)
{
	struct proc_stat st;

	if (proc_stat_of(m->targets.proc_fd, command_pid(c), &st))
		return false;
	return st.pending & 1ULL << (SIGKILL - 1) ||
	       (st.flags & PROC_FLAG_EXITING && st.threads <= 1);
}

/* Ctrl-C reaches a command too: that it is ending is no reason to say that its status is unknown.
 */
static void await_commands(struct ktally_monitor *m)
{
	size_t i;

	for (i = 0; i < m->targets.cnt; i++) {
		const struct command *c = m->targets.list[i].command;

		if (c && !command_await(c, STOP_GRACE_MS) && is_dying(m, c))
			command_await(c, DYING_MS);
	}
	sampler_read(&m->sampler);
}

/* What was measured since the last tick is not lost. */
static void end_with_tick(struct ktally_monitor *m, enum ktally_end_reason reason)
{
	uint64_t since;

	if (m->ended)
		return;
	monitor_files_reopen(m);
	if (reason == KTALLY_END_STOPPED)
		await_commands(m);
	since = clock_monotonic_ns() - m->last_tick_ns;
	if (monitor_targets_ended(m) || since >= m->interval_ns / LAST_TICK_SHARE)
		tick(m, true);
	end(m, reason);
}

static void drain_fd(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void on_tick(void *ctx, int fd, uint32_t events)
{
	struct ktally_monitor *m = ctx;

	(void)events;
	drain_fd(fd);
	if (m->ended)
		return;
	tick(m, false);
	if (m->reader_gone)
		end(m, KTALLY_END_READER_GONE);
	else if (monitor_targets_ended(m))
		end(m, KTALLY_END_TARGETS);
	else if (m->count_limit && m->ticks >= m->count_limit)
		end(m, KTALLY_END_COUNT);
	else
		monitor_leaks_tick(m);
}

static void on_duration(void *ctx, int fd, uint32_t events)
{
	(void)events;
	drain_fd(fd);
	end_with_tick(ctx, KTALLY_END_DURATION);
}

static void on_stop(void *ctx, int fd, uint32_t events)
{
	(void)events;
	drain_fd(fd);
	end_with_tick(ctx, KTALLY_END_STOPPED);
}

static void on_reopen(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	monitor_files_reopen(ctx);
}

/* A root process has ended: a command, or the last one, ends the run before its next tick. */
static void on_exit_of_root(void *ctx, int fd, uint32_t events)
{
	struct ktally_monitor *m = ctx;

	(void)events;
	loop_remove(m->loop, fd);
	if (m->ended || sampler_read(&m->sampler))
		return;
	if (monitor_targets_ended(m))
		end_with_tick(m, KTALLY_END_TARGETS);
}

static void on_reader(void *ctx, int fd, uint32_t events)
{
	struct ktally_monitor *m = ctx;

	loop_remove(m->loop, fd);
	if (events & (EPOLLERR | EPOLLHUP)) {
		m->reader_gone = true;
		end(m, KTALLY_END_READER_GONE);
	}
}

/* ---- begin ---- */

static int no_permission(struct ktally_monitor *m)
{
	return monitor_fail(
		m, -EPERM,
		"BPF needs root, or the capabilities CAP_BPF and CAP_PERFMON; run it with sudo, "
		"or with --no-bpf for what /proc knows");
}

static int bpf_missing(struct ktally_monitor *m, const char *instrument, const struct ladder *l)
{
	const struct ladder_refusal *r = NULL;
	size_t i;

	for (i = 0; i < l->refused_cnt && !r; i++)
		if (l->refused[i].err != -ECANCELED)
			r = &l->refused[i];
	return monitor_fail(m, -ENOTSUP,
			    "instrument %s found no rung that was allowed%s%s%s%s; see "
			    "`ktally check`",
			    instrument, r ? ": " : "", r ? r->rung : "", r ? ": " : "",
			    r ? r->reason : "");
}

static void warn_degraded(const struct ktally_monitor *m, const char *instrument,
			  const struct ladder *l)
{
	size_t i;

	if (m->bpf == LADDER_BPF_OFF || l->active->bpf)
		return;
	for (i = 0; i < l->refused_cnt; i++)
		if (l->refused[i].err != -ECANCELED)
			monitor_log(m, KTALLY_LOG_WARNING, "%s falls back to %s: rung %s: %s",
				    instrument, l->active->name, l->refused[i].rung,
				    l->refused[i].reason);
}

static int open_ladders(struct ktally_monitor *m)
{
	struct ladder_wish wish = { .bpf = m->bpf, .forced = m->forced_targets };
	const char *failed = "targets";
	size_t i;
	int err;

	if (m->bpf != LADDER_BPF_OFF && !caps_allow_bpf()) {
		int denied = no_permission(m);

		return m->bpf == LADDER_BPF_REQUIRE ? -ENOTSUP : denied;
	}
	err = targets_open(&m->targets, &wish);
	if (err == -ENOTSUP)
		return bpf_missing(m, failed, &m->targets.ladder);
	if (err == -E2BIG)
		return monitor_fail(m, err, "the targets have more than %u processes; make room "
				    "with --max-processes", m->targets.shared.capacity);
	if (!err)
		err = sampler_open(&m->sampler, m->bpf, &failed);
	for (i = 0; err == -ENOTSUP && i < m->sampler.cnt; i++)
		if (!strcmp(m->sampler.list[i].ops->name, failed))
			return bpf_missing(m, failed, &m->sampler.list[i].ladder);
	if (err)
		return monitor_fail(m, err, "instrument %s cannot be opened: %s", failed,
				    strerror(-err));
	warn_degraded(m, "targets", &m->targets.ladder);
	/* Targets outside the kernel take every instrument along: said once. */
	for (i = 0; i < m->sampler.cnt && m->targets.ladder.active->bpf; i++)
		warn_degraded(m, m->sampler.list[i].ops->name, &m->sampler.list[i].ladder);
	return 0;
}

static int alloc_run(struct ktally_monitor *m)
{
	size_t i;
	int err;

	m->states = calloc(m->targets.cnt, sizeof(*m->states));
	m->alerts = calloc(MONITOR_ALERTS_MAX, sizeof(*m->alerts));
	m->pid_fds = calloc(m->targets.cnt, sizeof(*m->pid_fds));
	if (!m->states || !m->alerts || !m->pid_fds)
		return -ENOMEM;
	for (i = 0; i < m->targets.cnt; i++) {
		group_init(&m->states[i].group);
		history_init(&m->states[i].history, m->history_limit);
		averages_init(&m->states[i].run);
		memcpy(m->states[i].comm, m->targets.list[i].root_comm, sizeof(m->states[i].comm));
	}
	err = loop_new(&m->loop);
	if (err)
		return err;
	m->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->stop_fd < 0)
		return -errno;
	err = loop_add(m->loop, m->stop_fd, EPOLLIN, on_stop, m);
	return err ? err : loop_add(m->loop, m->reopen_fd, EPOLLIN, on_reopen, m);
}

static void watch_root(struct ktally_monitor *m, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return;
	if (!process_table_keep(&m->targets.table)) {
		close(fd);
		return;
	}
	m->pid_fds[m->pid_fd_cnt++] = fd;
	loop_add(m->loop, fd, EPOLLIN, on_exit_of_root, m);
}

/* PIDs only; where pidfds cannot be had, or not kept, the next tick finds the end. */
static void watch_roots(struct ktally_monitor *m)
{
	size_t i;

	for (i = 0; i < m->targets.cnt; i++)
		if (m->targets.list[i].pid > 0)
			watch_root(m, m->targets.list[i].pid);
}

/* A file cannot be polled and has no reader that could go. */
static void watch_readers(struct ktally_monitor *m)
{
	size_t i;

	for (i = 0; i < m->output_cnt; i++)
		loop_add(m->loop, output_fd(m->outputs[i].out), EPOLLERR, on_reader, m);
}

static int start_timers(struct ktally_monitor *m)
{
	m->last_tick_ns = m->begin_ns = clock_monotonic_ns();
	m->tick_fd = loop_timer(m->begin_ns + m->interval_ns, m->interval_ns);
	if (m->tick_fd < 0)
		return m->tick_fd;
	if (m->duration_ns) {
		m->end_fd = loop_timer(m->begin_ns + m->duration_ns, 0);
		if (m->end_fd < 0)
			return m->end_fd;
		loop_add(m->loop, m->end_fd, EPOLLIN, on_duration, m);
	}
	return loop_add(m->loop, m->tick_fd, EPOLLIN, on_tick, m);
}

static int check_plain_targets(struct ktally_monitor *m)
{
	size_t i;

	for (i = 0; i < m->targets.cnt; i++)
		if (m->targets.list[i].kind == TARGET_PID && m->targets.list[i].ended)
			return monitor_fail(m, -ESRCH,
					    "process %d ended before ktally had attached",
					    m->targets.list[i].pid);
	return 0;
}

/* A refused rung is told in our words; libbpf's are for whoever asks for everything. */
static void on_libbpf(void *ctx, const char *message)
{
	monitor_log(ctx, KTALLY_LOG_DEBUG, "%s", message);
}

static int begin(struct ktally_monitor *m)
{
	char error[256];
	int err;

	m->begin_cpu_ns = clock_own_cpu_ns();
	proc_memory_bytes(m->proc_fd, &m->host_memory_bytes);
	bpfload_log_begin(on_libbpf, m);
	err = open_ladders(m);
	bpfload_log_end();
	malloc_trim(0); /* the kernel's type information, megabytes of it, is not needed any more */
	if (err)
		return err;
	err = alloc_run(m);
	if (!err)
		err = monitor_leaks_start(m);
	if (!err)
		err = monitor_doors_start(m);
	if (err)
		return monitor_fail(m, err, "cannot set up the run: %s", strerror(-err));
	process_table_set_room(&m->targets.table, m->proc_fd);
	watch_roots(m);
	watch_readers(m);
	m->tick_time = clock_realtime_seconds();
	monitor_emit_header(m, NULL);
	m->begun = true;
	err = monitor_baseline(m);
	if (err)
		return monitor_fail(m, err, "cannot take the baseline: %s", strerror(-err));
	err = check_plain_targets(m);
	if (err)
		return err;
	err = targets_release(&m->targets, error);
	m->command_error = -err;
	if (err)
		return monitor_fail(m, err, "%s", error);
	monitor_flush(m);
	monitor_overhead_begin(m);
	err = start_timers(m);
	return err ? monitor_fail(m, err, "cannot start the clock: %s", strerror(-err)) : 0;
}

int ktally_monitor__begin(struct ktally_monitor *m)
{
	int err;

	if (m->begun)
		return 0;
	if (!m->targets.cnt)
		return monitor_fail(m, -EINVAL, "nothing to watch: add a target first");
	err = begin(m);
	if (err && m->begun)
		end(m, KTALLY_END_FAILED);
	return err;
}

int ktally_monitor__fd(const struct ktally_monitor *m)
{
	return m->loop ? loop_fd(m->loop) : -EBADF;
}

static int dispatch(struct ktally_monitor *m, int timeout_ms)
{
	int err;

	if (!m->begun)
		return -EINVAL;
	if (m->ended)
		return m->reason == KTALLY_END_FAILED ? -EIO : 1;
	err = loop_dispatch(m->loop, timeout_ms);
	if (err)
		return err;
	if (m->ended)
		return m->reason == KTALLY_END_FAILED ? -EIO : 1;
	return 0;
}

int ktally_monitor__dispatch(struct ktally_monitor *m)
{
	return dispatch(m, 0);
}

/* ---- on a thread of its own ---- */

static void *run(void *ctx)
{
	struct ktally_monitor *m = ctx;

	while (dispatch(m, -1) == 0)
		;
	return NULL;
}

int ktally_monitor__start(struct ktally_monitor *m)
{
	int err;

	if (m->threaded)
		return 0;
	err = ktally_monitor__begin(m);
	if (err)
		return err;
	err = -pthread_create(&m->thread, NULL, run, m);
	if (err)
		return monitor_fail(m, err, "cannot start a thread: %s", strerror(-err));
	m->threaded = true;
	return 0;
}

int ktally_monitor__stop(struct ktally_monitor *m)
{
	uint64_t one = 1;

	if (!m->begun)
		return 0;
	if (m->threaded) {
		if (write(m->stop_fd, &one, sizeof(one)) < 0)
			return -errno;
		pthread_join(m->thread, NULL);
		m->threaded = false;
	}
	end_with_tick(m, KTALLY_END_STOPPED);
	return 0;
}
