// SPDX-License-Identifier: BSD-2-Clause
/* The numbers of a snapshot by name. */
#include "rules/field.h"

#include <math.h>
#include <string.h>

/* Numbers that every record has and that are no metrics of the table. */
static double field_of_record(const struct snapshot *s, const char *name)
{
	if (!strcmp(name, "lost_events"))
		return (double)s->lost_events;
	if (!strcmp(name, "processes"))
		return s->processes;
	if (!strcmp(name, "pids_untracked"))
		return s->pids_untracked;
	return NAN;
}

double field_value(const struct snapshot *s, size_t metric, const char *name)
{
	if (metric < METRIC_COUNT)
		return s->v[metric];
	for (size_t i = 0; i < s->custom_cnt; i++)
		if (!strcmp(s->custom[i].name, name))
			return s->custom[i].value;
	return field_of_record(s, name);
}

/* Less than half of what was asked for. */
static bool is_short(const struct snapshot *s)
{
	return s->interval_seconds * 2 < s->interval_asked;
}

static bool is_of_interval(size_t metric)
{
	return metric < METRIC_COUNT && (metrics[metric].derive == DERIVE_RATE ||
					 metrics[metric].derive == DERIVE_DELTA);
}

double field_judged(const struct snapshot *s, size_t metric, const char *name)
{
	return is_of_interval(metric) && is_short(s) ? NAN : field_value(s, metric, name);
}
