// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0)
/* Programs that do nothing: the least that a program at these places costs. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?tp_btf/sched_switch")
int sched_switch(void *ctx)
{
	return 0;
}

SEC("?tp_btf/sys_enter")
int sys_enter(void *ctx)
{
	return 0;
}

SEC("?tp_btf/sys_exit")
int sys_exit(void *ctx)
{
	return 0;
}

SEC("?kprobe.multi")
int entry(void *ctx)
{
	return 0;
}

SEC("?kretprobe.multi")
int ret(void *ctx)
{
	return 0;
}

SEC("?fentry/fd_install")
int fd_install(void *ctx)
{
	return 0;
}

SEC("?fentry/filp_flush")
int filp_flush(void *ctx)
{
	return 0;
}

SEC("?fentry/filp_close")
int filp_close(void *ctx)
{
	return 0;
}
