/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The output of a metrics command into samples, all gauges: a value is what it says. Pure.
 *   Prometheus text: NAME{LABEL="VALUE",...} NUMBER [TIMESTAMP]; a label pid selects the process,
 * others become part of the name, NAME_LABEL_VALUE; a histogram's buckets (label le) are left out;
 *   JSON: an object of numbers, booleans and null; objects in it become PREFIX_NAME.
 */
#ifndef KTALLY_DOORS_PROMTEXT_H
#define KTALLY_DOORS_PROMTEXT_H

#include <stddef.h>

#include "doors/store.h"

typedef void (*sample_fn)(void *ctx, const struct sample *sample);

/* Calls fn for each value. Returns how many lines could not be read. */
size_t promtext_parse(const char *text, size_t len, sample_fn fn, void *ctx);
/* Returns how many members have no number; *ret_err: -EINVAL, the text is no JSON object. */
size_t jsonvalues_parse(const char *text, size_t len, sample_fn fn, void *ctx, int *ret_err);

#endif
