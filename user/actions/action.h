/* SPDX-License-Identifier: BSD-2-Clause */
/* An action: what is done when an alert fires and when it resolves. On the monitor's loop, never
 * waiting. */
#ifndef KTALLY_ACTIONS_ACTION_H
#define KTALLY_ACTIONS_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "snapshot/record.h"

#define ACTION_ERROR_LEN 256

/* What every action gets; outlives it. */
struct action_env {
	struct loop *loop;
	void (*warn)(void *ctx, const char *message);
	void *ctx;
	uint64_t nofile; /* of commands, see child.h */
};

struct action {
	const char *name; /* in losses */
	/* On failure one sentence in error (ACTION_ERROR_LEN bytes). */
	int (*open)(const char *text, void **ret, char *error);
	int (*start)(void *self, const struct action_env *env);
	void (*alert)(void *self, const struct alert_record *alert);
	bool (*busy)(const void *self);     /* something is under way that the end of the run should
					       wait for */
	void (*abandon)(void *self);        /* the end: what has not arrived is lost */
	uint64_t (*lost)(const void *self); /* notices that reached nobody */
	void (*close)(void *self);          /* NULL is fine */
};

extern const struct action action_on_alert;
/* Weak: a program that is linked without libcurl is linked without it, and its address is NULL. */
extern const struct action action_alertmanager __attribute__((weak));

#endif
