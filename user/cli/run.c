// SPDX-License-Identifier: BSD-2-Clause
/* `ktally run`: options into a monitor, signals into its end, its end into an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/heap.h"
#include "cli/options.h"

struct run {
	struct run_options options;
	enum options_of command;
	struct ktally_monitor *monitor;
	int signal_fd;
	bool had_terminal;
};

static void on_log(void *ctx, enum ktally_log_level level, const char *message)
{
	const struct run_options *o = ctx;

	if (cli_is_shown(level, o->quiet, o->verbose))
		cli_error("%s%s", level == KTALLY_LOG_WARNING ? "warning: " : "", message);
}

static int fail(struct run *r, int err)
{
	const char *text = ktally_monitor__last_error(r->monitor);

	cli_error("%s", text[0] ? text : strerror(-err));
	return cli_status(err);
}

/* ---- targets ---- */

static int add_pid(struct run *r, const char *text)
{
	KTALLY_OPTS(ktally_target_opts, target, .kind = KTALLY_TARGET_PID,
		    .follow = r->options.follow);
	uint64_t pid;
	int err;

	if (ktally_parse_count(text, &pid) || pid > 4194304 || !pid) {
		cli_error("'%s' is not a PID; see `ps -e`", text);
		return EXIT_USAGE;
	}
	target.pid = (int)pid;
	err = ktally_monitor__add_target(r->monitor, &target, NULL);
	return err ? fail(r, err) : 0;
}

static int add_pids(struct run *r, const char *list)
{
	char *copy = strdup(list), *rest = copy, *item;
	int err = copy ? 0 : EXIT_RUN;

	while (!err && (item = strsep(&rest, ",")))
		err = add_pid(r, item);
	free(copy);
	return err;
}

/* As a shell says it. */
static int exec_status(int err)
{
	if (err == -ENOENT)
		return EXIT_NOT_FOUND;
	return err == -EACCES || err == -ENOEXEC ? EXIT_NOT_EXECUTABLE : cli_status(err);
}

static int add_other(struct run *r, struct ktally_target_opts *target)
{
	int err = ktally_monitor__add_target(r->monitor, target, NULL);

	if (!err)
		return 0;
	fail(r, err);
	return target->kind == KTALLY_TARGET_COMMAND ? exec_status(err) : cli_status(err);
}

static int add_targets(struct run *r)
{
	const struct run_options *o = &r->options;
	int err = 0;
	size_t i;

	for (i = 0; i < o->pids.cnt && !err; i++)
		err = add_pids(r, o->pids.items[i]);
	for (i = 0; i < o->cgroups.cnt && !err; i++) {
		KTALLY_OPTS(ktally_target_opts, t, .kind = KTALLY_TARGET_CGROUP,
			    .path = o->cgroups.items[i]);
		err = add_other(r, &t);
	}
	for (i = 0; i < o->comms.cnt && !err; i++) {
		KTALLY_OPTS(ktally_target_opts, t, .kind = KTALLY_TARGET_COMM,
			    .glob = o->comms.items[i]);
		err = add_other(r, &t);
	}
	if (o->all && !err) {
		KTALLY_OPTS(ktally_target_opts, t, .kind = KTALLY_TARGET_ALL);
		err = add_other(r, &t);
	}
	if (o->command && !err) {
		KTALLY_OPTS(ktally_target_opts, t, .kind = KTALLY_TARGET_COMMAND,
			    .argv = o->command, .follow = 1);
		err = add_other(r, &t);
	}
	return err;
}

/* ---- rules, rungs, outputs ---- */

static int add_each(struct run *r, const struct run_list *list,
		    int (*add)(struct ktally_monitor *, const char *))
{
	size_t i;
	int err;

	for (i = 0; i < list->cnt; i++) {
		err = add(r->monitor, list->items[i]);
		if (err)
			return fail(r, err) == EXIT_RUN && err != -EINVAL ? EXIT_RUN : EXIT_USAGE;
	}
	return 0;
}

/* The host's rules, then those of the command line, which so replace the built-in ones of the same
 * name too. */
static int add_rules(struct run *r)
{
	const struct run_options *o = &r->options;
	struct run_list dirs = options_rules_dirs(o);
	int err = add_each(r, &dirs, ktally_monitor__add_rules_dir);

	if (!err)
		err = add_each(r, &o->rules, ktally_monitor__add_rules_file);
	if (!err)
		err = add_each(r, &o->alerts, ktally_monitor__add_rule);
	return err ? err : add_each(r, &o->assertions, ktally_monitor__add_assertion);
}

static int add_links(struct run *r)
{
	const struct run_options *o = &r->options;
	int err = add_each(r, &o->statsd, ktally_monitor__add_statsd);
	size_t i;

	for (i = 0; i < o->metrics_from.cnt && !err; i++)
		if (ktally_monitor__add_metrics_command(r->monitor, o->metrics_from.items[i],
							o->metrics_every_ns)) {
			fail(r, -EINVAL);
			err = EXIT_USAGE;
		}
	if (!err)
		err = add_each(r, &o->on_alert, ktally_monitor__add_alert_command);
	return err ? err : add_each(r, &o->alertmanagers, ktally_monitor__add_alertmanager);
}

static int add_output(struct run *r)
{
	struct ktally_output_opts out = options_output(&r->options);
	int err = ktally_monitor__add_output(r->monitor, &out);

	if (!err)
		return 0;
	fail(r, err);
	return err == -EINVAL ? EXIT_USAGE : EXIT_RUN;
}

/* What watches much needs many descriptors. Returns what the caller gave us, which is what our
 * commands get: programs that use select(2) rely on a low limit. 0: not known, and left alone. */
static uint64_t raise_nofile(void)
{
	struct rlimit limit;
	uint64_t given;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	given = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return given;
}

static int open_monitor(struct run *r)
{
	const struct run_options *o = &r->options;
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = o->interval_ns, .history = o->history,
		    .count = o->count, .duration_ns = o->duration_ns, .processes = o->processes,
		    .no_default_rules = o->no_default_rules,
		    .max_processes = (uint32_t)o->max_processes,
		    .simulate_loss = (uint32_t)o->simulate_loss,
		    .max_overhead_percent = o->max_overhead,
		    .bpf_stats = o->bpf_stats, .log = on_log,
		    .log_ctx = &r->options);
	int err;

	if (o->leaks)
		opts.leaks = KTALLY_LEAKS_EVIDENCE;
	if (r->command == OPTIONS_OF_LEAKS)
		opts.leaks = KTALLY_LEAKS_REPORT;
	opts.leaks_every_ns = o->every_ns;
	opts.debuginfod = o->debuginfod;
	opts.command_nofile = raise_nofile();
	opts.bpf = o->no_bpf        ? KTALLY_BPF_OFF
		   : o->require_bpf ? KTALLY_BPF_REQUIRE
				    : KTALLY_BPF_AUTO;
	err = ktally_monitor__open(&opts, &r->monitor);
	if (err) {
		cli_error("cannot open a monitor: %s", strerror(-err));
		return EXIT_RUN;
	}
	err = add_each(r, &o->rungs, ktally_monitor__force_rung);
	if (!err)
		err = add_rules(r);
	if (!err)
		err = add_links(r);
	if (!err)
		err = add_output(r);
	return err ? err : add_targets(r);
}

/* ---- signals ---- */

static bool terminal_opens(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int block_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	r->had_terminal = terminal_opens();
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd < 0 ? -errno : 0;
}

/* What a service is told when its files have changed. The log callback has said what went wrong. */
static void reload(struct run *r)
{
	(void)ktally_monitor__reload_rules(r->monitor);
	ktally_monitor__reopen_outputs(r->monitor);
}

/* Does this signal end the run? SIGHUP does only when it means what it says: the terminal has hung
 * up. */
static bool ends_run(struct run *r, int signal)
{
	if (signal != SIGHUP || (r->had_terminal && !terminal_opens()))
		return true;
	reload(r);
	return false;
}

static bool take_signals(struct run *r)
{
	struct signalfd_siginfo info;
	bool ends = false;

	while (!ends && read(r->signal_fd, &info, sizeof(info)) == sizeof(info))
		ends = ends_run(r, (int)info.ssi_signo);
	return ends;
}

/* ---- the loop ---- */

static int loop(struct run *r)
{
	struct pollfd fds[2] = { { .fd = ktally_monitor__fd(r->monitor), .events = POLLIN },
				 { .fd = r->signal_fd, .events = POLLIN } };
	int done = 0;

	while (!done) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents && take_signals(r))
			return ktally_monitor__stop(r->monitor);
		done = ktally_monitor__dispatch(r->monitor);
	}
	return done < 0 ? done : ktally_monitor__stop(r->monitor);
}

static int command_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool assertion_failed(struct run *r)
{
	struct ktally_assertions *list;

	if (!r->options.assertions.cnt)
		return false;
	/* What cannot be told has not been shown to hold. */
	return ktally_monitor__assertions(r->monitor, &list) ||
	       cli_tell_verdicts(list, r->options.quiet);
}

static int status_of(struct run *r)
{
	struct ktally_result result = { .sz = sizeof(result) };

	if (assertion_failed(r))
		return EXIT_ALERT;
	ktally_monitor__result(r->monitor, &result);
	if (r->options.fail_on_alert && result.alerts_fired)
		return EXIT_ALERT;
	if (result.write_failed)
		return EXIT_RUN;
	if (result.command_ended)
		return command_status(result.command_status);
	return EXIT_OK;
}

/* Commands get what the caller has: the watched one has been forked already, later ones inherit. */
static void drop_privileges(struct run *r)
{
	int err;

	if (r->options.on_alert.cnt || r->options.metrics_from.cnt)
		return;
	err = ktally_drop_privileges();
	if (err && !r->options.quiet)
		cli_error("warning: privileges that are no longer needed stay: %s", strerror(-err));
}

static int run_monitor(struct run *r)
{
	struct ktally_result result = { .sz = sizeof(result) };
	int err = block_signals(r);
	void *heap;

	if (err) {
		cli_error("cannot take signals: %s", strerror(-err));
		return EXIT_RUN;
	}
	heap = r->options.no_bpf ? NULL : cli_heap_prepare();
	err = ktally_monitor__begin(r->monitor);
	cli_heap_settle(heap);
	if (!err) {
		drop_privileges(r);
		err = loop(r);
	}
	if (!err)
		return status_of(r);
	fail(r, err);
	ktally_monitor__result(r->monitor, &result);
	return result.command_error ? exec_status(-result.command_error) : cli_status(err);
}

int cli_watch(enum options_of command, int argc, char **argv)
{
	struct run r = { .command = command, .signal_fd = -1 };
	int status = run_options_parse(command, argc, argv, &r.options);

	if (status)
		return status;
	if (r.options.help)
		return cli_help(0, NULL);
	if (r.options.version)
		return cli_version(0, NULL);
	status = open_monitor(&r);
	if (!status)
		status = run_monitor(&r);
	ktally_monitor__close(r.monitor);
	if (r.signal_fd >= 0)
		close(r.signal_fd);
	return status;
}

int cli_run(int argc, char **argv)
{
	return cli_watch(OPTIONS_OF_RUN, argc, argv);
}
