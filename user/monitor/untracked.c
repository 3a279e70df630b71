// SPDX-License-Identifier: BSD-2-Clause
/* Processes for which the kernel side had no room: told when it begins, and not all the time. */
#include <math.h>
#include <stdio.h>

#include "monitor/internal.h"

#define TELL_AGAIN_NS 600000000000ULL

double monitor_untracked(const struct ktally_monitor *m)
{
	return m->targets.kernel ? (double)targets_untracked(&m->targets) : NAN;
}

void monitor_tell_untracked(struct ktally_monitor *m)
{
	uint64_t untracked = targets_untracked(&m->targets);
	char text[256];

	if (untracked == m->untracked_told)
		return;
	if (m->untracked_told && m->last_tick_ns - m->untracked_told_ns < TELL_AGAIN_NS)
		return;
	snprintf(text, sizeof(text),
		 "%llu processes so far were more than there is room for (%u): their counts are in "
		 "their target's only, and pids_untracked says how many they are; make room with "
		 "--max-processes",
		 (unsigned long long)untracked, m->targets.shared.capacity);
	monitor_log(m, KTALLY_LOG_WARNING, "%s", text);
	monitor_tell(m, text);
	m->untracked_told = untracked;
	m->untracked_told_ns = m->last_tick_ns;
}
