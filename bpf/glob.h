/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/*
 * Matching a comm against all shell patterns at once. State i of a pattern means "its first i
 * tokens have matched"; a byte moves the state on by one where the token admits it, and a star
 * keeps it. So all patterns together are one 64-bit word, and 15 bytes of comm are 15 steps without
 * a branch.
 */
#ifndef KTALLY_GLOB_H
#define KTALLY_GLOB_H

#include "targets.h"

#define COMM_LEN 16

/* States reached; and it with globs->accept. */
static inline __attribute__((always_inline)) __u64 glob_run(const volatile struct comm_globs *globs,
							     const char *comm)
{
	__u64 states = globs->start;
	int i;

	for (i = 0; i < COMM_LEN - 1; i++) {
		unsigned char c = (unsigned char)comm[i];

		if (!c)
			break;
		states = ((states & globs->match[c]) << 1) | (states & globs->stars);
	}
	return states & globs->accept;
}

#endif
