// SPDX-License-Identifier: BSD-2-Clause
/*
 * A command that is run on a schedule and prints numbers. One at a time; one that does not end in
 * time is killed. Until the next good run nobody knows the values, so a failed run leaves them
 * unknown.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/execpath.h"
#include "base/words.h"
#include "doors/door.h"
#include "doors/promtext.h"

#define TIMEOUT_MAX_NS 10000000000ull /* or the time between two runs, if that is less */
#define OUTPUT_MAX     (256 * 1024)

struct command_door {
	const struct door_env *env;
	char **argv;
	uint64_t every_ns;
	struct store *values;
	struct store *next; /* while output is read */
	struct child child;
	int every_fd;
	int timeout_fd;
	const char *failed; /* why the run under way is given up */
	bool warned;
	uint64_t lost;
	size_t len;
	char output[OUTPUT_MAX];
};

/* ---- what it said ---- */

static void note_lost(struct command_door *d, uint64_t cnt, const char *why)
{
	char message[512];

	d->lost += cnt;
	if (d->warned)
		return;
	d->warned = true;
	snprintf(message, sizeof(message),
		 "metrics command '%s': %s; such losses are counted in lost_events, without a "
		 "message "
		 "until it works again",
		 d->argv[0], why);
	d->env->warn(d->env->ctx, message);
}

static void on_sample(void *ctx, const struct sample *sample)
{
	struct command_door *d = ctx;

	if (store_add(d->next, sample))
		note_lost(d, 1, "more values than there is room for");
}

static const char *skip_blanks(const struct command_door *d)
{
	size_t at = 0;

	while (at < d->len && strchr(" \t\r\n", d->output[at]))
		at++;
	return d->output + at;
}

static int parse(struct command_door *d, size_t *ret_bad)
{
	const char *text = skip_blanks(d);
	size_t len = d->len - (size_t)(text - d->output);
	int err = 0;

	if (len && *text == '{')
		*ret_bad = jsonvalues_parse(text, len, on_sample, d, &err);
	else
		*ret_bad = promtext_parse(text, len, on_sample, d);
	return err;
}

static void use_output(struct command_door *d)
{
	uint64_t lost = d->lost;
	size_t bad = 0;
	int err = store_new(&d->next);

	if (!err)
		err = parse(d, &bad);
	if (err) {
		store_forget_values(d->values);
		note_lost(d, 1,
			  err == -EINVAL ? "its output is not a JSON object" : strerror(-err));
	} else {
		struct store *old = d->values;

		d->values = d->next;
		d->next = old;
		if (bad)
			note_lost(d, bad, "lines of its output are no values");
		d->warned = d->warned && d->lost > lost;
	}
	store_free(d->next);
	d->next = NULL;
}

static const char *failure(const struct command_door *d, int status, char *text, size_t size)
{
	if (d->failed)
		return d->failed;
	if (WIFSIGNALED(status))
		snprintf(text, size, "ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
	else
		return NULL;
	return text;
}

/* ---- running it ---- */

static void give_up(struct command_door *d, const char *why)
{
	if (!d->failed)
		d->failed = why;
	child_kill(&d->child);
}

static void set_timeout(struct command_door *d, bool armed);

static void close_child(struct command_door *d)
{
	set_timeout(d, false);
	if (d->child.pid_fd >= 0)
		loop_remove(d->env->loop, d->child.pid_fd);
	if (d->child.out_fd >= 0)
		loop_remove(d->env->loop, d->child.out_fd);
	child_fini(&d->child);
}

/* False: nothing more for now. */
static bool read_output(struct command_door *d)
{
	char spill;
	ssize_t n;

	if (d->len == OUTPUT_MAX) {
		if (read(d->child.out_fd, &spill, 1) > 0)
			give_up(d, "prints more than 256 KiB");
		return false;
	}
	n = read(d->child.out_fd, d->output + d->len, OUTPUT_MAX - d->len);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	d->len += (size_t)n;
	return true;
}

static void on_output(void *ctx, int fd, uint32_t events)
{
	struct command_door *d = ctx;

	while (read_output(d))
		;
	if (events & (EPOLLHUP | EPOLLERR) || d->failed)
		loop_remove(d->env->loop, fd);
}

static void on_end(void *ctx, int fd, uint32_t events)
{
	struct command_door *d = ctx;
	const char *why;
	char text[64];
	int status;

	if (!child_reap(&d->child, &status))
		return;
	while (read_output(d))
		;
	why = failure(d, status, text, sizeof(text));
	close_child(d);
	if (!why) {
		use_output(d);
		return;
	}
	store_forget_values(d->values);
	note_lost(d, 1, why);
}

static void on_timeout(void *ctx, int fd, uint32_t events)
{
	struct command_door *d = ctx;

	set_timeout(d, false);
	give_up(d, "did not end in time and was killed");
}

static void set_timeout(struct command_door *d, bool armed)
{
	uint64_t limit_ns = d->every_ns < TIMEOUT_MAX_NS ? d->every_ns : TIMEOUT_MAX_NS;

	if (d->timeout_fd >= 0) {
		loop_remove(d->env->loop, d->timeout_fd);
		close(d->timeout_fd);
	}
	d->timeout_fd = armed ? loop_timer(clock_monotonic_ns() + limit_ns, 0) : -1;
	if (d->timeout_fd >= 0)
		loop_add(d->env->loop, d->timeout_fd, EPOLLIN, on_timeout, d);
}

static void run(struct command_door *d)
{
	int err = child_start(d->argv, NULL, CHILD_READ, d->env->nofile, &d->child);

	d->failed = NULL;
	d->len = 0;
	if (!err)
		err = loop_add(d->env->loop, d->child.pid_fd, EPOLLIN, on_end, d);
	if (!err)
		err = loop_add(d->env->loop, d->child.out_fd, EPOLLIN, on_output, d);
	if (err) {
		close_child(d);
		store_forget_values(d->values);
		note_lost(d, 1, strerror(-err));
		return;
	}
	set_timeout(d, true);
}

static void on_schedule(void *ctx, int fd, uint32_t events)
{
	struct command_door *d = ctx;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count) || d->child.pid)
		return;
	run(d);
}

/* ---- the door ---- */

static void command_close(void *self)
{
	struct command_door *d = self;

	if (!d)
		return;
	if (d->env)
		close_child(d);
	if (d->every_fd >= 0) {
		loop_remove(d->env->loop, d->every_fd);
		close(d->every_fd);
	}
	words_free(d->argv);
	store_free(d->values);
	free(d);
}

static int command_open(const char *text, uint64_t every_ns, void **ret, char *error)
{
	struct command_door *d = calloc(1, sizeof(*d));
	int err = d ? store_new(&d->values) : -ENOMEM;

	if (d) {
		d->child = (struct child)CHILD_INIT;
		d->every_fd = d->timeout_fd = -1;
		d->every_ns = every_ns;
	}
	if (!err)
		err = words_split(text, &d->argv);
	if (!err)
		err = execpath_find(d->argv[0], NULL);
	if (err) {
		snprintf(error, DOOR_ERROR_LEN, "metrics command '%s': %s", text,
			 err == -EINVAL ? "a quote is not closed, or there is no word"
					: strerror(-err));
		command_close(d);
		return err;
	}
	*ret = d;
	return 0;
}

static int command_start(void *self, const struct door_env *env)
{
	struct command_door *d = self;

	d->env = env;
	d->every_fd = loop_timer(clock_monotonic_ns() + d->every_ns, d->every_ns);
	if (d->every_fd < 0)
		return d->every_fd;
	run(d);
	return loop_add(env->loop, d->every_fd, EPOLLIN, on_schedule, d);
}

static struct store *command_values(void *self)
{
	return ((struct command_door *)self)->values;
}

static uint64_t command_lost(const void *self)
{
	return ((const struct command_door *)self)->lost;
}

const struct door door_command = {
	.name = "metrics_command",
	.open = command_open,
	.start = command_start,
	.values = command_values,
	.lost = command_lost,
	.close = command_close,
};
