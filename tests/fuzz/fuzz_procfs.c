// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: the parsers of /proc/PID files. The first byte, '0' to '4', chooses one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/procfs.h"

#define PARSER_COUNT 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stat_parser(const char *text, size_t len)
{
	struct proc_stat st;

	/* Whatever the name holds, it ends within its array. */
	if (!proc_stat_parse(text, len, &st) &&
	    (st.pid < 0 || !memchr(st.comm, 0, sizeof(st.comm))))
		abort();
}

static void statm_parser(const char *text, size_t len)
{
	uint64_t pages;

	proc_statm_parse(text, len, &pages);
}

static void status_parser(const char *text, size_t len)
{
	struct proc_switches switches;
	pid_t tgid;

	if (!proc_status_tgid_parse(text, len, &tgid) && tgid < 0)
		abort();
	proc_status_switches_parse(text, len, &switches);
}

static void limits_parser(const char *text, size_t len)
{
	uint64_t limit;

	proc_limits_nofile_parse(text, len, &limit);
}

static void schedstat_parser(const char *text, size_t len)
{
	uint64_t oncpu, runqueue;

	proc_schedstat_parse(text, len, &oncpu, &runqueue);
}

static void (*const parsers[PARSER_COUNT])(const char *text, size_t len) = {
	stat_parser, statm_parser, status_parser, limits_parser, schedstat_parser,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		parsers[(uint8_t)(data[0] - '0') % PARSER_COUNT]((const char *)data + 1, size - 1);
	return 0;
}
