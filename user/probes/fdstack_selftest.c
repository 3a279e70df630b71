// SPDX-License-Identifier: BSD-2-Clause
/* Trust in a rung of fdstack: what a child of ours opens and closes must come as records. */
#include <errno.h>

#include <bpf/libbpf.h>

#include "fdstack.skel.h"
#include "probes/fdstack_internal.h"

struct trial {
	struct ring_buffer *ring;
	uint64_t process;
	struct fd_tally tally;
};

static int count_record(void *ctx, void *data, size_t size)
{
	const struct fdstack_rec *rec = data;
	struct trial *t = ctx;

	if (size < sizeof(*rec) || rec->process != t->process)
		return 0;
	t->tally.opens += rec->kind == FDSTACK_OPEN;
	t->tally.closes += rec->kind == FDSTACK_CLOSE || rec->kind == FDSTACK_CLOSE_RANGE;
	return 0;
}

static void count(void *ctx, uint64_t process, struct fd_tally *ret)
{
	struct trial *t = ctx;

	t->process = process;
	ring_buffer__consume(t->ring);
	*ret = t->tally;
}

/* Records of others are dropped with it: the first look finds what they have open. */
int fdstack_selftest(struct fdstack *f, enum fd_sight sight, char *reason)
{
	struct trial t = { .tally.failed = FD_NOT_TOLD };
	struct fd_counter counter = { .sight = sight, .replaces = true,
				      .ranges = sight == FD_SEES_SYSCALLS,
				      .ctx = &t, .count = count };
	int err;

	t.ring = ring_buffer__new(bpf_map__fd(f->skel->maps.fdstack_events), count_record, &t,
				  NULL);
	if (!t.ring)
		return -ENOMEM;
	err = fd_selftest(&f->env->shared, &counter, f->env->proc_fd, reason);
	ring_buffer__free(t.ring);
	return err;
}
