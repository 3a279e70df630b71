// SPDX-License-Identifier: BSD-2-Clause
/* Names of the enums of record.h. */
#include "snapshot/record.h"

const char *const scope_names[] = { "process", "tree", "cgroup", "system" };
const char *const alert_state_names[] = { "inactive", "pending", "firing", "resolved" };
