/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts as a list of the public API: kept by a monitor or a replay, copied for its caller. */
#ifndef KTALLY_MONITOR_VERDICTS_H
#define KTALLY_MONITOR_VERDICTS_H

#include <stddef.h>

#include "ktally.h"
#include "snapshot/record.h"

/* Adds a copy to a list that is made when there is none yet. */
int verdicts_add(struct ktally_assertions **list, const struct verdict_record *v);
/* list: NULL is an empty one. */
int verdicts_copy(const struct ktally_assertions *list, struct ktally_assertions **ret);

#endif
