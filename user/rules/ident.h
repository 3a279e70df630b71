/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rules remember of one process or target: the state of its alerts, and its recent past.
 */
#ifndef KTALLY_RULES_IDENT_H
#define KTALLY_RULES_IDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/catalog.h"
#include "rules/window.h"
#include "snapshot/record.h"

struct alert_slot {
	enum alert_state state;
	uint64_t since_ns; /* monotonic; pending or firing: the condition became true */
	uint64_t quiet_ns; /* monotonic; firing: the condition became false; 0: it is true */
	double started_at; /* epoch seconds */
	double value;      /* of the last snapshot in which the condition was true */
};

struct ident;

/* All identities, by (target, member, pid, start_ticks); zero: none. */
struct idents {
	struct ident *head; /* in the order in which they came */
	struct ident *last; /* found or made last; NULL: gone */
};

struct ident *ident_find(struct idents *all, const struct snapshot *s); /* NULL: not there */
/* Found or made, with room for the catalog's windows: allocates only when something is new. */
int ident_get(struct idents *all, const struct snapshot *s, const struct catalog *c,
	      struct ident **ret);
struct ident *ident_next(struct ident *id); /* NULL after the last */
void ident_remove(struct idents *all, struct ident *id);
void ident_remove_all(struct idents *all);

/* Feeds the snapshot into the windows. */
int ident_observe(struct ident *id, const struct snapshot *s, const struct catalog *c);
/* The points of window `from` of old also in window `to` of id, where both are in use. */
void ident_copy_window(struct ident *id, size_t to, const struct ident *old, size_t from);

size_t ident_window_cnt(const struct ident *id);
/* Of most no alert was ever pending or firing, and they have no slots: NULL is inactive. */
struct alert_slot *ident_alert(const struct ident *id, size_t rule);
/* Likewise, but made where it is not there, of rule_cnt; NULL: out of memory. */
struct alert_slot *ident_alert_get(struct ident *id, size_t rule, size_t rule_cnt);
/* Pending or firing. */
bool ident_is_active(const struct ident *id, size_t rule);
bool ident_matches(const struct ident *id, int set);
/* NULL: no window of this index is in use for this process. */
const struct window *ident_window(const struct ident *id, int window);
/* Who it is, as a snapshot in which every number is unknown. */
void ident_describe(const struct ident *id, struct snapshot *ret);

#endif
