/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of the stream, as data: made by snapshot/ and rules/, turned into bytes by sinks/.
 * Every pointer is borrowed from whoever made the record and valid while it is handed on.
 */
#ifndef KTALLY_SNAPSHOT_RECORD_H
#define KTALLY_SNAPSHOT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "snapshot/tally.h"

enum scope { SCOPE_PROCESS, SCOPE_TREE, SCOPE_CGROUP, SCOPE_SYSTEM };

extern const char *const scope_names[]; /* "process", "tree", "cgroup", "system" */

#define CUSTOM_NAME_LEN 64

struct custom_metric {
	char name[CUSTOM_NAME_LEN];
	double value; /* NaN: unknown */
};

struct snapshot {
	double timestamp;	/* CLOCK_REALTIME, epoch seconds */
	uint64_t monotonic_ns;	/* of the tick, whole microseconds; orders snapshots whatever the
				   wall clock does */
	uint32_t target;	/* index */
	enum scope scope;
	bool member; /* a --processes line: a member of the target, not the target itself */
	bool final;  /* the last one of this process or target */
	int32_t pid;		/* the process, or a tree's root; 0: none to name */
	uint64_t start_ticks;	/* /proc/PID/stat field 22: with pid, the identity */
	char comm[16];		/* bytes as the kernel has them, NUL-terminated */
	uint32_t processes;	/* members alive */
	double interval_seconds; /* measured */
	double interval_asked;	/* seconds between two snapshots as configured; 0: not known */
	double v[METRIC_COUNT];	/* NaN: unknown */
	const struct custom_metric *custom;
	size_t custom_cnt;
	const char *const *firing; /* names of alerts that fire for this target now */
	size_t firing_cnt;
	double pids_untracked;	/* processes since attach that only the target counts; NaN: unknown,
				   or a member */
	uint64_t lost_events;	/* since start */
};

/* An interval of less than half of what was asked for. */
static inline bool snapshot_is_short(const struct snapshot *s)
{
	return s->interval_seconds * 2 < s->interval_asked;
}

/* What such an interval, as the last one of a run that ends between two ticks, says of a rate or an
 * amount. */
static inline bool snapshot_is_chance(const struct snapshot *s, size_t metric)
{
	return snapshot_is_short(s) && metric_is_of_interval(metric);
}

enum alert_state { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED };

extern const char *const alert_state_names[]; /* "inactive", "pending", "firing", "resolved" */

struct label {
	const char *name;
	const char *value;
};

struct leak_record;

struct alert_record {
	double timestamp;
	const char *alert;
	enum alert_state state;
	enum alert_state before; /* the state that it left */
	const char *severity;	/* "warning" unless the rule's labels say otherwise */
	const char *expr;
	double value;		/* left side of the comparison; NaN: unknown */
	double threshold;	/* right side; NaN when the expression has no single one */
	double for_seconds;
	double started_at;	/* epoch seconds at which the condition became true */
	const struct label *labels;
	size_t label_cnt;
	const struct label *annotations;
	size_t annotation_cnt;
	const char *message;
	uint32_t target;
	int32_t pid;		/* 0: a target of several processes */
	char comm[16];
	bool about_descriptors; /* its expression has fields of them */
	bool has_evidence;	/* the call sites that opened them were asked for: */
	const struct leak_record *const *evidence;
	size_t evidence_cnt;
};

/* Whether a condition on a whole run holds. */
struct verdict_record {
	double timestamp;	/* of the last snapshot */
	const char *assertion;
	bool passed;		/* what is unknown does not */
	double value;		/* left side of its comparison; NaN: unknown */
	double threshold;	/* right side; NaN when there is no single one */
	const char *message;
	uint32_t target;
};

/* What a rule would have done over a recording with another threshold. */
struct sweep_record {
	double timestamp;	/* of the last record */
	const char *expr;
	double threshold;
	uint64_t alerts;	/* times that it fired */
	double firing_seconds;	/* summed over processes */
};

/* What ktally itself cost, over some time. */
struct program_run {
	const char *name;
	uint64_t runs;
	double seconds;
};

struct overhead_record {
	double seconds;
	double cpu_seconds;
	double cpu_percent;	/* of one CPU */
	double bpf_seconds;	/* in its programs, on all CPUs; NaN: the kernel does not say */
	double bpf_percent;	/* of one CPU */
	double bpf_runs;
	const struct program_run *programs; /* none where the kernel does not count */
	size_t program_cnt;
	uint64_t max_rss_bytes; /* since start */
	uint64_t map_bytes;	/* kernel memory of its maps; 0: unknown, or none */
	double interval_seconds; /* between snapshots now */
};

enum event_kind {
	EVENT_PROCESS_START,
	EVENT_PROCESS_EXEC,
	EVENT_PROCESS_EXIT,
	EVENT_MESSAGE,
	EVENT_OVERHEAD,
};

struct event_record {
	double timestamp;
	enum event_kind kind;
	uint32_t target;
	int32_t pid;
	int32_t ppid;		/* 0: unknown */
	char comm[16];
	uint64_t start_ticks;
	/* PROCESS_EXIT */
	bool exit_known;
	int exit_status;	/* as from waitpid(2) */
	const struct raw_row *totals; /* last totals; NULL: none */
	/* MESSAGE: something that the reader of the stream has to know, such as a rung stepping
	 * down */
	const char *message;
	/* OVERHEAD; message: why, NULL: a minute is over */
	const struct overhead_record *overhead;
};

struct rung_refusal {
	const char *rung;
	const char *reason;
};

struct instrument_record {
	const char *name;
	const char *rung;
	bool exact;
	const struct rung_refusal *refused;
	size_t refused_cnt;
};

struct target_record {
	const char *kind; /* "pid", "command", "cgroup", "comm", "all" */
	enum scope scope;
	int32_t pid;
	const char *path;		/* cgroup */
	const char *glob;		/* comm */
	const char *const *argv;	/* command, NULL-terminated */
	bool follow;
};

struct rule_record {
	const char *alert;
	const char *expr;
	double for_seconds;
	const char *severity;
};

struct header_record {
	double timestamp;
	const char *version;
	const char *host_name;
	const char *kernel;
	const char *arch;
	uint32_t cpus;
	uint64_t memory_bytes;
	const char *boot_id;
	const char *cgroup_mode; /* "v1", "v2", "hybrid", NULL: none */
	const struct target_record *targets;
	size_t target_cnt;
	double interval_seconds; /* as asked */
	const struct instrument_record *instruments;
	size_t instrument_cnt;
	const struct rule_record *rules;
	size_t rule_cnt;
};

/* Means and maxima of one target over the whole run. */
struct averages {
	struct tally of[METRIC_COUNT];
};

struct loss_record {
	const char *source; /* "records", "sched", "fd", ... */
	uint64_t count;
};

struct trailer_record {
	double timestamp;
	const char *reason; /* "targets_ended", "count", "duration", "stopped", "signal",
			       "reader_gone", "failed" */
	bool target_exit_known;
	int target_exit; /* as from waitpid(2), of a command target */
	uint64_t snapshots;
	uint64_t alerts; /* that fired */
	double pids_untracked; /* of all targets; NaN: unknown */
	uint64_t lost_events;
	const struct loss_record *losses;
	size_t loss_cnt;
	const struct loss_record *skipped; /* by program: those that the kernel did not run */
	size_t skipped_cnt;
	const struct averages *averages; /* one per target */
	size_t target_cnt;
	struct overhead_record overhead; /* over the run */
};

#endif
