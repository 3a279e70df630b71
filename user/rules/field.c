// SPDX-License-Identifier: BSD-2-Clause
/* The numbers of a snapshot by name. */
#include "rules/field.h"

#include <math.h>
#include <string.h>

double field_value(const struct snapshot *s, size_t metric, const char *name)
{
	if (metric < METRIC_COUNT)
		return s->v[metric];
	for (size_t i = 0; i < s->custom_cnt; i++)
		if (!strcmp(s->custom[i].name, name))
			return s->custom[i].value;
	return NAN;
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
