// SPDX-License-Identifier: BSD-2-Clause
/* CPU time, whoever read its parts. */
#include "base/procfs.h"
#include "probes/probe.h"

/* User and system time are known to a tick only; their ratio divides the exact run time, and
 * neither may fall: as the kernel makes the figures of /proc/PID/stat (cputime_adjust,
 * kernel/sched/cputime.c). */
void process_set_cpu(struct process *p, int64_t runtime_ns, uint64_t utime, uint64_t stime)
{
	double share = utime + stime ? (double)stime / (double)(utime + stime) : 0;
	int64_t system_ns = (int64_t)((double)runtime_ns * share);
	int64_t system_before = process_value_before(p, RAW_CPU_SYSTEM_NS);
	int64_t user_before = process_value_before(p, RAW_CPU_USER_NS);
	int64_t user_ns;

	if (system_ns < system_before)
		system_ns = system_before;
	user_ns = runtime_ns - system_ns;
	if (user_ns < user_before) {
		user_ns = user_before;
		system_ns = runtime_ns - user_ns;
	}
	p->now.v[RAW_CPU_NS] = runtime_ns;
	p->now.v[RAW_CPU_SYSTEM_NS] = system_ns;
	p->now.v[RAW_CPU_USER_NS] = user_ns;
}

void process_set_cpu_total(struct process *p, int64_t runtime_ns)
{
	process_set_cpu(p, runtime_ns, p->now.v[RAW_CPU_USER_NS], p->now.v[RAW_CPU_SYSTEM_NS]);
}

/* Exact at any moment, for two system calls. */
void process_sharpen_cpu(struct process *p)
{
	uint64_t cpu_ns;

	if (!proc_cpu_ns(p->pid, &cpu_ns))
		process_set_cpu_total(p, cpu_ns);
}
