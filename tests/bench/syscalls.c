// SPDX-License-Identifier: BSD-2-Clause
/*
 * Nanoseconds of CPU time per system call: syscalls getppid|open CPU. `open` is open and close of
 * /dev/null, two calls. Prints its PID; then one figure per request (see server.h).
 */
#include <sys/syscall.h>

#include "tests/bench/server.h"

/* Each returns how many system calls it made. */
static int call_getppid(void)
{
	syscall(SYS_getppid);
	return 1;
}

static int call_open(void)
{
	close(open("/dev/null", O_RDONLY | O_CLOEXEC));
	return 2;
}

struct mode {
	const char *name;
	int (*call)(void);
};

static const struct mode modes[] = { { "getppid", call_getppid }, { "open", call_open } };

static double measure(const void *ctx, double seconds)
{
	const struct mode *mode = ctx;
	double end = now_seconds() + seconds, ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t count = 0;
	int i;

	while (now_seconds() < end)
		for (i = 0; i < 256; i++)
			count += mode->call();
	return (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - ns) / count;
}

int main(int argc, char **argv)
{
	struct line l = { .len = 0 };
	uint64_t ms;
	size_t i;

	if (argc != 3)
		die("usage: syscalls getppid|open CPU");
	for (i = 0; i < 2 && strcmp(modes[i].name, argv[1]); i++)
		;
	if (i == 2)
		die("%s: getppid or open", argv[1]);
	pin_to(parse_u64("CPU", argv[2]));
	put(&l, "%d", getpid());
	put_line(&l);
	while (next_request(&ms))
		answer(ms, measure, &modes[i]);
	return 0;
}
