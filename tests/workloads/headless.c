// SPDX-License-Identifier: BSD-2-Clause
/*
 * A process whose first thread has ended before the others, which go on with its memory and its
 * descriptors: /proc/PID then shows neither.
 *
 *   headless [-n DESCRIPTORS] [--mb N] [--hold]
 *
 * 11 MiB and 23 descriptors of regular files, unless told otherwise. With --hold it waits to be
 * watched while all are there. Prints what it has open, as one JSON line.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "workload.h"

static uint64_t files = 23, mb = 11, holds;
static pthread_t first;

static void *rest(void *arg)
{
	struct line out = { .len = 0 };
	uint64_t i;

	(void)arg;
	pthread_join(first, NULL);
	for (i = 0; i < files; i++)
		if (open("/proc/thread-self/exe", O_RDONLY | O_CLOEXEC) < 0)
			die("open: %s", strerror(errno));
	if (mmap(NULL, mb << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		 -1, 0) == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	if (holds)
		hold_ready();
	put(&out, "{\"level_end\":%ju,\"regular_end\":%ju,\"mb\":%ju}", (uintmax_t)fd_level(),
	    (uintmax_t)fd_regular(), (uintmax_t)mb);
	put_line(&out);
	if (holds)
		hold();
	_exit(0);
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	const struct option_u64 options[] = {
		{ "-n", &files, false }, { "--mb", &mb, false }, { "--hold", &holds, true },
		{ NULL, NULL, false },
	};
	pthread_t id;

	argc = parse_options(argv, options);
	if (argc)
		die("usage: headless [-n DESCRIPTORS] [--mb N] [--hold]");
	hold_init();
	first = pthread_self();
	if (pthread_create(&id, NULL, idle, NULL) || pthread_create(&id, NULL, rest, NULL))
		die("pthread_create: %s", strerror(errno));
	pthread_exit(NULL);
}
