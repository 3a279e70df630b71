// SPDX-License-Identifier: BSD-2-Clause
/* ktally: finds the command and runs it; without one, `run`. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"

const struct cli_command cli_commands[] = {
	{ "run", "TARGET... [OPTIONS] | [OPTIONS] -- CMD ARG...",
	  "stream snapshots (the default command)", cli_run },
	{ "replay", "FILE [OPTIONS]", "the same rules over a recording, the same alerts",
	  cli_replay },
	{ "leaks", "TARGET... [OPTIONS] | [OPTIONS] -- CMD ARG...",
	  "at the end, which code opened the descriptors that are still open", cli_leaks },
	{ "check", "[--json]",
	  "what this kernel lets each instrument do, and the fix for what it does not", cli_check },
	{ "help", "", "this text", cli_help },
	{ "version", "", "version", cli_version },
	{ NULL, NULL, NULL, NULL },
};

void cli_error(const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	fprintf(stderr, "ktally: %s\n", line);
}

bool cli_is_shown(enum ktally_log_level level, bool quiet, bool verbose)
{
	if (quiet)
		return level == KTALLY_LOG_ERROR;
	return level <= (verbose ? KTALLY_LOG_DEBUG : KTALLY_LOG_WARNING);
}

int cli_status(int err)
{
	switch (-err) {
	case ESRCH:
	case EPERM:
	case ENOENT:
	case EACCES:
	case ENOTDIR:
	case ENODEV:
		return EXIT_TARGET;
	case ENOTSUP:
		return EXIT_BPF;
	case EINVAL:
		return EXIT_TARGET;
	}
	return EXIT_RUN;
}

int main(int argc, char **argv)
{
	const struct cli_command *c;

	for (c = cli_commands; argc > 1 && c->name; c++)
		if (!strcmp(argv[1], c->name))
			return c->run(argc - 1, argv + 1);
	return cli_run(argc, argv);
}
