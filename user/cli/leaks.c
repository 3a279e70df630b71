// SPDX-License-Identifier: BSD-2-Clause
/* `ktally leaks`: a run that tells its call sites at its end, with the options of `run`. */
#include "cli/commands.h"
#include "cli/options.h"

int cli_leaks(int argc, char **argv)
{
	return cli_watch(OPTIONS_OF_LEAKS, argc, argv);
}
