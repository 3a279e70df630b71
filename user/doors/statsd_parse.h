/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of StatsD and DogStatsD into samples. Pure.
 *   NAME:VALUE[:VALUE...]|TYPE[|@RATE][|#TAG,TAG...][|...]
 * TYPE: g gauge, c or m counter, ms, h or d timer, s set. A sign makes a gauge's value a change of
 * it. Of the tags only pid:N is read; DogStatsD's events and service checks are none of ours and no
 * mistake.
 */
#ifndef KTALLY_DOORS_STATSD_PARSE_H
#define KTALLY_DOORS_STATSD_PARSE_H

#include <stddef.h>

#include "doors/store.h"

typedef void (*statsd_fn)(void *ctx, const struct sample *sample);

/* Calls fn for each value. Returns how many lines, or values of a line, could not be read. */
size_t statsd_parse(const char *data, size_t len, statsd_fn fn, void *ctx);

#endif
