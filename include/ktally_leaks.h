/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of ktally.h, which includes it, that tells which code opened what is open, when the
 * option `leaks` of the monitor asks for it. */
#ifndef KTALLY_LEAKS_H
#define KTALLY_LEAKS_H

#include "ktally.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ktally_monitor_opts.leaks */
enum ktally_leaks_mode {
	KTALLY_LEAKS_OFF,      /* costs nothing */
	KTALLY_LEAKS_EVIDENCE, /* for __leaks, and in the records of alerts on descriptors */
	KTALLY_LEAKS_REPORT,   /* the same; outputs get a header, a record for each call site at the
				  end and every leaks_every_ns, a trailer, and nothing else */
};

struct ktally_leaks;

/* A call site: all that came to be open by one stack of calls. */
struct ktally_leak {
	size_t sz;
	const char *verdict;   /* "leak": grows to this day; "warm": grew, and stopped; "steady";
				  "unclear": watched too short */
	const char *stack;     /* "whole", or why it is not or there is none; NULL: not named yet */
	uint64_t open;         /* of targets by PID or command also what was open at their end */
	uint64_t opened;       /* by calls, while watched */
	uint64_t inherited;    /* copied by fork */
	uint64_t closed;
	uint64_t torn_down;    /* by the end of their process */
	double oldest_seconds; /* NaN: unknown, as below */
	double median_seconds;
	double growth_per_minute;
	size_t frame_count;
	size_t type_count;
	size_t example_count;
	uint64_t moved_out;    /* with their process, which left the targets */
	size_t :0;
};
#define ktally_leak__last_field moved_out

struct ktally_leak_frame {
	size_t sz;
	const char *function; /* NULL: nothing names it */
	const char *module;   /* path as the process mapped it; NULL: no file */
	uint64_t offset;      /* in the module, as addr2line -e wants it */
	const char *file;     /* NULL: no debug information */
	uint32_t line;        /* 0: unknown */
	int inlined;
	int trusted;          /* 0: the address is a guess */
	size_t :0;
};
#define ktally_leak_frame__last_field trusted

struct ktally_leak_example {
	size_t sz;
	int pid;
	int fd;
	const char *type;   /* "file", "socket", "eventfd" ... */
	const char *what;   /* path or addresses; NULL: unknown */
	double age_seconds; /* NaN: unknown */
	size_t :0;
};
#define ktally_leak_example__last_field age_seconds

/* The call sites so far, leaks first. To be called where snapshots come: in a snapshot callback, or
 * between two dispatches. -ENODATA: not asked for, or not begun. Strings are valid until the next
 * dispatch. */
KTALLY_API int ktally_monitor__leaks(struct ktally_monitor *m, struct ktally_leaks **ret);
KTALLY_API size_t ktally_leaks__count(const struct ktally_leaks *list);
/* ret->sz must be set, here and below. -ENOENT: no such one. */
KTALLY_API int ktally_leaks__at(const struct ktally_leaks *list, size_t index,
				struct ktally_leak *ret);
/* Innermost first. */
KTALLY_API int ktally_leaks__frame(const struct ktally_leaks *list, size_t index, size_t frame,
				   struct ktally_leak_frame *ret);
KTALLY_API int ktally_leaks__type(const struct ktally_leaks *list, size_t index, size_t type,
				  const char **ret_name, uint64_t *ret_count);
KTALLY_API int ktally_leaks__example(const struct ktally_leaks *list, size_t index, size_t example,
				     struct ktally_leak_example *ret);
KTALLY_API void ktally_leaks__free(struct ktally_leaks *list);

#ifdef __cplusplus
}
#endif

#endif
