/* SPDX-License-Identifier: BSD-2-Clause */
/* A replay of include/ktally.h, from the inside. */
#ifndef KTALLY_REPLAY_REPLAY_H
#define KTALLY_REPLAY_REPLAY_H

#include <stdbool.h>

#include "base/buf.h"
#include "ktally.h"
#include "replay/recording.h"
#include "replay/sweep.h"
#include "rules/assertion.h"
#include "rules/rules.h"
#include "rules/sources.h"
#include "sinks/output.h"
#include "sinks/sink.h"

#define REPLAY_ERROR_LEN 512

struct ktally_replay {
	ktally_log_fn log;
	void *log_ctx;
	struct rules *rules;
	struct rule_sources rule_sources;
	struct assertions *assertions; /* NULL: none */
	struct ktally_assertions *verdicts;
	struct sweep *sweep; /* NULL: alerts are what is asked for */
	struct sink sink;
	struct output *out;
	struct buf buf;
	int write_error; /* the first */

	/* running */
	struct recorded now; /* the record under way */
	bool ended;	     /* by a trailer, since the last header */
	bool judged;	     /* its assertions, likewise */
	size_t target_cnt;   /* of the header, or as many as were seen */
	uint64_t records;
	uint64_t snapshots;
	uint64_t fired;

	char error[REPLAY_ERROR_LEN];
};

/* Keeps the sentence for __last_error; returns err. */
int replay_fail(struct ktally_replay *r, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void replay_log(const struct ktally_replay *r, enum ktally_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
