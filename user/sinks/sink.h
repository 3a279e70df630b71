/* SPDX-License-Identifier: BSD-2-Clause */
/* A sink turns records into bytes: one row of functions per format. Pure: no fd, no clock. */
#ifndef KTALLY_SINKS_SINK_H
#define KTALLY_SINKS_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "leaks/record.h"
#include "snapshot/record.h"

struct sink; /* state of one output: seq, table header position */

/* A format leaves out what it does not tell. */
struct sink_format {
	const char *name;
	const char *help;
	void (*header)(struct sink *s, struct buf *out, const struct header_record *r);
	void (*snapshot)(struct sink *s, struct buf *out, const struct snapshot *r);
	void (*alert)(struct sink *s, struct buf *out, const struct alert_record *r);
	void (*event)(struct sink *s, struct buf *out, const struct event_record *r);
	void (*leak)(struct sink *s, struct buf *out, const struct leak_record *r);
	void (*trailer)(struct sink *s, struct buf *out, const struct trailer_record *r);
	void (*verdict)(struct sink *s, struct buf *out, const struct verdict_record *r);
	void (*sweep)(struct sink *s, struct buf *out, const struct sweep_record *r);
};

struct sink {
	const struct sink_format *format;
	uint64_t seq;	/* of the next record; goes back by one when a record is dropped whole */
	bool color;
	uint32_t rows;	/* table: since its header line */
	uint32_t sites;	/* table: call sites told in full, in this report */
	double report_time; /* table: of the call sites told last */
};

/* NULL when there is no such format. */
const struct sink_format *sink_format_find(const char *name);
/* NULL-terminated. */
extern const struct sink_format *const sink_formats[];

#endif
