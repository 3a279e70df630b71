/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether this kernel preempts itself. Where it does, a task can be preempted inside a BPF program,
 * and the kernel skips that program for every other task on the CPU until it has run on.
 */
#ifndef KTALLY_BASE_PREEMPT_H
#define KTALLY_BASE_PREEMPT_H

#include <stdbool.h>

/* True where it cannot be told. sys_fd: of /sys. */
bool kernel_preempts(int sys_fd);

/* modes: debugfs's sched/preempt, as "none voluntary (full)", or NULL where that cannot be read;
 * build: `uname -v`, which names what the kernel was built for. */
bool preempt_parse(const char *modes, const char *build);

#endif
