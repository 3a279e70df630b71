// SPDX-License-Identifier: BSD-2-Clause
/*
 * Nanoseconds by the clock, since a tool may stop the program, for an open of /dev/null at the end
 * of a chain of calls: stacks known|new|closed DEPTH CPU. `new` never takes the same way twice;
 * with `closed`, the close is measured too. Built with frame pointers, which every tool can follow.
 * Prints its PID; then one figure per request (see server.h), from slices of some calls each.
 */
#include "tests/bench/server.h"

/* What is new is more for a tool to take. */
#define BURST_KNOWN 128
#define BURST_NEW   64
#define BURST_MAX   BURST_KNOWN

/* What a tool does behind the program's back is done by the next slice. */
#define PAUSE_NS 10000000

struct chain {
	bool is_new;
	bool closes;
	uint32_t depth;
	uint32_t *ways; /* that were taken */
};

#define PLACE static __attribute__((noinline, noclone))

PLACE int left(uint32_t way, uint32_t depth);
PLACE int right(uint32_t way, uint32_t depth);

static inline int descend(uint32_t way, uint32_t depth)
{
	if (!depth)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	return way & 1 ? right(way >> 1, depth - 1) : left(way >> 1, depth - 1);
}

/* A call in last place would be a jump, and leave nothing on the stack. */
PLACE int left(uint32_t way, uint32_t depth)
{
	int result = descend(way, depth);

	__asm__ volatile("" : "+r"(result));
	return result;
}

PLACE int right(uint32_t way, uint32_t depth)
{
	int result = descend(way, depth);

	__asm__ volatile("" : "+r"(result));
	return result;
}

static double measure(const void *ctx, double seconds)
{
	const struct chain *chain = ctx;
	int i, fds[BURST_MAX], burst = chain->is_new ? BURST_NEW : BURST_KNOWN;
	double start, taken;

	(void)seconds;
	sleep_ns(PAUSE_NS);
	start = now_seconds();
	for (i = 0; i < burst; i++) {
		fds[i] = descend(chain->is_new ? ++*chain->ways : 0, chain->depth);
		if (fds[i] < 0)
			die("/dev/null: %s", strerror(errno));
		if (chain->closes)
			close(fds[i]);
	}
	taken = now_seconds() - start;
	for (i = 0; i < burst && !chain->closes; i++)
		close(fds[i]);
	return taken * 1e9 / burst;
}

int main(int argc, char **argv)
{
	uint32_t ways = 0;
	struct chain chain = { .ways = &ways };
	static struct line l;
	uint64_t ms;

	if (argc != 4)
		die("usage: stacks known|new|closed DEPTH CPU");
	chain.is_new = !strcmp(argv[1], "new");
	chain.closes = !strcmp(argv[1], "closed");
	chain.depth = parse_u64("DEPTH", argv[2]);
	pin_to(parse_u64("CPU", argv[3]));
	put(&l, "%d", getpid());
	put_line(&l);
	while (next_request(&ms))
		answer(ms, measure, &chain);
	return 0;
}
