/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a door was told since the last tick, by process and name. PID 0 stands for the target.
 * Bounded: so many names for each process, so many processes. Pure.
 */
#ifndef KTALLY_DOORS_STORE_H
#define KTALLY_DOORS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_NAMES_MAX  64   /* of one process */
#define STORE_OWNERS_MAX 1024 /* processes */
#define STORE_NAME_LEN   56   /* NAME_per_sec fits into a custom metric's name */

enum value_kind {
	VALUE_GAUGE,   /* NAME: the last value, kept until the next; of several processes: their sum
			*/
	VALUE_COUNTER, /* NAME: sum since the start; NAME_per_sec: of this interval */
	VALUE_TIMER,   /* NAME_mean, NAME_max, NAME_count: of this interval */
	VALUE_SET,     /* NAME_count: different values in this interval */
};

struct sample {
	int32_t pid;
	enum value_kind kind;
	char name[STORE_NAME_LEN]; /* as store_name makes it */
	double value;              /* NaN: unknown, gauges only */
	double weight;             /* events that a counter's or timer's value stands for; 1 */
	bool relative;             /* gauge: a change of it */
	uint64_t hash;             /* set: of the member */
};

struct store;

int store_new(struct store **ret);
void store_free(struct store *s);
/* A name that rules can use: what is not a letter, digit or _ becomes _. False: empty, or too long.
 */
bool store_name(const char *text, size_t len, char ret[STORE_NAME_LEN]);
/* -ENOSPC: one name, process or set member too many; -EEXIST: the name is taken by another kind;
 * -EINVAL: not a number. */
int store_add(struct store *s, const struct sample *sample);
/* Every value is unknown from now on. */
void store_forget_values(struct store *s);

/* At a tick, for each target: take what belongs to it, process after process, then read it out. */
typedef void (*store_fn)(void *ctx, const char *name, double value);
#define STORE_NO_TARGET (-1) /* for the line of one process */
void store_take(struct store *s, int target, int32_t pid);
/* What ended processes of the target had counted is in it. */
void store_read(struct store *s, int target, double interval_seconds, store_fn fn, void *ctx);
/* Is there a value of a process, not of the target? */
bool store_has_processes(const struct store *s);
/* Ends the interval: counts begin again, and processes that nobody took are forgotten; what they
 * had counted stays with the target that took them. */
void store_settle(struct store *s);

#endif
