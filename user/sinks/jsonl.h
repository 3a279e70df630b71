/* SPDX-License-Identifier: BSD-2-Clause */
/* What the records of the jsonl sink share. */
#ifndef KTALLY_SINKS_JSONL_H
#define KTALLY_SINKS_JSONL_H

#include <stdint.h>

#include "base/json.h"
#include "sinks/sink.h"

/* Opens a record; both forms of the time come from the same microseconds. */
struct json jsonl_begin(struct sink *s, struct buf *out, const char *type, double timestamp);
void jsonl_end(struct json *j);
/* Zero is "none" or "unknown" for a pid and a start time, and so null in the records. */
void jsonl_put_id(struct json *j, const char *key, uint64_t id);
/* Where there is no process, an empty name is no name. */
void jsonl_put_comm(struct json *j, int32_t pid, const char comm[16]);

/* A number of unknown scale; what a reader's double would not hold exactly is no number for it. */
void jsonl_put_number(struct json *j, const char *key, double value);

/* jsonl_verdict.c */
void jsonl_verdict(struct sink *s, struct buf *out, const struct verdict_record *r);
void jsonl_sweep(struct sink *s, struct buf *out, const struct sweep_record *r);

/* jsonl_leak.c */
/* The call sites in an alert, where they were asked for. */
void jsonl_put_evidence(struct json *j, const struct alert_record *r);
void jsonl_leak(struct sink *s, struct buf *out, const struct leak_record *r);
/* The members of a site, without those of a record. */
void jsonl_put_site(struct json *j, const struct leak_record *r);

#endif
