/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands share: the option table's types, exit statuses, messages. */
#ifndef KTALLY_CLI_CLI_H
#define KTALLY_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ktally.h"

enum exit_status {
	EXIT_OK = 0,
	EXIT_RUN = 1,	    /* run-time failure */
	EXIT_USAGE = 2,
	EXIT_ALERT = 3,	    /* an alert fired and --fail-on-alert, or an --assert failed */
	EXIT_TARGET = 4,    /* target not found, or not permitted */
	EXIT_BPF = 5,	    /* BPF missing and --require-bpf */
	EXIT_DEGRADED = 6,  /* check: ktally runs, and does not see everything */
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

struct cli_command {
	const char *name;
	const char *usage;
	const char *help;
	/* argv[0] is the command's name. Returns the exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct cli_command cli_commands[]; /* NULL-named entry ends it */

/* One line on standard error: "ktally: ...". */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The options' log level: quiet, verbose, or neither. */
bool cli_is_shown(enum ktally_log_level level, bool quiet, bool verbose);
/* Says each verdict, or only those that failed; frees the list. Returns how many failed. */
size_t cli_tell_verdicts(struct ktally_assertions *list, bool quiet);
/* Exit status for a failed call of the library. */
int cli_status(int err);

#endif
