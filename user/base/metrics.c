// SPDX-License-Identifier: BSD-2-Clause
/* The tables of metrics.def as data. */
#include "base/metrics.h"

#include <string.h>

const struct metric metrics[METRIC_COUNT] = {
#define RAW(...)
#define METRIC(id, name_, unit_, decimals_, derive_, a_, b_, scale_, help_) \
	[METRIC_##id] = { .name = (name_),                                  \
			  .unit = (unit_),                                  \
			  .decimals = (decimals_),                          \
			  .derive = (derive_),                              \
			  .a = (a_),                                        \
			  .b = (b_),                                        \
			  .scale = (scale_),                                \
			  .help = (help_) },
#include "base/metrics.def"
#undef RAW
#undef METRIC
};

const enum raw_kind raw_kinds[RAW_COUNT] = {
#define RAW(id, kind) [RAW_##id] = (kind),
#define METRIC(...)
#include "base/metrics.def"
#undef RAW
#undef METRIC
};

size_t metric_find(const char *name)
{
	size_t i;

	for (i = 0; i < METRIC_COUNT; i++)
		if (!strcmp(metrics[i].name, name))
			break;
	return i;
}

bool metric_is_of_interval(size_t metric)
{
	return metric < METRIC_COUNT && (metrics[metric].derive == DERIVE_RATE ||
					 metrics[metric].derive == DERIVE_DELTA);
}

void raw_row_clear(struct raw_row *row)
{
	size_t i;

	for (i = 0; i < RAW_COUNT; i++)
		row->v[i] = RAW_UNKNOWN;
}
