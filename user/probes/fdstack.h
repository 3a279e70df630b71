/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor asks of the instrument `fdstack`, beyond what every instrument gives: self is
 * what its make returned. */
#ifndef KTALLY_PROBES_FDSTACK_H
#define KTALLY_PROBES_FDSTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "leaks/leaks.h"

/* What this process has open when it ends is kept for the report. */
void fdstack_keep(void *self, uint64_t process);
/* Everything until now, with names and addresses. */
int fdstack_report(void *self, double timestamp, struct leaks_report *ret);

#endif
