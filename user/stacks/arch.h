/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers in DWARF's numbering, of the machine that ktally was built for. */
#ifndef KTALLY_STACKS_ARCH_H
#define KTALLY_STACKS_ARCH_H

#if defined(__x86_64__)
/* rax rdx rcx rbx rsi rdi rbp rsp r8 ... r15 rip (System V ABI, figure 3.36) */
#define STACK_REG_FP  6
#define STACK_REG_SP  7
#define STACK_REG_PC  16
#define STACK_REG_CNT 17
#define STACK_MACHINE 62 /* EM_X86_64 */
#elif defined(__aarch64__)
/* x0 ... x30, sp; 32 is where we keep the pc, which has no number of its own */
#define STACK_REG_FP  29
#define STACK_REG_SP  31
#define STACK_REG_PC  32
#define STACK_REG_CNT 33
#define STACK_MACHINE 183 /* EM_AARCH64 */
#else
#error "no register numbering for this machine"
#endif

#define STACK_REGS_ALL ((1ull << STACK_REG_CNT) - 1)

#endif
