/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An instrument's ladder: ways to get its numbers, best first. The climber tries them in order,
 * keeps the reason of every refusal, and stays on the first that opens. It never asks for a kernel
 * version.
 */
#ifndef KTALLY_BASE_LADDER_H
#define KTALLY_BASE_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LADDER_REASON_LEN 256
#define LADDER_RUNGS_MAX  8

struct rung {
	const char *name;
	bool bpf;	   /* needs the kernel to load programs */
	bool exact;
	bool preempted;	   /* its programs can be: not exact on a kernel that does that */
	uint64_t provides; /* bit per enum raw_id */
	const char *sees;  /* one sentence: what it counts, and what it cannot see */
	/* 0, or -errno with a sentence in reason (LADDER_REASON_LEN bytes); leaves nothing behind
	 * then */
	int (*open)(void *self, char *reason);
	int (*read)(void *self);
};

/* preempts: as preempt.h tells. */
static inline bool rung_is_exact(const struct rung *r, bool preempts)
{
	return r->exact && !(r->preempted && preempts);
}

enum ladder_bpf { LADDER_BPF_AUTO, LADDER_BPF_OFF, LADDER_BPF_REQUIRE };

/* For a rung that needs nothing opened, as /proc. */
int rung_open_nothing(void *self, char *reason);

struct ladder_wish {
	enum ladder_bpf bpf;
	const char *forced; /* rung name, or NULL */
};

struct ladder_refusal {
	const char *rung;
	int err; /* -ECANCELED: not tried, by the wish */
	char reason[LADDER_REASON_LEN];
};

struct ladder {
	const struct rung *active; /* NULL before, or after a failed climb */
	struct ladder_refusal refused[LADDER_RUNGS_MAX];
	size_t refused_cnt;
};

/* A rung that needs BPF, and so descriptors, opens only if some are left then.
 * -ENOENT: the forced rung is not in the table; -ENOTSUP: none opened that the wish allows (the
 * last refusal says why); else 0 and l->active is open. */
int ladder_climb(struct ladder *l, const struct rung *rungs, size_t cnt,
		 const struct ladder_wish *wish, void *self);

#endif
