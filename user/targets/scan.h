/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is there now, by /proc and cgroup.procs: the first look of either rung, and the `/proc`
 * rung's every look. */
#ifndef KTALLY_TARGETS_SCAN_H
#define KTALLY_TARGETS_SCAN_H

#include "targets/targets.h"

/* Adds what matches to the table and its groups to what is there. Marks nobody as gone. Processes
 * that it adds have born unset. */
int targets_scan(struct targets *t);
/* The same, later: what matches no more leaves its groups, and born is whoever started since the
 * look before. */
int targets_scan_again(struct targets *t);

#endif
