/* SPDX-License-Identifier: BSD-2-Clause */
/* What ktally itself costs: measured, told once a minute and at the end, kept below a limit. */
#ifndef KTALLY_MONITOR_OVERHEAD_H
#define KTALLY_MONITOR_OVERHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bpfload.h"
#include "monitor/budget.h"
#include "snapshot/record.h"

#define OVERHEAD_PROGRAMS_MAX 64

struct ktally_monitor;

/* The counters at one moment. */
struct overhead_mark {
	uint64_t ns;
	uint64_t cpu_ns;
	struct bpf_run runs[OVERHEAD_PROGRAMS_MAX];
	size_t run_cnt;
};

struct monitor_overhead {
	bool count_runs; /* asked for */
	int stats_fd;	 /* while open the kernel counts runs; -1: not ours */
	uint64_t map_bytes;
	struct budget budget;
	bool told_beyond; /* that the interval cannot keep it */
	struct overhead_mark begun, told, stepped;
};

/* With everything loaded and no privilege dropped yet. */
void monitor_overhead_begin(struct ktally_monitor *m);
/* Once a tick: an event when it is time for one, another interval when it costs too much. */
void monitor_overhead_tick(struct ktally_monitor *m);
/* Over the run. programs: room for OVERHEAD_PROGRAMS_MAX, borrowed by the record. */
void monitor_overhead_total(const struct ktally_monitor *m, struct program_run *programs,
			    struct overhead_record *ret);
void monitor_overhead_close(struct ktally_monitor *m);

#endif
