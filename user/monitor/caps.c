// SPDX-License-Identifier: BSD-2-Clause
/* Capabilities, over libcap. */
#include "monitor/caps.h"

#include <sys/capability.h>

static bool has(cap_t caps, cap_value_t cap)
{
	cap_flag_value_t value = CAP_CLEAR;

	return !cap_get_flag(caps, cap, CAP_EFFECTIVE, &value) && value == CAP_SET;
}

bool caps_allow_bpf(void)
{
	cap_t caps = cap_get_proc();
	bool allowed;

	if (!caps)
		return true; /* let the kernel say it */
	allowed = has(caps, CAP_SYS_ADMIN) || (has(caps, CAP_BPF) && has(caps, CAP_PERFMON));
	cap_free(caps);
	return allowed;
}
