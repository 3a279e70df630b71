// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/* Programs that do nothing: the least that a program at these places costs. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EMPTY(section, name) \
	SEC("?" section)     \
	int name(void *ctx)  \
	{                    \
		return 0;    \
	}

EMPTY("tp_btf/sched_switch", sched_switch)
EMPTY("tp_btf/sys_enter", sys_enter)
EMPTY("tp_btf/sys_exit", sys_exit)
EMPTY("tp/syscalls/sys_enter_dup2", enter_dup2)
EMPTY("tp/syscalls/sys_enter_dup3", enter_dup3)
EMPTY("tp/syscalls/sys_enter_close_range", enter_close_range)
EMPTY("kprobe.multi", entry)
EMPTY("kretprobe.multi", ret)
EMPTY("fentry/fd_install", fd_install)
EMPTY("fentry/filp_flush", filp_flush)
EMPTY("fentry/filp_close", filp_close)
