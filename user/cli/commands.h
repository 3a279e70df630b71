/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands, one file each. */
#ifndef KTALLY_CLI_COMMANDS_H
#define KTALLY_CLI_COMMANDS_H

int cli_run(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_leaks(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_help(int argc, char **argv);
int cli_version(int argc, char **argv);

#endif
