// SPDX-License-Identifier: BSD-2-Clause
/* Life and configuration of a monitor: the public calls that come before it runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/parse.h"
#include "monitor/internal.h"
#include "monitor/opts.h"

#define ROTATE_KEEP 5

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

const char *ktally_version(void)
{
	return STRING(KTALLY_VERSION_MAJOR) "." STRING(KTALLY_VERSION_MINOR) "." STRING(
		KTALLY_VERSION_PATCH);
}

size_t ktally_metric_count(void)
{
	return METRIC_COUNT;
}

int ktally_parse_duration(const char *text, uint64_t *ret_ns)
{
	return parse_duration_ns(text, ret_ns);
}

int ktally_parse_count(const char *text, uint64_t *ret)
{
	return parse_uint(text, UINT64_MAX, ret);
}

const char *ktally_monitor__last_error(const struct ktally_monitor *m)
{
	return m->error;
}

int monitor_fail(struct ktally_monitor *m, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pthread_mutex_lock(&m->lock);
	vsnprintf(m->error, sizeof(m->error), fmt, args);
	pthread_mutex_unlock(&m->lock);
	va_end(args);
	return err;
}

void monitor_log(const struct ktally_monitor *m, enum ktally_log_level level, const char *fmt, ...)
{
	char text[MONITOR_ERROR_LEN];
	va_list args;

	if (!m->log)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	m->log(m->log_ctx, level, text);
}

static int configure(struct ktally_monitor *m, const struct ktally_monitor_opts *opts)
{
	m->interval_ns = OPTS_GET(opts, interval_ns, 0);
	m->interval_ns = m->interval_ns ? m->interval_ns : 1000000000ULL;
	m->history_limit = OPTS_GET(opts, history, 0);
	m->history_limit = m->history_limit ? m->history_limit : 1000;
	m->count_limit = OPTS_GET(opts, count, 0);
	m->duration_ns = OPTS_GET(opts, duration_ns, 0);
	m->bpf = (enum ladder_bpf)OPTS_GET(opts, bpf, KTALLY_BPF_AUTO);
	m->overhead.budget.limit_percent = OPTS_GET(opts, max_overhead_percent, 0);
	m->overhead.count_runs = OPTS_GET(opts, bpf_stats, 0) ||
				 m->overhead.budget.limit_percent > 0;
	m->processes = OPTS_GET(opts, processes, 0);
	m->log = OPTS_GET(opts, log, NULL);
	m->log_ctx = OPTS_GET(opts, log_ctx, NULL);
	if (m->interval_ns < MONITOR_MIN_INTERVAL_NS ||
	    m->targets.max_processes > KTALLY_PROCESSES_MAX)
		return -EINVAL;
	m->rule_sources.defaults = !OPTS_GET(opts, no_default_rules, 0);
	return m->rule_sources.defaults ? rules_add_defaults(m->rules) : 0;
}

static int open_stages(struct ktally_monitor *m, const struct ktally_monitor_opts *opts)
{
	int err;

	m->reopen_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->proc_fd = open("/proc", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (m->reopen_fd < 0 || m->proc_fd < 0)
		return -errno;
	targets_init(&m->targets, m->proc_fd);
	m->targets.max_processes = OPTS_GET(opts, max_processes, 0);
	m->targets.nofile = OPTS_GET(opts, command_nofile, 0);
	err = sampler_init(&m->sampler, &m->targets, m->proc_fd);
	m->targets.shared.simulate_loss = OPTS_GET(opts, simulate_loss, 0);
	m->sampler.env.debuginfod = OPTS_GET(opts, debuginfod, 0);
	m->leaks = OPTS_GET(opts, leaks, KTALLY_LEAKS_OFF);
	m->leaks_every_ns = OPTS_GET(opts, leaks_every_ns, 0);
	if (!err && m->leaks)
		err = sampler_add(&m->sampler, "fdstack");
	if (!err)
		err = rules_new(&m->rules);
	if (!err)
		err = configure(m, opts);
	return err;
}

int ktally_monitor__open(const struct ktally_monitor_opts *opts, struct ktally_monitor **ret)
{
	struct ktally_monitor *m;
	int err = OPTS_CHECK(opts, ktally_monitor_opts);

	if (err)
		return err;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->proc_fd = m->tick_fd = m->end_fd = m->stop_fd = m->reopen_fd = -1;
	m->overhead.stats_fd = -1;
	m->targets.proc_fd = -1;
	pthread_mutex_init(&m->lock, NULL);
	err = open_stages(m, opts);
	if (err) {
		ktally_monitor__close(m);
		return err;
	}
	*ret = m;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void close_run(struct ktally_monitor *m)
{
	size_t i;

	for (i = 0; i < m->pid_fd_cnt; i++)
		close_fd(m->pid_fds[i]);
	free(m->pid_fds);
	loop_free(m->loop);
	close_fd(m->tick_fd);
	close_fd(m->end_fd);
	close_fd(m->stop_fd);
	close_fd(m->reopen_fd);
	for (i = 0; m->states && i < m->targets.cnt; i++)
		history_fini(&m->states[i].history);
	free(m->states);
	free(m->alerts);
}

void ktally_monitor__close(struct ktally_monitor *m)
{
	size_t i;

	if (!m)
		return;
	if (m->begun)
		ktally_monitor__stop(m);
	monitor_doors_close(m);
	monitor_overhead_close(m);
	close_run(m);
	sampler_fini(&m->sampler);
	targets_fini(&m->targets);
	monitor_rules_fini(m);
	for (i = 0; i < m->output_cnt; i++) {
		output_free(m->outputs[i].out);
		free(m->outputs[i].path);
	}
	for (i = 0; i < SAMPLER_INSTRUMENTS_MAX + 1; i++)
		free(m->forced[i]);
	buf_fini(&m->buf);
	close_fd(m->proc_fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* Who leaves a text out means none. */
static const char *text_of(const char *option)
{
	return option ? option : "";
}

static int add_target(struct ktally_monitor *m, const struct ktally_target_opts *opts, char *error)
{
	bool follow = OPTS_GET(opts, follow, 0);

	switch (OPTS_GET(opts, kind, KTALLY_TARGET_PID)) {
	case KTALLY_TARGET_PID:
		return targets_add_pid(&m->targets, OPTS_GET(opts, pid, 0), follow, error);
	case KTALLY_TARGET_COMMAND:
		return targets_add_command(&m->targets, OPTS_GET(opts, argv, NULL), follow, error);
	case KTALLY_TARGET_CGROUP:
		return targets_add_cgroup(&m->targets, text_of(OPTS_GET(opts, path, NULL)),
					  error);
	case KTALLY_TARGET_COMM:
		return targets_add_comm(&m->targets, text_of(OPTS_GET(opts, glob, NULL)), error);
	case KTALLY_TARGET_ALL:
		return targets_add_all(&m->targets, error);
	}
	snprintf(error, MONITOR_ERROR_LEN, "no such kind of target");
	return -EINVAL;
}

int ktally_monitor__add_target(struct ktally_monitor *m, const struct ktally_target_opts *opts,
			       size_t *ret)
{
	char error[MONITOR_ERROR_LEN] = "a target needs its kind";
	int err = opts ? OPTS_CHECK(opts, ktally_target_opts) : -EINVAL;

	if (!err && m->begun)
		return monitor_fail(m, -EBUSY, "targets are added before the monitor begins");
	if (!err)
		err = add_target(m, opts, error);
	if (err)
		return monitor_fail(m, err, "%s", error);
	if (ret)
		*ret = m->targets.cnt - 1;
	return 0;
}

int ktally_monitor__add_metrics(struct ktally_monitor *m, ktally_metrics_fn fn, void *ctx)
{
	if (m->metrics_cnt == MONITOR_CALLBACKS_MAX)
		return monitor_fail(m, -ENOSPC, "more than %d metric callbacks",
				    MONITOR_CALLBACKS_MAX);
	m->metrics[m->metrics_cnt++] = (struct metrics_callback){ .fn = fn, .ctx = ctx };
	return 0;
}

int ktally_monitor__on_snapshot(struct ktally_monitor *m, ktally_snapshot_fn fn, void *ctx)
{
	if (m->snapshot_cb_cnt == MONITOR_CALLBACKS_MAX)
		return monitor_fail(m, -ENOSPC, "more than %d snapshot callbacks",
				    MONITOR_CALLBACKS_MAX);
	m->snapshots[m->snapshot_cb_cnt++] = (struct snapshot_callback){ .fn = fn, .ctx = ctx };
	return 0;
}

static int open_output(struct ktally_monitor *m, const struct ktally_output_opts *opts,
		       struct monitor_output *o)
{
	const char *path = OPTS_GET(opts, path, NULL);
	int fd = OPTS_GET(opts, fd, -1), err;

	if (path) {
		o->path = strdup(path);
		if (!o->path)
			return monitor_fail(m, -ENOMEM, "out of memory");
		o->rotate_at = o->rotate_bytes = OPTS_GET(opts, rotate_bytes, 0);
		o->rotate_keep = OPTS_GET(opts, rotate_keep, 0);
		o->rotate_keep = o->rotate_keep ? o->rotate_keep : ROTATE_KEEP;
		fd = monitor_files_open(m, o);
		if (fd < 0)
			return fd;
	}
	err = output_new(fd, path != NULL, 0, &o->out);
	if (!err)
		return 0;
	if (path)
		close(fd);
	return monitor_fail(m, err, "cannot use the output: %s", strerror(-err));
}

int ktally_monitor__add_output(struct ktally_monitor *m, const struct ktally_output_opts *opts)
{
	struct monitor_output *o = &m->outputs[m->output_cnt];
	int err = opts ? OPTS_CHECK(opts, ktally_output_opts) : -EINVAL;
	const char *name;

	if (err)
		return monitor_fail(m, err, "an output needs a path or an fd");
	if (m->output_cnt == MONITOR_OUTPUTS_MAX)
		return monitor_fail(m, -ENOSPC, "more than %d outputs", MONITOR_OUTPUTS_MAX);
	name = OPTS_GET(opts, format, NULL);
	name = name ? name : "jsonl";
	memset(o, 0, sizeof(*o));
	o->sink.format = sink_format_find(name);
	if (!o->sink.format)
		return monitor_fail(m, -EINVAL, "no format '%s'; there are jsonl and table", name);
	o->sink.color = OPTS_GET(opts, color, 0);
	err = open_output(m, opts, o);
	if (err) {
		free(o->path);
		return err;
	}
	m->output_cnt++;
	return 0;
}

static int force(struct ktally_monitor *m, const char *instrument, const char *rung)
{
	size_t i;

	if (strcmp(instrument, "targets"))
		return sampler_force(&m->sampler, instrument, rung);
	for (i = 0; i < targets_rung_cnt; i++) {
		if (strcmp(targets_rungs[i].name, rung))
			continue;
		m->forced_targets = rung;
		return 0;
	}
	return -EINVAL;
}

int ktally_monitor__force_rung(struct ktally_monitor *m, const char *text)
{
	char *copy = strdup(text), *rung;
	size_t i = 0;
	int err;

	if (!copy)
		return -ENOMEM;
	while (i < SAMPLER_INSTRUMENTS_MAX && m->forced[i])
		i++;
	rung = strchr(copy, '=');
	if (rung)
		*rung++ = '\0';
	err = rung && !m->forced[i] ? force(m, copy, rung) : -EINVAL;
	if (err) {
		free(copy);
		return monitor_fail(m, -EINVAL,
				    "'%s' names no rung; write INSTRUMENT=RUNG, see `ktally check`",
				    text);
	}
	m->forced[i] = copy;
	return 0;
}
