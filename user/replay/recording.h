/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of a recording back into the record that it was: what rules look at, and the place in the
 * stream. Pure. */
#ifndef KTALLY_REPLAY_RECORDING_H
#define KTALLY_REPLAY_RECORDING_H

#include <stddef.h>
#include <stdint.h>

#include "snapshot/record.h"

#define RECORDING_TARGETS_MAX 4096 /* of one run; more are not believed */

enum recorded_kind {
	RECORDED_HEADER,
	RECORDED_SNAPSHOT,
	RECORDED_TRAILER,
	RECORDED_JUDGEMENT, /* an alert or a verdict: what a replay makes itself */
	RECORDED_OTHER,	    /* an event, or of a kind that is newer than this reader */
};

struct recorded {
	enum recorded_kind kind;
	double timestamp;
	uint64_t seq;
	size_t target_cnt;	      /* header */
	double interval_seconds;      /* header: as asked; 0: not said */
	struct snapshot snapshot;     /* its custom metrics point to the next field */
	struct custom_metric *custom; /* owned; kept from line to line */
	size_t custom_cap;
};

struct recording_error {
	char text[200]; /* "'open_fds' is no number" */
};

/* r: zeroed before the first line. -EINVAL: the line is none of a recording, *err says why;
 * -EPROTO: a header, of a schema that is not ours. */
int recording_parse(const char *line, size_t len, struct recorded *r, struct recording_error *err);
void recorded_fini(struct recorded *r);

#endif
