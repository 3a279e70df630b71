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
