/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `ktally check` while it is being written: what fills it in, a section each. */
#ifndef KTALLY_CHECK_CHECK_H
#define KTALLY_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/namespaces.h"
#include "ktally.h"

struct rung;

enum check_answer { CHECK_NO, CHECK_YES, CHECK_UNKNOWN };

#define CHECK_DETAIL_LEN 320

struct check_item {
	const char *section; /* constant text */
	char name[48];
	enum check_answer ok;
	char detail[CHECK_DETAIL_LEN];
	const char *fix; /* constant text; NULL: nothing to be done */
};

struct ktally_check {
	struct check_item *items;
	size_t cnt;
	int err; /* -ENOMEM, sticky */
	enum ktally_verdict verdict;
};

void check_add(struct ktally_check *c, const char *section, const char *name, enum check_answer ok,
	       const char *fix, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* system.c: what /proc and /sys say. sys_fd may be -1. */
void check_kernel(struct ktally_check *c, int proc_fd, int sys_fd);
bool check_has_btf(int sys_fd);
void check_namespaces(struct ktally_check *c, const struct namespaces *ns);
void check_cgroups(struct ktally_check *c, int proc_fd);
/* "none [integrity] confidentiality": the mode in force. False: the text names none. */
bool check_lockdown_mode(const char *text, char *mode, size_t size);
extern const char check_fix_btf[];
extern const char check_fix_pids[];
extern const char check_fix_times[];
extern const char check_fix_users[];

/* capabilities.c */
void check_capabilities(struct ktally_check *c);
extern const char check_fix_capabilities[];

/* programs.c: a program of two instructions of each type, loaded and attached. fix: of what stands
 * in the way of all BPF here, or NULL; it explains every refusal. */
void check_programs(struct ktally_check *c, const char *fix);
/* What a kernel needs for a type of program, by its name or a rung's. */
const char *check_program_fix(const char *name);

/* rungs.c: every rung of every instrument, climbed alone. */
struct check_rungs {
	bool preempts; /* the kernel does: given */
	bool exact; /* of all instruments, the best rung that opened */
	bool bpf;   /* of any */
};

void check_rungs(struct ktally_check *c, int proc_fd, const char *fix, struct check_rungs *sum);
/* Folds in one instrument: of its rungs, best first, the first that opened. */
void check_rungs_fold(struct check_rungs *sum, const struct rung *rungs, const bool *opened,
		      size_t cnt);

/* report.c: as one JSON object without a newline. */
void check_json(const struct ktally_check *c, struct buf *out);

#endif
