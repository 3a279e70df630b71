// SPDX-License-Identifier: BSD-2-Clause
/* The engine's beginning and end. */
#include "stacks/stacks.h"

#include <string.h>

#include "stacks/internal.h"

/* Call sites that are remembered; about 400 bytes each for a table row, 100 for names. */
#define TABLE_SLOTS 4096
#define NAME_SLOTS  4096

static void frame_free(void *frame)
{
	free(frame);
}

int stacks_new(const struct stacks_opts *opts, struct stacks **ret)
{
	struct stacks *s;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOTSUP;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->proc_fd = opts->proc_fd;
	s->servers.asked = opts->debuginfod;
	if (cache_init(&s->tables, TABLE_SLOTS, frame_free) ||
	    cache_init(&s->names, NAME_SLOTS, names_free)) {
		stacks_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

bool stacks_servers_timed_out(const struct stacks *s)
{
	return s->servers.timed_out;
}

void stacks_free(struct stacks *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < STACKS_PROCESSES_MAX; i++)
		space_free(s, s->processes[i]);
	cache_fini(&s->tables);
	cache_fini(&s->names);
	for (i = 0; i < STACKS_MODULES_MAX; i++)
		module_free(s->modules[i]);
	names_free(s->latest);
	free(s);
}
