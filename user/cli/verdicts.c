// SPDX-License-Identifier: BSD-2-Clause
/* Verdicts as text, on standard error. */
#include "cli/cli.h"

size_t cli_tell_verdicts(struct ktally_assertions *list, bool quiet)
{
	struct ktally_assertion v = { .sz = sizeof(v) };
	size_t i, failed = 0;

	for (i = 0; !ktally_assertions__at(list, i, &v); i++) {
		failed += !v.passed;
		if (!quiet || !v.passed)
			cli_error("assertion %s: %s (%s, target #%zu)",
				  v.passed ? "holds" : "FAILS", v.assertion, v.message, v.target);
	}
	ktally_assertions__free(list);
	return failed;
}
