/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of ktally.h, which includes it, that runs rules over a recording. */
#ifndef KTALLY_REPLAY_H
#define KTALLY_REPLAY_H

#include "ktally.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- rules over a recording ---- */
/* A replay reads a recording, what a jsonl output wrote, and gives the alerts that its rules would
 * have raised: with the rules of the run that made it, the same records, byte for byte. */
struct ktally_replay_opts {
	size_t sz;
	int no_default_rules; /* non-zero: without them */
	ktally_log_fn log;    /* NULL: silent */
	void *log_ctx;
	size_t :0;
};
#define ktally_replay_opts__last_field log_ctx
/* opts may be NULL. The rest as of a monitor. */
KTALLY_API int ktally_replay__open(const struct ktally_replay_opts *opts,
				   struct ktally_replay **ret);
KTALLY_API void ktally_replay__close(struct ktally_replay *r);
KTALLY_API const char *ktally_replay__last_error(const struct ktally_replay *r);
KTALLY_API int ktally_replay__add_rule(struct ktally_replay *r, const char *text);
KTALLY_API int ktally_replay__add_rules_file(struct ktally_replay *r, const char *path);
KTALLY_API int ktally_replay__add_rules_dir(struct ktally_replay *r, const char *path);

KTALLY_API int ktally_replay__add_assertion(struct ktally_replay *r, const char *text);
/* After __run. */
KTALLY_API int ktally_replay__assertions(const struct ktally_replay *r,
					 struct ktally_assertions **ret);

struct ktally_sweep_opts {
	size_t sz;
	double from, to, step; /* at most 1000 thresholds */
	size_t :0;
};
#define ktally_sweep_opts__last_field step
/* 'EXPR [for DUR]': instead of alerts, how many it would raise, and for how long, with each
 * threshold in place of the number on the right of its (first) comparison. */
KTALLY_API int ktally_replay__what_if(struct ktally_replay *r, const char *text,
				      const struct ktally_sweep_opts *opts);
/* Where the records go; none: only __result tells. */
KTALLY_API int ktally_replay__set_output(struct ktally_replay *r,
					 const struct ktally_output_opts *out);
/* Once. path: plain or gzip; "-": standard input. -EPROTO: no recording, or of another schema;
 * -EINVAL: a line is no record (those before it were used); -EBADMSG: damaged gzip. One that was
 * cut is no failure: a warning is logged, its whole records are used. */
KTALLY_API int ktally_replay__run(struct ktally_replay *r, const char *path);

struct ktally_replay_result {
	size_t sz;
	uint64_t records, snapshots, alerts_fired;
	int cut; /* no trailer ends it */
	size_t :0;
};
#define ktally_replay_result__last_field cut
KTALLY_API int ktally_replay__result(const struct ktally_replay *r,
				     struct ktally_replay_result *ret);

#ifdef __cplusplus
}
#endif

#endif
