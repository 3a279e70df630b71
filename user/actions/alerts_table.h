/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alerts that Alertmanager has to know of: one entry per set of labels, what it was last told,
 * and the JSON of its v2 API. While it is down entries wait here, so what fired and resolved
 * meanwhile is one entry. Pure.
 */
#ifndef KTALLY_ACTIONS_ALERTS_TABLE_H
#define KTALLY_ACTIONS_ALERTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "snapshot/record.h"

#define ALERTS_TABLE_MAX 1024

struct alerts_table;

int alerts_table_new(struct alerts_table **ret);
void alerts_table_free(struct alerts_table *t);
/* host: the label `instance`. -ENOSPC, -ENOMEM: the change is lost. */
int alerts_table_change(struct alerts_table *t, const struct alert_record *a, const char *host);
/* Everything that fires is to be told again. */
void alerts_table_refresh(struct alerts_table *t);
/* Those not yet told, or under way. */
size_t alerts_table_open(const struct alerts_table *t);
bool alerts_table_dirty(const struct alerts_table *t);
/* An array of what is to be told; what fires ends at ends_at (epoch seconds) unless it is told
 * again. Until one of the two below is called these entries are under way. Returns how many. */
size_t alerts_table_render(struct alerts_table *t, double ends_at, struct buf *out);
/* They have arrived, or never will. */
void alerts_table_done(struct alerts_table *t);
/* They are to be told later. */
void alerts_table_retry(struct alerts_table *t);

#endif
