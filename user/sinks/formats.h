/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats there are, one file each; sink.c lists them. */
#ifndef KTALLY_SINKS_FORMATS_H
#define KTALLY_SINKS_FORMATS_H

#include "sinks/sink.h"

extern const struct sink_format sink_jsonl;
extern const struct sink_format sink_table;
extern const struct sink_format sink_folded;

/* table_leak.c */
void table_leak(struct sink *s, struct buf *out, const struct leak_record *r);

#endif
