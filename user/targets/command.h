/* SPDX-License-Identifier: BSD-2-Clause */
/* A command held at a gate: forked at once, so that its PID is known, and executed when it is let
 * go. */
#ifndef KTALLY_TARGETS_COMMAND_H
#define KTALLY_TARGETS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct command;

/* -ENOENT, -EACCES: not found in PATH, or not executable. The child keeps the caller's standard
 * streams, process group and environment; signals and nofile are as in child.h. */
int command_new(char *const *argv, uint64_t nofile, struct command **ret);
pid_t command_pid(const struct command *c);
/* Its own copy, NULL-terminated. */
char *const *command_argv(const struct command *c);
/* Opens the gate. -errno of the execve when it failed; the child has then ended. */
int command_release(struct command *c);
/* Has it ended? Reaps it; *ret_status as from waitpid(2). */
bool command_reap(struct command *c, int *ret_status);
/* Waits for its end, at most timeout_ms. False: it lives on, or cannot be waited for (before 5.3,
 * which has no pidfds). */
bool command_await(const struct command *c, int timeout_ms);
bool command_released(const struct command *c);
/* A command still at its gate is ended; one that runs is left alone. */
void command_free(struct command *c);

#endif
