/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktally.h - watch processes the way the kernel counts them.
 *
 * A monitor watches targets (a PID, a command, a cgroup, a comm glob, everything), takes one
 * snapshot of each per interval, keeps a history, evaluates alert rules and writes records to
 * outputs.
 *
 * Conventions, for every function here:
 *   - 0 on success, -errno on failure; an out-parameter comes last and is untouched on failure;
 *   - handles are opaque; ..__close and ..__free take NULL;
 *   - a value that could not be read is unknown, never 0: getters return -ENODATA for it;
 *   - nothing is printed; messages go to the log callback of the monitor;
 *   - option structs start with their own size: use KTALLY_OPTS() and name the fields that you set.
 *
 * Threads: configure a monitor (add_*) from one thread before it is started. Once it runs, the
 * reading functions (recent, averages, alerts, last_error) may be called from any thread. Callbacks
 * run on the monitor's thread and may read, but must not start, stop or close.
 */
#ifndef KTALLY_H
#define KTALLY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KTALLY_API __attribute__((visibility("default")))

#define KTALLY_VERSION_MAJOR 0
#define KTALLY_VERSION_MINOR 1
#define KTALLY_VERSION_PATCH 0
#define KTALLY_SCHEMA "ktally.v1"

/* Library version as "0.1.0". */
KTALLY_API const char *ktally_version(void);

/* Declares a zeroed option struct with its size filled in, then the fields named. C99 and later;
 * C++ callers zero the struct and set .sz themselves. */
#define KTALLY_OPTS(type, name, ...) struct type name = { sizeof(struct type), __VA_ARGS__ }

struct ktally_monitor;
struct ktally_snapshot;
struct ktally_snapshots;
struct ktally_averages;
struct ktally_alerts;
struct ktally_replay;
struct ktally_assertions;

/* ---- metrics: one public table describes every number of a snapshot ---- */
struct ktally_metric {
	const char *name; /* as in the records: "cpu_percent" */
	const char *unit; /* "seconds", "bytes", "MiB", "percent", "" for a count */
	const char *help; /* one sentence: what is counted, and where it comes from */
};

KTALLY_API size_t ktally_metric_count(void);
/* NULL when index is out of range. The table is constant for the life of the process. */
KTALLY_API const struct ktally_metric *ktally_metric_at(size_t index);

/* "250ms", "1s", "1.5s", "5m", "1h30m"; a bare number is seconds. -EINVAL, -ERANGE. */
KTALLY_API int ktally_parse_duration(const char *text, uint64_t *ret_ns);
/* Decimal digits and nothing else. -EINVAL, -ERANGE. */
KTALLY_API int ktally_parse_count(const char *text, uint64_t *ret);

/* ---- a monitor ---- */
enum ktally_log_level { KTALLY_LOG_ERROR, KTALLY_LOG_WARNING, KTALLY_LOG_INFO, KTALLY_LOG_DEBUG };

/* message: one line without newline, valid during the call. */
typedef void (*ktally_log_fn)(void *ctx, enum ktally_log_level level, const char *message);

enum ktally_bpf_mode {
	KTALLY_BPF_AUTO,    /* the best rung that works, down to /proc */
	KTALLY_BPF_OFF,     /* /proc only */
	KTALLY_BPF_REQUIRE, /* start fails with -ENOTSUP when an instrument has to fall back to
			       /proc */
};

/* No kernel has more PIDs, and so processes (PID_MAX_LIMIT, include/linux/threads.h). */
#define KTALLY_PROCESSES_MAX 4194304

struct ktally_monitor_opts {
	size_t sz;
	uint64_t interval_ns;   /* 0: one second; least 100 ms */
	size_t history;         /* snapshots kept per target; 0: 1000 */
	uint64_t count;         /* stop after so many ticks; 0: no limit */
	uint64_t duration_ns;   /* stop after so long; 0: no limit */
	enum ktally_bpf_mode bpf;
	int processes;          /* non-zero: also one snapshot per member process */
	int no_default_rules;   /* non-zero: without high_cpu, high_memory, file_handle_leak */
	uint32_t max_processes; /* map capacity for targets that grow, two thirds of a KiB of kernel
				   memory each; 0: sized from the request; most
				   KTALLY_PROCESSES_MAX */
	ktally_log_fn log;      /* NULL: silent */
	void *log_ctx;
	uint32_t simulate_loss; /* a fault for tests: one event in so many is lost, and counted as
				   lost */
	double max_overhead_percent; /* of one CPU: above it snapshots are taken further apart, at
				   most a minute, and the stream says so; 0: no limit */
	int bpf_stats;          /* non-zero: the kernel measures its BPF programs, which costs each
				   run two readings of a clock; implied by a limit */
	int leaks;              /* enum ktally_leaks_mode: which code opened what; needs BPF */
	int debuginfod;         /* non-zero: names for it from $DEBUGINFOD_URLS too; may be slow */
	uint64_t leaks_every_ns; /* KTALLY_LEAKS_REPORT: so often while it runs, too; 0: only at the
				    end */
	uint64_t command_nofile; /* soft RLIMIT_NOFILE of the commands that are run, for a program
				    that has raised its own; 0: as this process has it */
	size_t :0;
};
#define ktally_monitor_opts__last_field command_nofile
/* opts may be NULL. -EINVAL for an interval below 100 ms or a max_processes above its most, -E2BIG
 * for a newer option struct. */
KTALLY_API int ktally_monitor__open(const struct ktally_monitor_opts *opts,
				    struct ktally_monitor **ret);
/* Stops, ends the command if one is still held at its gate, frees. NULL is allowed. */
KTALLY_API void ktally_monitor__close(struct ktally_monitor *m);

/* One sentence about the last failed call of this monitor, "" if none. The text belongs to the
 * monitor and is replaced by the next failure. */
KTALLY_API const char *ktally_monitor__last_error(const struct ktally_monitor *m);

/* ---- targets ---- */
enum ktally_target_kind {
	KTALLY_TARGET_PID,
	KTALLY_TARGET_COMMAND,
	KTALLY_TARGET_CGROUP,
	KTALLY_TARGET_COMM,
	KTALLY_TARGET_ALL,
};

struct ktally_target_opts {
	size_t sz;
	enum ktally_target_kind kind;
	int pid;             /* PID */
	int follow;          /* PID, COMMAND: children and grandchildren too */
	const char *path;    /* CGROUP: absolute, or relative to the cgroup v2 mount */
	const char *glob;    /* COMM: shell pattern (* ? [set]) over the kernel's 15-byte name */
	char *const *argv;   /* COMMAND: NULL-terminated, found in PATH */
	size_t :0;
};
#define ktally_target_opts__last_field argv
/* Adds a target; *ret (may be NULL) is its index in the records. Strings are copied. A command is
 * started at once and held before its first instruction until the monitor starts.
 * -ESRCH: no such process; -EPERM: a kernel thread; -ENOENT, -EACCES: command or cgroup; -EINVAL: a
 * cgroup v1 path, an empty path, a threaded cgroup, a bad pattern; -ENOSPC: more than 64 targets
 * that can grow. */
KTALLY_API int ktally_monitor__add_target(struct ktally_monitor *m,
					  const struct ktally_target_opts *opts, size_t *ret);

/* ---- rules, custom metrics, outputs ---- */

/* 'NAME: EXPR [for DUR]', e.g. "fds: open_fds > 500 for 10s". -EINVAL with last_error on a bad
 * one. */
KTALLY_API int ktally_monitor__add_rule(struct ktally_monitor *m, const char *text);
/* A rule file in Prometheus rule-file syntax. -EINVAL with file, line and column in last_error. */
KTALLY_API int ktally_monitor__add_rules_file(struct ktally_monitor *m, const char *path);
/* The *.yaml and *.yml of a folder, in the order of their names. A folder that is not there is as
 * good as an empty one: a reload looks again. */
KTALLY_API int ktally_monitor__add_rules_dir(struct ktally_monitor *m, const char *path);
/* A condition on the run of each target, such as "max(open_fds) < 200": the language of rules, with
 * min, max, avg, sum, first and last in place of ranges; a field alone is its last known value. */
KTALLY_API int ktally_monitor__add_assertion(struct ktally_monitor *m, const char *text);
/* Reads all rules anew, from any thread. They are in force from the next snapshot on: alerts whose
 * name and expression stayed keep their state, those of rules that went resolve. On failure,
 * -EINVAL or why a file cannot be read, the old rules stay. Either way an event says so in the
 * stream. */
KTALLY_API int ktally_monitor__reload_rules(struct ktally_monitor *m);

/* Called once per target and tick. Report values with ktally_metrics__set; return 0, or -errno to
 * have the failure reported and the snapshot go on without this callback's values. */
struct ktally_metrics;
typedef int (*ktally_metrics_fn)(void *ctx, struct ktally_metrics *metrics);
/* -EEXIST: the snapshot has a value of this name; -ENOSPC: it has 64; -EINVAL: no name, or of 64
 * bytes. */
KTALLY_API int ktally_metrics__set(struct ktally_metrics *metrics, const char *name, double value);
/* Index of the target that values are asked for. */
KTALLY_API size_t ktally_metrics__target(const struct ktally_metrics *metrics);
KTALLY_API int ktally_monitor__add_metrics(struct ktally_monitor *m, ktally_metrics_fn fn,
					   void *ctx);

/*
 * Custom metrics of other programs. A value belongs to the process that it names (pid), and is in
 * the line of that process and of the target that has it, summed over a target's processes; without
 * one it belongs to the first target that has not ended. A snapshot has room for 64; what does not
 * fit, and what cannot be read, is counted in lost_events and told once.
 */

/* StatsD and DogStatsD on "PORT", "HOST:PORT" (numeric; a port alone is on loopback) or
 * "unix:PATH", where every local program may write. Gauge: NAME, the last value; counter: NAME, the
 * sum so far, and NAME_per_sec; timer: NAME_mean, NAME_max (as sent), NAME_count; set: NAME_count;
 * counts, means and maxima are of one interval. The tag pid:N names the process. Dots in names
 * become _. */
KTALLY_API int ktally_monitor__add_statsd(struct ktally_monitor *m, const char *address);
/* Runs a command each every_ns (0: ten seconds; least 100 ms), once at the beginning, without a
 * shell: words are split at blanks, with quotes and backslashes. It prints a JSON object of
 * numbers, or Prometheus text, where the label pid names the process. Killed after ten seconds, or
 * every_ns; after a failed run its values are unknown until the next good one. */
KTALLY_API int ktally_monitor__add_metrics_command(struct ktally_monitor *m, const char *command,
						   uint64_t every_ns);

/*
 * Actions on alerts that fire or resolve. They never hold up a snapshot; at the end of the run
 * those under way get up to five seconds, by which __stop takes longer.
 */

/* Runs a command, split as above: the alert record is on its standard input, its fields are
 * KTALLY_ALERT, _STATE, _SEVERITY, _VALUE, _THRESHOLD, _PID, _COMM, _MESSAGE, _EXPR, _TARGET,
 * _FOR_SECONDS, _STARTED_AT and _TIMESTAMP in its environment (what is unknown is not set), what it
 * prints goes to standard error. Four at a time, 64 wait, each is killed after ten seconds. */
KTALLY_API int ktally_monitor__add_alert_command(struct ktally_monitor *m, const char *command);
/* Posts to the v2 API of the Alertmanager at this URL; alerts that still fire when ktally ends
 * resolve there four minutes later. -ENOTSUP: built without libcurl. */
KTALLY_API int ktally_monitor__add_alertmanager(struct ktally_monitor *m, const char *url);

/* Called with every snapshot, on the monitor's thread; the snapshot is valid during the call. */
typedef void (*ktally_snapshot_fn)(void *ctx, const struct ktally_snapshot *snapshot);
KTALLY_API int ktally_monitor__on_snapshot(struct ktally_monitor *m, ktally_snapshot_fn fn,
					   void *ctx);

struct ktally_output_opts {
	size_t sz;
	const char *format; /* "jsonl" or "table"; NULL: jsonl */
	const char *path;   /* file to create or truncate; NULL: use fd. With rotate_bytes a
			       regular file, else -EINVAL, and what is in it becomes path.1 */
	int fd;             /* stays the caller's; must outlive the monitor */
	int color;          /* table: colour alerts */
	uint64_t rotate_bytes; /* of path: about so large a file is renamed to path.1, path.1 to
				  path.2 and so on, and a new one is begun; 0: never */
	unsigned int rotate_keep; /* files, path itself included; 0: 5 */
	size_t :0;
};
#define ktally_output_opts__last_field rotate_keep
KTALLY_API int ktally_monitor__add_output(struct ktally_monitor *m,
					  const struct ktally_output_opts *opts);

/* Opens the paths of outputs again where another file has taken their place, or none: after a log
 * rotation. Every file begins with a header, and no record is lost. The monitor's thread does it
 * at once, or the next dispatch, for which fd becomes readable; may be called from any thread. */
KTALLY_API void ktally_monitor__reopen_outputs(struct ktally_monitor *m);

/* 'INSTRUMENT=RUNG', e.g. "fd=syscall": only that rung is tried. -EINVAL for an unknown one. */
KTALLY_API int ktally_monitor__force_rung(struct ktally_monitor *m, const char *text);

/* ---- running ---- */
/* Attaches, takes the silent baseline, writes the header and runs on a thread of its own.
 * Idempotent. */
KTALLY_API int ktally_monitor__start(struct ktally_monitor *m);
/* Takes a last snapshot, writes the trailer, detaches. Returns within one interval. Idempotent. */
KTALLY_API int ktally_monitor__stop(struct ktally_monitor *m);

/* Instead of start: begin, then poll fd and call dispatch whenever it is readable. dispatch returns
 * 1 once the run has ended (count, duration, last target gone, reader gone), 0 before, -errno on
 * failure. stop works the same and must be called before close to get the trailer. */
KTALLY_API int ktally_monitor__begin(struct ktally_monitor *m);
KTALLY_API int ktally_monitor__fd(const struct ktally_monitor *m);
KTALLY_API int ktally_monitor__dispatch(struct ktally_monitor *m);

enum ktally_end_reason {
	KTALLY_END_NONE,        /* still running, or never started */
	KTALLY_END_STOPPED,     /* __stop */
	KTALLY_END_TARGETS,     /* the command ended; without one, the last target */
	KTALLY_END_COUNT,       /* opts.count reached */
	KTALLY_END_DURATION,    /* opts.duration_ns reached */
	KTALLY_END_READER_GONE, /* the reader of an output closed it */
	KTALLY_END_FAILED,      /* last_error says why */
};

struct ktally_result {
	size_t sz;
	enum ktally_end_reason reason;
	int command_started; /* a command target was released from its gate */
	int command_ended;   /* and has ended */
	int command_status;  /* as from waitpid(2) */
	int command_error;   /* errno of an execve that failed; 0: none did */
	int write_failed;    /* an output lost records to an error such as a full disk */
	uint64_t snapshots;
	uint64_t alerts_fired;
	uint64_t lost_events;
	size_t :0;
};
#define ktally_result__last_field lost_events
KTALLY_API int ktally_monitor__result(const struct ktally_monitor *m, struct ktally_result *ret);

/* ---- reading ---- */
/* The most recent count snapshots of a target, oldest first; an empty list is an answer. */
KTALLY_API int ktally_monitor__recent(const struct ktally_monitor *m, size_t target, size_t count,
				      struct ktally_snapshots **ret);
KTALLY_API size_t ktally_snapshots__count(const struct ktally_snapshots *list);
/* Valid until the list is freed; NULL when index is out of range. */
KTALLY_API const struct ktally_snapshot *ktally_snapshots__at(const struct ktally_snapshots *list,
							      size_t index);
KTALLY_API void ktally_snapshots__free(struct ktally_snapshots *list);

/* By name ("cpu_percent", or the name of a custom metric). -ENOENT: no such metric, -ENODATA:
 * unknown. */
KTALLY_API int ktally_snapshot__get(const struct ktally_snapshot *s, const char *name, double *ret);
KTALLY_API double ktally_snapshot__timestamp(const struct ktally_snapshot *s); /* epoch seconds */
KTALLY_API size_t ktally_snapshot__target(const struct ktally_snapshot *s);
KTALLY_API int ktally_snapshot__pid(const struct ktally_snapshot *s); /* 0: more than one process */
KTALLY_API const char *ktally_snapshot__comm(const struct ktally_snapshot *s);

/* Averages of a target over the last `seconds`, by time, from history: each snapshot counts for as
 * long as its interval; amounts of an interval (oncpu_seconds) are averaged per interval. count is
 * 0 when there was no snapshot yet; every average is then -ENODATA. */
KTALLY_API int ktally_monitor__averages(const struct ktally_monitor *m, size_t target,
					double seconds, struct ktally_averages **ret);
KTALLY_API size_t ktally_averages__count(const struct ktally_averages *a);
KTALLY_API int ktally_averages__get(const struct ktally_averages *a, const char *name, double *ret);
KTALLY_API void ktally_averages__free(struct ktally_averages *a);

/* The most recent changes of alert state (at most 1000 are kept), oldest first. */
struct ktally_alert {
	size_t sz;
	const char *name;
	const char *state; /* "pending", "firing", "resolved" */
	const char *message;
	double timestamp; /* epoch seconds */
	double value;
	size_t target;
	int pid;
	size_t :0;
};
#define ktally_alert__last_field pid
KTALLY_API int ktally_monitor__alerts(const struct ktally_monitor *m, struct ktally_alerts **ret);
KTALLY_API size_t ktally_alerts__count(const struct ktally_alerts *list);
/* Strings are valid until the list is freed. ret->sz must be set. */
KTALLY_API int ktally_alerts__at(const struct ktally_alerts *list, size_t index,
				 struct ktally_alert *ret);
KTALLY_API void ktally_alerts__free(struct ktally_alerts *list);

/* ---- verdicts ---- */
struct ktally_assertion {
	size_t sz;
	const char *assertion;
	const char *message; /* "max(open_fds) is 57" */
	int passed;          /* 0 also when its value is unknown */
	double value;        /* NaN: unknown */
	size_t target;
	size_t :0;
};
#define ktally_assertion__last_field target
/* One for each assertion and target; none before the run has ended. */
KTALLY_API int ktally_monitor__assertions(const struct ktally_monitor *m,
					struct ktally_assertions **ret);
KTALLY_API size_t ktally_assertions__count(const struct ktally_assertions *list);
/* Strings are valid until the list is freed. ret->sz must be set. */
KTALLY_API int ktally_assertions__at(const struct ktally_assertions *list, size_t index,
				     struct ktally_assertion *ret);
KTALLY_API void ktally_assertions__free(struct ktally_assertions *list);

/* ---- what this host allows ---- */
struct ktally_check;

struct ktally_check_opts {
	size_t sz;
	ktally_log_fn log; /* libbpf's own messages, as KTALLY_LOG_DEBUG; NULL: silent */
	void *log_ctx;
	size_t :0;
};
#define ktally_check_opts__last_field log_ctx
/* What a monitor with default options would do here. */
enum ktally_verdict {
	KTALLY_VERDICT_EXACT,    /* every instrument runs on an exact rung */
	KTALLY_VERDICT_DEGRADED, /* runs; an instrument is on a rung that does not see everything */
	KTALLY_VERDICT_NO_BPF,   /* runs; every instrument is on /proc */
	KTALLY_VERDICT_NOT_PERMITTED, /* begin fails with -EPERM: capabilities are missing */
};

struct ktally_check_item {
	size_t sz;
	const char *section; /* "kernel", "namespaces", "cgroups", "capabilities", "programs",
				"instruments" */
	const char *name;    /* in "instruments": INSTRUMENT=RUNG, as __force_rung takes it */
	int ok;              /* 1 yes, 0 no, -1 could not be found out */
	const char *detail;  /* one sentence; for a no, the reason */
	const char *fix;     /* a command or a setting; NULL: none needed, or none known */
	size_t :0;
};
#define ktally_check_item__last_field fix
/* Tries everything for real, and leaves nothing behind: loads and attaches a program of every type
 * in use, climbs every rung of every instrument. Starts short-lived children. opts may be NULL. */
KTALLY_API int ktally_check__run(const struct ktally_check_opts *opts, struct ktally_check **ret);
KTALLY_API enum ktally_verdict ktally_check__verdict(const struct ktally_check *c);
KTALLY_API size_t ktally_check__count(const struct ktally_check *c);
/* Strings are valid until the report is freed. ret->sz must be set. -ENOENT: no such item. */
KTALLY_API int ktally_check__at(const struct ktally_check *c, size_t index,
				struct ktally_check_item *ret);
/* The report as one JSON object, without newline; free(3) it. */
KTALLY_API int ktally_check__json(const struct ktally_check *c, char **ret);
KTALLY_API void ktally_check__free(struct ktally_check *c);

/* ---- least privilege ---- */

/* Gives up, for the calling thread and what it starts from now on, every capability that a monitor
 * which has begun does not need, and sets no_new_privs. Kept, where held: CAP_BPF (reading maps
 * before Linux 5.19), and CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH for what /proc hides of other
 * users' processes. Call it between __begin and __dispatch, or between __begin and __start. A
 * command target has been started before and keeps the caller's privileges. There is no way
 * back. */
KTALLY_API int ktally_drop_privileges(void);

#ifdef __cplusplus
}
#endif
#include "ktally_leaks.h"
#include "ktally_replay.h"

#endif
