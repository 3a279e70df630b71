// SPDX-License-Identifier: BSD-2-Clause
/* Capabilities, over libcap. */
#include "monitor/caps.h"

#include <errno.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "ktally.h"

bool caps_effective(int cap)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();
	bool held;

	if (!caps)
		return true; /* let the kernel say it */
	held = !cap_get_flag(caps, cap, CAP_EFFECTIVE, &value) && value == CAP_SET;
	cap_free(caps);
	return held;
}

bool caps_allow_bpf(void)
{
	return caps_effective(CAP_SYS_ADMIN) ||
	       (caps_effective(CAP_BPF) && caps_effective(CAP_PERFMON));
}

static const cap_value_t kept_caps[] = { CAP_BPF, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH };

static int copy_cap(cap_t from, cap_t to, cap_value_t cap)
{
	static const cap_flag_t flags[] = { CAP_PERMITTED, CAP_EFFECTIVE };
	cap_flag_value_t value = CAP_CLEAR;
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (cap_get_flag(from, cap, flags[i], &value) ||
		    cap_set_flag(to, flags[i], 1, &cap, value))
			return -errno;
	return 0;
}

/* Without inheritable ones the ambient set empties itself. */
static int keep(cap_t held, cap_t kept)
{
	cap_flag_value_t bpf = CAP_CLEAR;
	size_t i;
	int err = 0;

	for (i = 0; i < sizeof(kept_caps) / sizeof(*kept_caps) && !err; i++)
		err = copy_cap(held, kept, kept_caps[i]);
	/* Whoever has BPF through CAP_SYS_ADMIN only, reads maps through it. */
	if (!err && (cap_get_flag(held, CAP_BPF, CAP_PERMITTED, &bpf) || bpf == CAP_CLEAR))
		err = copy_cap(held, kept, CAP_SYS_ADMIN);
	if (!err && cap_set_proc(kept))
		err = -errno;
	return err;
}

int ktally_drop_privileges(void)
{
	cap_t held, kept;
	int err = -ENOMEM;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	held = cap_get_proc();
	kept = cap_init();
	if (held && kept)
		err = keep(held, kept);
	cap_free(held);
	cap_free(kept);
	return err;
}
