// SPDX-License-Identifier: BSD-2-Clause
/* The numbers of a snapshot by name. */
#include "rules/field.h"

#include <math.h>
#include <string.h>

static double lost_events(const struct snapshot *s)
{
	return (double)s->lost_events;
}

static double processes(const struct snapshot *s)
{
	return s->processes;
}

static double pids_untracked(const struct snapshot *s)
{
	return s->pids_untracked;
}

/* Numbers that every record has and that are no metrics of the table. */
static const struct {
	const char *name;
	double (*value)(const struct snapshot *s);
} of_record[] = {
	{ "lost_events", lost_events },
	{ "processes", processes },
	{ "pids_untracked", pids_untracked },
};

#define OF_RECORD_CNT (sizeof(of_record) / sizeof(*of_record))

static size_t find_of_record(const char *name)
{
	size_t i;

	for (i = 0; i < OF_RECORD_CNT; i++)
		if (!strcmp(of_record[i].name, name))
			break;
	return i;
}

bool field_is_of_record(const char *name)
{
	return find_of_record(name) < OF_RECORD_CNT;
}

double field_of_name(const struct snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->custom_cnt; i++)
		if (!strcmp(s->custom[i].name, name))
			return s->custom[i].value;
	i = find_of_record(name);
	return i < OF_RECORD_CNT ? of_record[i].value(s) : NAN;
}
