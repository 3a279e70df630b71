/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User stacks that are true: registers and a copy of the top of a stack become frames by the unwind
 * tables of the binaries (.eh_frame, .debug_frame), which need no frame pointers, and frames become
 * names. Whoever captures is not known here. What cannot be proved is marked, never guessed in
 * silence. One thread at a time. 0 or -errno; bounded in memory by the constants below.
 */
#ifndef KTALLY_STACKS_STACKS_H
#define KTALLY_STACKS_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/frame.h"
#include "stacks/arch.h"

#define STACKS_PROCESSES_MAX 512   /* remembered; the longest unused is forgotten first */
#define STACKS_MODULES_MAX   512   /* files open for them; one that a process maps stays */
#define STACKS_FRAMES_MAX    64    /* names at one address: the function and what is inlined */
#define STACKS_COPY_MAX	     16384 /* bytes of stack that are worth copying */

struct buf;
struct stacks;

/* A process for as long as the machine runs: a reused PID is another one. */
struct stack_process_id {
	pid_t pid;
	uint64_t start_ticks; /* /proc/PID/stat field 22 */
};

/* Of one thread, at one moment; nothing is read from the process itself but its memory map. */
struct stack_capture {
	struct stack_process_id process;
	uint64_t regs[STACK_REG_CNT]; /* in DWARF's order; see arch.h */
	uint64_t regs_known;	      /* bit per register; STACK_REGS_ALL */
	uint64_t stack_address;	      /* of stack[0] in the process */
	const uint8_t *stack;
	size_t stack_len;
	const uint64_t *callees; /* who was called by what regs are of, innermost first: found by */
	size_t callee_cnt;	 /* rows that stacks_row() gave */
};

/* How an address was found. From the first STACK_GUESSED on, all are guesses. */
enum stack_how {
	STACK_CAPTURED, /* the program counter itself */
	STACK_UNWOUND,	/* by the unwind table of the frame below */
	STACK_CHAINED,	/* by a frame pointer that the unwind table says was one */
	STACK_GUESSED,	/* by a frame pointer that nothing vouches for */
};

enum stack_end {
	STACK_END_OUTERMOST,  /* the table says that nobody called: the stack is whole */
	STACK_END_SHORT_COPY, /* goes on where nothing was copied */
	STACK_END_NO_TABLE,   /* code without unwind table or usable frame pointer */
	STACK_END_UNMAPPED,   /* return address outside of every executable mapping */
	STACK_END_BAD,	      /* a table or a stack that contradicts itself */
	STACK_END_FULL,	      /* the array was */
	STACK_END_UNPROVED,   /* a chain of frame pointers of unknown completeness */
	STACK_END_COUNT
};

/* An address that keeps its meaning when the process maps something else, or is gone. */
struct stack_pc {
	uint64_t pc;	 /* in the process; after the call, for a caller */
	uint64_t offset; /* by the headers of the file, which is what addr2line -e wants; the place
			  * in a file that could not be read; the pc where there is no file */
	uint32_t module; /* 0: no file that could be read */
	enum stack_how how;
	bool is_return;	 /* the instruction is the one before */
};

struct stack_trace {
	struct stack_pc *pcs; /* the caller's array; innermost first */
	size_t cap;
	size_t cnt;
	enum stack_end end;
};

struct stacks_opts {
	int proc_fd;	 /* "/proc" or a fixture; stays the caller's */
	bool debuginfod; /* ask the servers of $DEBUGINFOD_URLS; may block for minutes */
};

int stacks_new(const struct stacks_opts *opts, struct stacks **ret);
void stacks_free(struct stacks *s);
/* They kept us waiting once, and are not asked again. */
bool stacks_servers_timed_out(const struct stacks *s);

/* Reads what the process maps and opens the files, so that they can be read when it has exited or
 * they are replaced. Again after exec or dlopen; unwinding does it by itself for an unknown
 * process. -ESRCH: no such process; what was known of it stays. */
int stacks_remember(struct stacks *s, const struct stack_process_id *id);
void stacks_forget(struct stacks *s, const struct stack_process_id *id);

/* Callers of a capture. trace->cnt >= 1 on success, however short the stack is. -ESRCH: nothing is
 * known of the process, and it has gone. */
int stacks_unwind(struct stacks *s, const struct stack_capture *capture, struct stack_trace *trace);

/* The step from a frame to its caller, for code that knows the stack and the frame pointer only and
 * cannot read tables. The return address lies right below the caller's stack pointer. */
struct stack_row {
	int32_t cfa_offset; /* the caller's stack pointer: from the stack pointer, */
	bool cfa_from_fp;   /* or from the frame pointer */
	int16_t fp_offset;  /* from there to the caller's frame pointer; 0: unchanged */
	bool outermost;	    /* there is no caller */
};

/* Of an address in a trace. -ENODATA: no table, or one that says something else. */
int stacks_row(struct stacks *s, const struct stack_pc *pc, struct stack_row *ret);

/* Addresses that the kernel found by following frame pointers (bpf_get_stackid, perf), checked: a
 * caller is trusted as long as each frame below it had, by its table, a frame pointer at that very
 * place. STACK_END_OUTERMOST: the chain can be used; anything else: only a copy of the stack would
 * tell. */
int stacks_check_chain(struct stacks *s, const struct stack_process_id *id, const uint64_t *pcs,
		       size_t cnt, struct stack_trace *trace);

/* Names at one address: the innermost inlined function first, the function itself last; at least
 * one frame, with NULL for what is unknown. Strings belong to the engine and live until the next
 * call on it. */
int stacks_resolve(struct stacks *s, const struct stack_process_id *id, const struct stack_pc *pc,
		   const struct frame **ret_frames, size_t *ret_cnt);

/* One folded line, "root;a;b value\n": outermost first. A stack that is not whole starts with the
 * reason in brackets; a guess has a '?' before it, an inlined function "_[i]" after it. */
int stacks_fold(struct stacks *s, const struct stack_process_id *id,
		const struct stack_trace *trace, const char *root, uint64_t value, struct buf *out);

/* For records: "whole", "short_copy" ... */
extern const char *const stack_end_names[STACK_END_COUNT];

#endif
