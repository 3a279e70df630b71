/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alert rules: text in, changes of alert state out. Pure: no clock (time comes with each snapshot),
 * no file but the rule files that it is told to read, no output but the callback.
 */
#ifndef KTALLY_RULES_RULES_H
#define KTALLY_RULES_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "snapshot/record.h"

struct rules;

/* What is wrong with a rule, as one sentence ready for a person: "rules.yaml:7:12: expected a
 * number after '>'". */
struct rule_error {
	char text[512];
};

typedef void (*rules_emit_fn)(void *ctx, const struct alert_record *alert);

int rules_new(struct rules **ret);
void rules_free(struct rules *r);
/* high_cpu, high_memory, file_handle_leak. Each gives way to a rule of the same name. */
int rules_add_defaults(struct rules *r);
/* 'NAME: EXPR [for DUR]'; on failure *err says why. */
int rules_add_text(struct rules *r, const char *text, struct rule_error *err);
/* Prometheus rule-file syntax. -EINVAL for a bad rule, or why the file
 * could not be read; on failure *err says it, and nothing was added. */
int rules_add_file(struct rules *r, const char *path, struct rule_error *err);

/* A reload: r becomes next, which is freed. Alerts whose name and expression are in both keep their
 * state, windows in both their past; the rest resolve, at this time (epoch seconds). On failure,
 * -ENOMEM, r is as it was and next is still the caller's. */
int rules_replace(struct rules *r, struct rules *next, double timestamp, rules_emit_fn emit,
		  void *ctx);

size_t rules_count(const struct rules *r);
/* Borrowed; valid until the next rules_add_*. */
void rules_describe(const struct rules *r, size_t index, struct rule_record *ret);

/* Evaluates every rule for the process or target that s describes; calls emit on changes of state.
 * Identity is (target, member, pid, start_ticks). No allocation once the identity is known. */
int rules_eval(struct rules *r, const struct snapshot *s, rules_emit_fn emit, void *ctx);
/* Fields that neither are metrics nor were custom ones of a snapshot so far: each is told once. */
typedef void (*rules_unseen_fn)(void *ctx, const char *alert, const char *field);
void rules_tell_unseen(struct rules *r, rules_unseen_fn tell, void *ctx);
/* Names of the alerts that fire for the identity of s: the array belongs to the rules and is valid
 * until the next call. */
size_t rules_firing(struct rules *r, const struct snapshot *s, const char *const **ret);
/* The process or target has ended: its alerts resolve, its state is forgotten. */
void rules_forget(struct rules *r, const struct snapshot *s, rules_emit_fn emit, void *ctx);

#endif
