// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: mountinfo. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgroupfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cgroup_mounts mounts;
	bool has_v2;

	if (cgroup_mounts_parse((const char *)data, size, &mounts))
		return 0;
	/* The mode and the path say the same, and the path ends within its array. */
	has_v2 = mounts.mode == CGROUP_V2 || mounts.mode == CGROUP_HYBRID;
	if (has_v2 != !!mounts.v2_path[0] || !memchr(mounts.v2_path, 0, sizeof(mounts.v2_path)))
		abort();
	return 0;
}
