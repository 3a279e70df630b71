/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of a snapshot by name: metrics of the table, then custom ones, then those that every
 * record has besides, such as lost_events. */
#ifndef KTALLY_RULES_FIELD_H
#define KTALLY_RULES_FIELD_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "snapshot/record.h"

/* Of those that are not in the table. */
double field_of_name(const struct snapshot *s, const char *name);

/* metric: as from metric_find(name). NaN: unknown, also when no custom metric has this name. */
static inline double field_value(const struct snapshot *s, size_t metric, const char *name)
{
	return metric < METRIC_COUNT ? s->v[metric] : field_of_name(s, name);
}

/* Is it one of the last kind? */
bool field_is_of_record(const char *name);
/* The value for rules to judge: what is chance is unknown. */
static inline double field_judged(const struct snapshot *s, size_t metric, const char *name)
{
	return snapshot_is_chance(s, metric) ? NAN : field_value(s, metric, name);
}

#endif
