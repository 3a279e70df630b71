/* SPDX-License-Identifier: BSD-2-Clause */
/* The clocks that ktally reads, and the only place that reads them. */
#ifndef KTALLY_BASE_CLOCK_H
#define KTALLY_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_monotonic_ns(void); /* what bpf_ktime_get_ns() reads; stands still in suspend */
uint64_t clock_boottime_ns(void);  /* start times */
int64_t clock_realtime_ns(void);
double clock_realtime_seconds(void);
uint64_t clock_own_cpu_ns(void);   /* CPU time of this process */
/* start_boottime in ns, as BPF reads it, to the ticks of /proc/PID/stat field 22. */
uint64_t clock_ns_to_ticks(uint64_t ns);
uint64_t clock_ticks_to_ns(uint64_t ticks);

#endif
