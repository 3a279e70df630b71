/* SPDX-License-Identifier: BSD-2-Clause */
/* Shell patterns over a comm, compiled into the automaton of bpf/glob.h, which both sides run. */
#ifndef KTALLY_TARGETS_GLOB_H
#define KTALLY_TARGETS_GLOB_H

#include <stdint.h>

#include "bpf/glob.h"

/* Adds a pattern: * ? [set] [!set] and backslash. group: its target's bit. -EINVAL: not a pattern;
 * -ENOSPC: the patterns together exceed the automaton's 64 states. */
int glob_add(struct comm_globs *globs, const char *pattern, uint64_t group);
/* Groups of all patterns that match. */
uint64_t glob_groups(const struct comm_globs *globs, const char *comm);

#endif
