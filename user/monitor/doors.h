/* SPDX-License-Identifier: BSD-2-Clause */
/* What reaches out of the monitor: the doors that custom metrics come in by, the actions that
 * alerts go out by. */
#ifndef KTALLY_MONITOR_DOORS_H
#define KTALLY_MONITOR_DOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actions/action.h"
#include "doors/door.h"

struct ktally_monitor;
struct process;

#define MONITOR_DOORS_MAX  16
#define MONITOR_LINK_KINDS 4 /* rows in losses: one for each kind in use */

struct monitor_door {
	const struct door *ops;
	void *self;
	uint64_t over; /* values that a snapshot had no room for */
};

struct monitor_action {
	const struct action *ops;
	void *self;
};

struct monitor_doors {
	struct door_env door_env;
	struct action_env action_env;
	struct monitor_door doors[MONITOR_DOORS_MAX];
	size_t door_cnt;
	struct monitor_action actions[MONITOR_DOORS_MAX];
	size_t action_cnt;
	size_t target; /* that values without a process belong to */
	bool over_told;
};

/* Before the first command is let go: its first words are heard. */
int monitor_doors_start(struct ktally_monitor *m);
/* At a tick: what waits comes in; then for each target and member line its values; then the next
 * interval. */
void monitor_doors_refresh(struct ktally_monitor *m);
void monitor_doors_target(struct ktally_monitor *m, size_t target);
void monitor_doors_member(struct ktally_monitor *m, const struct process *p);
void monitor_doors_settle(struct ktally_monitor *m);

struct alert_record;
void monitor_doors_alert(struct ktally_monitor *m, const struct alert_record *alert);
/* At the end: actions under way get a few seconds more; what is left then counts as lost. */
void monitor_doors_finish(struct ktally_monitor *m);
/* Before the loop is freed. */
void monitor_doors_close(struct ktally_monitor *m);

struct loss_record;
uint64_t monitor_doors_lost(const struct ktally_monitor *m);
/* rows: MONITOR_LINK_KINDS. Returns how many. */
size_t monitor_doors_losses(const struct ktally_monitor *m, struct loss_record *rows);

/* One value of the snapshot that is being made: -EINVAL, -ENOSPC, -EEXIST: the first of a name
 * stays. */
int monitor_set_custom(struct ktally_monitor *m, const char *name, double value);

#endif
