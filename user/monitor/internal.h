/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor of include/ktally.h, from the inside: the stages side by side, and what they
 * share. */
#ifndef KTALLY_MONITOR_INTERNAL_H
#define KTALLY_MONITOR_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/loop.h"
#include "ktally.h"
#include "leaks/leaks.h"
#include "monitor/clocks.h"
#include "monitor/doors.h"
#include "monitor/overhead.h"
#include "rules/assertion.h"
#include "rules/rules.h"
#include "rules/sources.h"
#include "sampler/sampler.h"
#include "sinks/output.h"
#include "sinks/sink.h"
#include "snapshot/derive.h"
#include "snapshot/history.h"
#include "targets/targets.h"

#define MONITOR_OUTPUTS_MAX   8
#define MONITOR_CALLBACKS_MAX 16
#define MONITOR_CUSTOM_MAX    64
#define MONITOR_ALERTS_MAX    1000
#define MONITOR_ERROR_LEN     512
#define MONITOR_MIN_INTERVAL_NS 100000000ULL

/* What outlives a tick of one target. */
struct target_state {
	struct group group;
	struct history history;
	struct averages run; /* the whole run, for the trailer */
	char comm[16];
	bool done;	     /* ended, and its last snapshot is out */
	uint64_t untracked;  /* processes so far */
};

struct monitor_output {
	struct sink sink;
	struct output *out;
	uint64_t dropped_before; /* records, already taken off sink.seq */
	bool failed_before;	 /* its error has been logged */
	char *path;		 /* owned; NULL: an fd of the caller's */
	uint64_t rotate_bytes;	 /* 0: never */
	uint64_t rotate_at;	 /* bytes in the file; later after a failure */
	unsigned int rotate_keep;
	int rotate_err;		 /* why it could not be, as told; 0: it could */
	bool switching;		 /* from one file to the next */
};

struct metrics_callback {
	ktally_metrics_fn fn;
	void *ctx;
	bool failed_before;
};

struct snapshot_callback {
	ktally_snapshot_fn fn;
	void *ctx;
};

struct kept_alert {
	char name[64];
	char message[256];
	enum alert_state state;
	double timestamp;
	double value;
	uint32_t target;
	int32_t pid;
};

struct ktally_monitor {
	/* configuration */
	uint64_t interval_ns;
	size_t history_limit;
	uint64_t count_limit;
	uint64_t duration_ns;
	enum ladder_bpf bpf;
	bool processes;
	enum ktally_leaks_mode leaks;
	uint64_t leaks_every_ns; /* 0: at the end only */
	ktally_log_fn log;
	void *log_ctx;
	char *forced[SAMPLER_INSTRUMENTS_MAX + 1]; /* owned rung names */
	const char *forced_targets;
	struct monitor_output outputs[MONITOR_OUTPUTS_MAX];
	size_t output_cnt;
	struct metrics_callback metrics[MONITOR_CALLBACKS_MAX];
	size_t metrics_cnt;
	struct snapshot_callback snapshots[MONITOR_CALLBACKS_MAX];
	size_t snapshot_cb_cnt;
	struct monitor_doors doors;
	struct monitor_overhead overhead;

	/* stages */
	int proc_fd;
	struct targets targets;
	struct sampler sampler;
	struct rules *rules;
	struct rule_sources rule_sources;
	struct assertions *assertions; /* NULL: none */

	/* running */
	struct loop *loop;
	int tick_fd;
	int end_fd;
	int stop_fd; /* eventfd, written by __stop from another thread */
	int reopen_fd; /* the same for __reopen_outputs, before the run too */
	int *pid_fds;
	size_t pid_fd_cnt;
	bool begun;
	bool ended;
	bool threaded;
	pthread_t thread;
	uint64_t host_memory_bytes;
	uint64_t begin_ns;
	uint64_t begin_cpu_ns;
	uint64_t last_tick_ns;
	uint64_t leaks_due_ns; /* the next report */
	bool said_timed_out;   /* of the servers of debug information */
	struct clocks clocks;  /* at the last tick */
	double tick_time; /* CLOCK_REALTIME of the tick under way */
	double tick_interval;
	uint64_t untracked_told; /* processes without room, when that was last told, */
	uint64_t untracked_told_ns; /* and when */
	uint64_t kernel_lost; /* by instruments and targets, at the last tick */
	uint64_t kernel_skips; /* of their programs, when the kernel was last asked, */
	uint64_t skips_asked_ns; /* and when */
	struct buf buf;
	struct custom_metric custom[MONITOR_CUSTOM_MAX];
	size_t custom_cnt;

	/* read from any thread */
	pthread_mutex_t lock;
	struct target_state *states; /* one per target */
	struct kept_alert *alerts;   /* ring of MONITOR_ALERTS_MAX */
	size_t alert_first;
	size_t alert_cnt;
	char error[MONITOR_ERROR_LEN];
	struct rules *next_rules; /* from a reload, until the next tick; NULL: none */
	struct ktally_assertions *verdicts; /* NULL: none yet */
	char *reload_message;	  /* how the last reload went, until it is told; owned */
	enum ktally_end_reason reason;
	uint64_t ticks;
	uint64_t snapshot_cnt;
	uint64_t fired_cnt;
	int command_error; /* errno */
	bool write_failed;
	bool reader_gone;
};

/* Keeps the sentence for __last_error; returns err. */
int monitor_fail(struct ktally_monitor *m, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void monitor_log(const struct ktally_monitor *m, enum ktally_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* tick.c: one tick to its last record. last: the run ends with it. */
int monitor_baseline(struct ktally_monitor *m);
int monitor_tick(struct ktally_monitor *m, bool last);
bool monitor_targets_ended(const struct ktally_monitor *m);
enum scope monitor_scope(const struct target *target);

/* losses.c */
/* Once a tick, not once a record: asks the programs; now and then, and at the end, the kernel. */
void monitor_losses_look(struct ktally_monitor *m, bool last);
/* All that was lost, as of the last look. */
uint64_t monitor_lost(const struct ktally_monitor *m);
#define MONITOR_PROGRAMS_MAX 64 /* of all objects */
struct monitor_losses {
	struct loss_record by_source[SAMPLER_INSTRUMENTS_MAX + 2 + MONITOR_LINK_KINDS];
	size_t source_cnt;
	struct loss_record by_program[MONITOR_PROGRAMS_MAX]; /* skipped; each in its source's */
	size_t program_cnt;
};
/* A look that tells of everything. */
void monitor_losses_describe(struct ktally_monitor *m, struct monitor_losses *ret);

/* untracked.c: processes that found the kernel side's map full */
/* Their number so far, of all targets; NaN where nobody could tell. */
double monitor_untracked(const struct ktally_monitor *m);
void monitor_tell_untracked(struct ktally_monitor *m);

/* rules.c: what a reload left, at the begin of a tick */
void monitor_take_rules(struct ktally_monitor *m);
/* Of every assertion, at the end. */
void monitor_judge_assertions(struct ktally_monitor *m);
/* Rules about fields that nobody brings, at the end of a tick. */
void monitor_tell_unseen(struct ktally_monitor *m, bool last);
void monitor_rules_fini(struct ktally_monitor *m);

/* emit.c: records to every output */
/* To one output, or to all. */
void monitor_emit_header(struct ktally_monitor *m, struct monitor_output *only);
void monitor_emit_snapshot(struct ktally_monitor *m, const struct snapshot *s);
void monitor_emit_alert(void *monitor, const struct alert_record *alert);
void monitor_emit_verdict(void *monitor, const struct verdict_record *verdict);
void monitor_emit_event(struct ktally_monitor *m, const struct event_record *event);
/* An event of kind message, to all. */
void monitor_tell(struct ktally_monitor *m, const char *message);
void monitor_emit_leak(struct ktally_monitor *m, const struct leak_record *leak);
void monitor_emit_trailer(struct ktally_monitor *m);
void monitor_flush(struct ktally_monitor *m);
int monitor_flush_one(struct ktally_monitor *m, struct monitor_output *o);
void monitor_emit_message(struct ktally_monitor *m, struct monitor_output *only, const char *text);
uint64_t monitor_dropped(const struct ktally_monitor *m);

/* files.c */
/* The file of an output that has its path; the fd, or -errno with a sentence for __last_error. */
int monitor_files_open(struct ktally_monitor *m, struct monitor_output *o);
/* Before each record: another file when this one is full. */
void monitor_files_rotate(struct ktally_monitor *m, struct monitor_output *o);
/* The paths again, after somebody else's rotation, if __reopen_outputs was called. */
void monitor_files_reopen(struct ktally_monitor *m);

/* leaks.c: who opened what, where that was asked for; else nothing */
int monitor_leaks_start(struct ktally_monitor *m);
void monitor_leaks_report(struct ktally_monitor *m);
/* After a tick that is not the last: the report, if one is due. */
void monitor_leaks_tick(struct ktally_monitor *m);
/* The sites behind an alert on descriptors; report is to be freed when the record is out. */
#define MONITOR_EVIDENCE_MAX 3
struct monitor_evidence {
	struct leaks_report report;
	const struct leak_record *sites[MONITOR_EVIDENCE_MAX];
};
void monitor_leaks_explain(struct ktally_monitor *m, struct alert_record *a,
			   struct monitor_evidence *e);

#endif
