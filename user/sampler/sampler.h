/* SPDX-License-Identifier: BSD-2-Clause */
/* One tick: the targets and every instrument read once, one raw row per process. Knows no rates. */
#ifndef KTALLY_SAMPLER_SAMPLER_H
#define KTALLY_SAMPLER_SAMPLER_H

#include <stdint.h>

#include "base/ladder.h"
#include "probes/probe.h"
#include "targets/targets.h"

#define SAMPLER_INSTRUMENTS_MAX 16

struct sampled_instrument {
	const struct instrument *ops;
	void *self;
	struct ladder ladder;
	const char *forced; /* rung, borrowed */
};

struct sampler {
	struct probe_env env;
	struct targets *targets; /* borrowed */
	struct sampled_instrument list[SAMPLER_INSTRUMENTS_MAX];
	size_t cnt;
	uint64_t provided;  /* raw values that some rung in use delivers */
};

/* Every instrument but the optional ones. */
int sampler_init(struct sampler *s, struct targets *targets, int proc_fd);
/* One of those too. -ENOENT: no such instrument. Before the ladders are climbed. */
int sampler_add(struct sampler *s, const char *instrument);
/* NULL: not among them. */
struct sampled_instrument *sampler_find(struct sampler *s, const char *instrument);
void sampler_fini(struct sampler *s);
/* -ENOENT: no such instrument, or not asked for; -EINVAL: no such rung. rung is borrowed. */
int sampler_force(struct sampler *s, const char *instrument, const char *rung);
/* Climbs every ladder; the targets must be open. On failure *ret_failed names the instrument. */
int sampler_open(struct sampler *s, enum ladder_bpf bpf, const char **ret_failed);
/* One read of everything. Afterwards process->now holds this tick and process->last the one
 * before. */
int sampler_read(struct sampler *s);
/* After the tick was used: this tick becomes the last; what has ended and is final is forgotten. */
void sampler_settle(struct sampler *s);
/* Has the process ended, and has everything that it counted arrived? */
bool sampler_final(const struct process *p);
/* NULL: it has loaded nothing. */
const struct bpf_object *sampler_object(const struct sampler *s, size_t instrument);
/* As those of struct instrument. */
uint64_t sampler_lost(const struct sampler *s, size_t instrument);
size_t sampler_skips(const struct sampler *s, size_t instrument, struct bpf_skip *list, size_t max);

#endif
