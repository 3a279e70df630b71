// SPDX-License-Identifier: BSD-2-Clause
/* `ktally help` and `ktally version`, from the tables of commands and options. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/options.h"

int cli_help(int argc, char **argv)
{
	const struct cli_command *c;

	puts("Usage:");
	for (c = cli_commands; c->name; c++)
		printf("  ktally %-8s %s\n                  %s\n", c->name, c->usage, c->help);
	puts("\nOptions of run:");
	options_help(OPTIONS_OF_RUN);
	puts("\nOptions of replay:");
	options_help(OPTIONS_OF_REPLAY);
	puts("\nExit status: 0; 1 run-time failure; 2 usage; 3 an alert fired and --fail-on-alert, "
	     "or an\n"
	     "--assert failed; 4 target not found or not permitted; 5 BPF missing and "
	     "--require-bpf; with\n"
	     "-- CMD the command's own (126 not executable, 127 not found, 128+N ended by signal "
	     "N).");
	return EXIT_OK;
}

int cli_version(int argc, char **argv)
{
	printf("ktally %s\n", ktally_version());
	return EXIT_OK;
}
