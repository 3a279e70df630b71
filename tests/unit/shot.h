/* SPDX-License-Identifier: BSD-2-Clause */
/* A picture of the caller's own thread, as a BPF program would take it: registers, and a copy of
 * the stack from the stack pointer up. Include after cmocka.h. */
#ifndef KTALLY_TESTS_SHOT_H
#define KTALLY_TESTS_SHOT_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/procfs.h"
#include "stacks/stacks.h"

struct shot {
	struct stack_capture capture; /* capture.stack is set by shot_capture() */
	uint8_t stack[STACKS_COPY_MAX];
};

/* The kernel copies: a sanitizer would object to reading between variables. */
static inline void shot_copy_stack(struct shot *s)
{
	uint64_t sp = s->capture.regs[STACK_REG_SP];
	struct iovec to = { s->stack, sizeof(s->stack) };
	struct iovec from[sizeof(s->stack) / 4096 + 1];
	size_t cnt = 0, len = 0;
	long n;

	/* Page by page, so that the end of the stack ends the copy and does not refuse it. */
	while (len < sizeof(s->stack)) {
		size_t step = 4096 - (sp + len) % 4096;

		if (step > sizeof(s->stack) - len)
			step = sizeof(s->stack) - len;
		from[cnt++] = (struct iovec){ (void *)(sp + len), step };
		len += step;
	}
	n = syscall(SYS_process_vm_readv, (long)getpid(), &to, 1L, from, (long)cnt, 0L);
	s->capture.stack_address = sp;
	s->capture.stack_len = n > 0 ? (size_t)n : 0;
}

static inline void shot_regs(struct shot *s, const ucontext_t *u)
{
#if defined(__x86_64__)
	static const int order[STACK_REG_CNT] = {
		REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
		REG_R9,	 REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
	};

	for (int i = 0; i < STACK_REG_CNT; i++)
		s->capture.regs[i] = (uint64_t)u->uc_mcontext.gregs[order[i]];
#else
	for (int i = 0; i < STACK_REG_SP; i++)
		s->capture.regs[i] = u->uc_mcontext.regs[i];
	s->capture.regs[STACK_REG_SP] = u->uc_mcontext.sp;
	s->capture.regs[STACK_REG_PC] = u->uc_mcontext.pc;
#endif
	s->capture.regs_known = STACK_REGS_ALL;
}

static inline struct stack_process_id shot_process(pid_t pid)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct proc_stat st = {};
	int fd = -1;

	if (!proc_open(proc, pid, &fd))
		proc_read_stat(fd, &st);
	close(fd);
	close(proc);
	return (struct stack_process_id){ pid, st.start_ticks };
}

static __attribute__((noinline)) void shot_take(struct shot *s)
{
	ucontext_t u;

	getcontext(&u);
	shot_regs(s, &u);
	shot_copy_stack(s);
	s->capture.process = shot_process(getpid());
}

static inline const struct stack_capture *shot_capture(struct shot *s)
{
	s->capture.stack = s->stack;
	return &s->capture;
}

#endif
