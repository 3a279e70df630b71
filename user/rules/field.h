/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of a snapshot by name: metrics of the table, then custom ones, then those that every
 * record has besides, such as lost_events. */
#ifndef KTALLY_RULES_FIELD_H
#define KTALLY_RULES_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "snapshot/record.h"

/* metric: as from metric_find(name). NaN: unknown, also when no custom metric has this name. */
double field_value(const struct snapshot *s, size_t metric, const char *name);
/* Is it one of the last kind? */
bool field_is_of_record(const char *name);
/* The same for rules to judge: what an interval far shorter than the one asked for says of a rate,
 * such as the last one of a command of milliseconds, is chance and so unknown. */
double field_judged(const struct snapshot *s, size_t metric, const char *name);

#endif
