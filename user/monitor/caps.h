/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process may do: capabilities, not user ids. */
#ifndef KTALLY_MONITOR_CAPS_H
#define KTALLY_MONITOR_CAPS_H

#include <stdbool.h>

/* cap: one of linux/capability.h. */
bool caps_effective(int cap);
/* CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, which includes both. */
bool caps_allow_bpf(void);

#endif
