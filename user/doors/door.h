/* SPDX-License-Identifier: BSD-2-Clause */
/* A door: a way for numbers of other programs to come in. It keeps what arrives between two ticks
 * in a store, never blocks and never ends the run. */
#ifndef KTALLY_DOORS_DOOR_H
#define KTALLY_DOORS_DOOR_H

#include <stdint.h>

#include "base/loop.h"

struct store;

#define DOOR_ERROR_LEN 256

/* What every door gets; outlives it. */
struct door_env {
	struct loop *loop;
	void (*warn)(void *ctx, const char *message);
	void *ctx;
	uint64_t nofile; /* of commands, see child.h */
};

struct door {
	const char *name; /* in losses */
	/* text: the option's value; every_ns: 0 unless the door asks on a schedule. On failure one
	 * sentence in error (DOOR_ERROR_LEN bytes). */
	int (*open)(const char *text, uint64_t every_ns, void **ret, char *error);
	int (*start)(void *self, const struct door_env *env);
	void (*refresh)(void *self); /* takes what waits at its fd, so that the tick has it */
	struct store *(*values)(void *self);
	uint64_t (*lost)(const void *self);
	void (*close)(void *self); /* NULL is fine */
};

extern const struct door door_statsd;
extern const struct door door_command;

#endif
