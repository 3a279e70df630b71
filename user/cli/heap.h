/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory that loading programs takes for a moment. Settings of the whole process, which a
 * library may not touch and a command may. */
#ifndef KTALLY_CLI_HEAP_H
#define KTALLY_CLI_HEAP_H

/* Around ktally_monitor__begin and ktally_check__run; the second takes what the first returned,
 * which may be NULL. Both only help: failures are ignored. */
void *cli_heap_prepare(void);
void cli_heap_settle(void *between);

#endif
