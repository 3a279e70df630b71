// SPDX-License-Identifier: BSD-2-Clause
/*
 * A command for each alert that fires or resolves: the record on its standard input, the fields in
 * its environment. So many at a time, so long each; what waits is bounded too.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actions/action.h"
#include "base/buf.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/execpath.h"
#include "base/words.h"
#include "sinks/sink.h"

#define RUNNING_MAX 4
#define WAITING_MAX 64
#define LIMIT_NS    10000000000ull

struct on_alert;

/* An alert as the command will get it. */
struct notice {
	struct buf record;
	struct buf strings; /* "KTALLY_...=...", NUL after each */
	size_t string_cnt;
};

struct job {
	struct on_alert *owner;
	struct child child;
	struct notice notice;
	size_t written;
	int limit_fd;
	bool killed;
};

struct on_alert {
	const struct action_env *env;
	char **argv;
	struct sink sink;
	struct job jobs[RUNNING_MAX];
	struct notice waiting[WAITING_MAX]; /* ring */
	size_t first;
	size_t waiting_cnt;
	uint64_t lost;
	bool warned;
};

static void notice_fini(struct notice *n)
{
	buf_fini(&n->record);
	buf_fini(&n->strings);
	*n = (struct notice){ .string_cnt = 0 };
}

static void note_lost(struct on_alert *o, const char *why)
{
	char message[512];

	o->lost++;
	if (o->warned)
		return;
	o->warned = true;
	snprintf(message, sizeof(message),
		 "alert command '%s': %s; such losses are counted in lost_events, without a "
		 "message until "
		 "it works again",
		 o->argv[0], why);
	o->env->warn(o->env->ctx, message);
}

/* ---- the environment ---- */

static void put_text(struct notice *n, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(&n->strings, "KTALLY_%s=%s", name, value);
	buf_putc(&n->strings, '\0');
	n->string_cnt++;
}

/* What is unknown has no variable. */
static void put_number(struct notice *n, const char *name, double value, int digits)
{
	char text[64];

	if (!isfinite(value))
		return;
	snprintf(text, sizeof(text), "%.*g", digits, value);
	put_text(n, name, text);
}

static void put_fields(struct notice *n, const struct alert_record *a)
{
	put_text(n, "ALERT", a->alert);
	put_text(n, "STATE", alert_state_names[a->state]);
	put_text(n, "SEVERITY", a->severity);
	put_text(n, "EXPR", a->expr);
	put_text(n, "MESSAGE", a->message ? a->message : "");
	put_text(n, "COMM", a->comm[0] ? a->comm : NULL);
	put_number(n, "VALUE", a->value, 15);
	put_number(n, "THRESHOLD", a->threshold, 15);
	put_number(n, "FOR_SECONDS", a->for_seconds, 15);
	put_number(n, "STARTED_AT", a->started_at, 16);
	put_number(n, "TIMESTAMP", a->timestamp, 16);
	put_number(n, "TARGET", a->target, 10);
	put_number(n, "PID", a->pid ? a->pid : NAN, 10);
}

/* Ours replace those of the same name that we were given ourselves. */
static bool is_ours(const struct notice *n, const char *string)
{
	const char *at = n->strings.data;
	size_t i, len;

	for (i = 0; i < n->string_cnt; i++, at += strlen(at) + 1) {
		len = strcspn(at, "=") + 1;
		if (!strncmp(at, string, len))
			return true;
	}
	return false;
}

static char **make_env(struct notice *n)
{
	size_t cnt = 0, out = 0, i;
	char *at = n->strings.data;
	char **env;

	while (environ[cnt])
		cnt++;
	env = calloc(cnt + n->string_cnt + 1, sizeof(*env));
	if (!env)
		return NULL;
	for (i = 0; i < cnt; i++)
		if (!is_ours(n, environ[i]))
			env[out++] = environ[i];
	for (i = 0; i < n->string_cnt; i++, at += strlen(at) + 1)
		env[out++] = at;
	return env;
}

/* ---- jobs ---- */

static void start_waiting(struct on_alert *o);

static void stop_feeding(struct job *j)
{
	if (j->child.in_fd < 0)
		return;
	loop_remove(j->owner->env->loop, j->child.in_fd);
	child_close_in(&j->child);
}

static void finish(struct job *j)
{
	struct loop *loop = j->owner->env->loop;

	stop_feeding(j);
	if (j->child.pid_fd >= 0)
		loop_remove(loop, j->child.pid_fd);
	if (j->limit_fd >= 0) {
		loop_remove(loop, j->limit_fd);
		close(j->limit_fd);
	}
	j->limit_fd = -1;
	child_fini(&j->child);
	notice_fini(&j->notice);
}

static void on_writable(void *ctx, int fd, uint32_t events)
{
	struct job *j = ctx;
	const struct buf *record = &j->notice.record;
	ssize_t n = write(fd, record->data + j->written, record->len - j->written);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		j->written += (size_t)n;
	if (n < 0 || j->written == record->len) /* it need not want to read */
		stop_feeding(j);
}

static void on_end(void *ctx, int fd, uint32_t events)
{
	struct job *j = ctx;
	struct on_alert *o = j->owner;
	char why[64];
	int status;

	if (!child_reap(&j->child, &status))
		return;
	if (j->killed)
		note_lost(o, "did not end within 10 s and was killed");
	else if (WIFSIGNALED(status) || WEXITSTATUS(status)) {
		snprintf(why, sizeof(why), "ended %s %d",
			 WIFSIGNALED(status) ? "by signal" : "with status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		note_lost(o, why);
	} else {
		o->warned = false;
	}
	finish(j);
	start_waiting(o);
}

static void on_limit(void *ctx, int fd, uint32_t events)
{
	struct job *j = ctx;

	loop_remove(j->owner->env->loop, fd);
	j->killed = true;
	child_kill(&j->child);
}

static int watch(struct job *j)
{
	struct loop *loop = j->owner->env->loop;
	int err = loop_add(loop, j->child.pid_fd, EPOLLIN, on_end, j);

	if (!err)
		err = loop_add(loop, j->child.in_fd, EPOLLOUT, on_writable, j);
	if (err)
		return err;
	j->limit_fd = loop_timer(clock_monotonic_ns() + LIMIT_NS, 0);
	return j->limit_fd < 0 ? j->limit_fd : loop_add(loop, j->limit_fd, EPOLLIN, on_limit, j);
}

/* Takes the notice over. */
static void start(struct job *j, struct notice *n)
{
	char **env = make_env(n);
	int err = env ? child_start(j->owner->argv, env, CHILD_FEED, j->owner->env->nofile,
				    &j->child)
		      : -ENOMEM;

	free(env);
	j->notice = *n;
	j->written = 0;
	j->killed = false;
	if (!err)
		err = watch(j);
	if (err) {
		note_lost(j->owner, strerror(-err));
		finish(j);
	}
}

static struct job *idle_job(struct on_alert *o)
{
	size_t i;

	for (i = 0; i < RUNNING_MAX; i++)
		if (!o->jobs[i].child.pid)
			return &o->jobs[i];
	return NULL;
}

static void start_waiting(struct on_alert *o)
{
	struct job *j;

	while (o->waiting_cnt && (j = idle_job(o))) {
		struct notice n = o->waiting[o->first];

		o->first = (o->first + 1) % WAITING_MAX;
		o->waiting_cnt--;
		start(j, &n);
	}
}

/* ---- the action ---- */

static void on_alert_alert(void *self, const struct alert_record *a)
{
	struct on_alert *o = self;
	struct notice n = { .string_cnt = 0 };

	if (a->state != ALERT_FIRING && a->state != ALERT_RESOLVED)
		return;
	o->sink.format->alert(&o->sink, &n.record, a);
	put_fields(&n, a);
	if (n.record.err || n.strings.err || o->waiting_cnt == WAITING_MAX) {
		note_lost(o, o->waiting_cnt == WAITING_MAX ? "64 alerts wait for it"
							   : "out of memory");
		notice_fini(&n);
		return;
	}
	o->waiting[(o->first + o->waiting_cnt++) % WAITING_MAX] = n;
	start_waiting(o);
}

static bool on_alert_busy(const void *self)
{
	const struct on_alert *o = self;
	size_t i;

	for (i = 0; i < RUNNING_MAX; i++)
		if (o->jobs[i].child.pid)
			return true;
	return o->waiting_cnt;
}

static void on_alert_abandon(void *self)
{
	struct on_alert *o = self;
	size_t i;

	for (i = 0; i < RUNNING_MAX; i++) {
		if (!o->jobs[i].child.pid)
			continue;
		note_lost(o, "still ran when ktally ended, and was killed");
		finish(&o->jobs[i]);
	}
	for (; o->waiting_cnt; o->waiting_cnt--) {
		note_lost(o, "alerts still waited for it when ktally ended");
		notice_fini(&o->waiting[o->first]);
		o->first = (o->first + 1) % WAITING_MAX;
	}
}

static uint64_t on_alert_lost(const void *self)
{
	return ((const struct on_alert *)self)->lost;
}

static void on_alert_close(void *self)
{
	struct on_alert *o = self;
	size_t i;

	if (!o)
		return;
	for (i = 0; o->env && i < RUNNING_MAX; i++)
		finish(&o->jobs[i]);
	for (i = 0; i < o->waiting_cnt; i++)
		notice_fini(&o->waiting[(o->first + i) % WAITING_MAX]);
	words_free(o->argv);
	free(o);
}

static int on_alert_open(const char *text, void **ret, char *error)
{
	struct on_alert *o = calloc(1, sizeof(*o));
	int err = o ? words_split(text, &o->argv) : -ENOMEM;
	size_t i;

	if (!err)
		err = execpath_find(o->argv[0], NULL);
	if (err) {
		snprintf(error, ACTION_ERROR_LEN, "alert command '%s': %s", text,
			 err == -EINVAL ? "a quote is not closed, or there is no word"
					: strerror(-err));
		on_alert_close(o);
		return err;
	}
	o->sink.format = sink_format_find("jsonl");
	for (i = 0; i < RUNNING_MAX; i++)
		o->jobs[i] = (struct job){ .owner = o, .child = CHILD_INIT, .limit_fd = -1 };
	*ret = o;
	return 0;
}

static int on_alert_start(void *self, const struct action_env *env)
{
	((struct on_alert *)self)->env = env;
	return 0;
}

const struct action action_on_alert = {
	.name = "on_alert",
	.open = on_alert_open,
	.start = on_alert_start,
	.alert = on_alert_alert,
	.busy = on_alert_busy,
	.abandon = on_alert_abandon,
	.lost = on_alert_lost,
	.close = on_alert_close,
};
