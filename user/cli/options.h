/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `run` and `replay`, as rows: one table drives parsing and --help. */
#ifndef KTALLY_CLI_OPTIONS_H
#define KTALLY_CLI_OPTIONS_H

#include "cli/cli.h"

#define RUN_LIST_MAX 256

/* Rules of the host: *.yaml there, when it is there. The variable puts another folder in its
 * place. */
#define RULES_DIR	   "/etc/ktally/rules.d"
#define RULES_DIR_VARIABLE "KTALLY_RULES_DIR"

struct run_list {
	const char *items[RUN_LIST_MAX];
	size_t cnt;
};

struct run_options {
	struct run_list pids;	 /* still as text: PID[,PID...] */
	struct run_list cgroups;
	struct run_list comms;
	bool all;
	bool follow;
	uint64_t interval_ns;
	uint64_t count;
	uint64_t duration_ns;
	uint64_t history;
	uint64_t max_processes;
	uint64_t simulate_loss;
	double max_overhead; /* percent of one CPU */
	bool bpf_stats;
	bool processes;
	struct run_list rules;
	struct run_list alerts;
	struct run_list statsd;
	struct run_list metrics_from;
	uint64_t metrics_every_ns;
	struct run_list on_alert;
	struct run_list alertmanagers;
	const char *output;
	const char *format;
	uint64_t rotate_bytes;
	uint64_t rotate_keep; /* files; 0: as many as usual */
	struct run_list rungs;
	bool no_bpf;
	bool require_bpf;
	bool leaks;
	uint64_t every_ns; /* leaks: 0: only at the end */
	bool debuginfod;
	bool no_default_rules;
	bool no_rules_dir;
	bool fail_on_alert;
	struct run_list assertions;
	const char *what_if;
	const char *sweep;
	bool quiet;
	bool verbose;
	bool help;
	bool version;
	char **command; /* after --; NULL: none */
};

enum options_of { OPTIONS_OF_RUN, OPTIONS_OF_REPLAY, OPTIONS_OF_LEAKS };

/* Of run or leaks. 0, or EXIT_USAGE after a message. Strings point into argv. */
int run_options_parse(enum options_of command, int argc, char **argv, struct run_options *ret);
/* All of such a command: run.c. */
int cli_watch(enum options_of command, int argc, char **argv);
/* The same for replay, which takes some of the options and a file. */
int replay_options_parse(int argc, char **argv, struct run_options *ret, const char **ret_file);
/* The folder of the host's rules, or none. */
struct run_list options_rules_dirs(const struct run_options *o);
struct ktally_output_opts options_output(const struct run_options *o);
/* Rows of the table as text, to standard output. */
void options_help(enum options_of command);

#endif
