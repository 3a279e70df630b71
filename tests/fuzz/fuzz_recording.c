// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: a recording, compressed or not, through rules of every kind. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktally.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const rules[] = {
	"fds: open_fds > 20 for 300ms",
	"mean: avg_over_time(cpu_percent[700ms]) > 0.37",
	"most: max_over_time(threads{scope!=\"cgroup\"}[2s]) >= 1",
	"soon: predict_linear(open_fds[1s], 60) > 300 for 200ms",
	"gone: absent(threads) or rate(context_switches{comm=~\".*s.*\"}[1s]) > 1",
	"queue: queue > 2 for 200ms",
};

static void replay(const char *path)
{
	struct ktally_replay *r;

	if (ktally_replay__open(NULL, &r))
		abort();
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (ktally_replay__add_rule(r, rules[i]))
			abort();
	if (ktally_replay__run(r, path) && !ktally_replay__last_error(r)[0])
		abort();
	ktally_replay__close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	replay(path);
	close(fd);
	return 0;
}
