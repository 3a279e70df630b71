/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told about a call site: made by leaks/, turned into bytes by sinks/. Pointers belong to
 * whoever made the report. */
#ifndef KTALLY_LEAKS_RECORD_H
#define KTALLY_LEAKS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/frame.h"
#include "leaks/trend.h"

#define LEAK_EXAMPLES_MAX  3
#define LEAK_PROCESSES_MAX 3

/* Innermost first. */
struct leak_stack {
	struct frame *frames;
	size_t cnt;
	const char *end; /* "whole", or why it is not */
};

struct leak_type {
	const char *name; /* "socket", "eventfd" ... */
	uint64_t count;
};

struct leak_example {
	int32_t pid;
	int32_t fd;
	double age_seconds; /* NaN: open before ktally came */
	const char *type;
	const char *text; /* path or addresses; NULL: unknown */
};

/* One of the processes that have such descriptors open. */
struct leak_holder {
	int32_t pid;
	char comm[16];
	uint64_t open;	   /* of this site */
	double open_fds;   /* of all; NaN: unknown, as all below */
	double open_fds_limit;
	double growth_per_minute;
	double seconds_to_limit; /* at this growth; NaN: not growing */
};

struct leak_record {
	double timestamp;
	uint32_t site;	/* a number for as long as the run lasts */
	enum trend_verdict verdict;
	const struct leak_stack *stack; /* NULL: opened unseen, or its stack was not taken */
	uint64_t open;	    /* now, or when the process that was asked about ended */
	uint64_t opened;    /* by calls, under watch */
	uint64_t inherited; /* copied at fork */
	uint64_t closed;
	uint64_t torn_down; /* by the end of their process */
	uint64_t moved_out; /* with their process, which left the targets */
	double oldest_seconds; /* NaN: none is open, or it was so before ktally came */
	double median_seconds;
	double growth_per_minute;
	const struct leak_type *types; /* of what is open; most first */
	size_t type_cnt;
	struct leak_example examples[LEAK_EXAMPLES_MAX];
	size_t example_cnt;
	struct leak_holder holders[LEAK_PROCESSES_MAX];
	size_t holder_cnt;
};

#endif
