// SPDX-License-Identifier: BSD-2-Clause
/*
 * Alerts to Alertmanager's v2 API over libcurl, on the monitor's loop. It forgets an alert that it
 * is not told again, so what fires is sent again each minute with an end four minutes ahead; when
 * ktally is killed, its alerts resolve by themselves. One request at a time; while it is down,
 * changes wait.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "actions/action.h"
#include "actions/alerts_table.h"
#include "actions/curl_api.h"
#include "base/buf.h"
#include "base/clock.h"

#define RESEND_NS       60000000000ull
#define ENDS_SECONDS    240
#define RETRY_FIRST_NS  1000000000ull
#define RETRY_MAX_NS    30000000000ull
#define TIMEOUT_SECONDS 10
#define PATH            "/api/v2/alerts"

struct alertmanager {
	struct curl_api curl;
	const struct action_env *env;
	char *url;
	struct alerts_table *alerts;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	bool under_way;
	bool warned;
	int curl_fd;   /* timer that curl sets */
	int resend_fd; /* each RESEND_NS */
	int retry_fd;  /* after a failure; -1: none */
	uint64_t retry_ns;
	uint64_t lost;
	char host[65];
	char curl_error[CURL_ERROR_SIZE];
};

static void warn(struct alertmanager *a, const char *why, const char *then)
{
	char message[1024];

	if (a->warned)
		return;
	a->warned = true;
	snprintf(message, sizeof(message), "alertmanager %s: %s; %s", a->url, why, then);
	a->env->warn(a->env->ctx, message);
}

static void close_timer(struct alertmanager *a, int *fd)
{
	if (*fd >= 0) {
		loop_remove(a->env->loop, *fd);
		close(*fd);
	}
	*fd = -1;
}

/* after_ns from now, then every every_ns (0: once). */
static int set_timer(struct alertmanager *a, int *fd, uint64_t after_ns, uint64_t every_ns,
		     loop_fn fn)
{
	close_timer(a, fd);
	*fd = loop_timer(clock_monotonic_ns() + after_ns, every_ns);
	return *fd < 0 ? *fd : loop_add(a->env->loop, *fd, EPOLLIN, fn, a);
}

/* ---- sending ---- */

static void send_dirty(struct alertmanager *a);

static void on_retry(void *ctx, int fd, uint32_t events)
{
	struct alertmanager *a = ctx;

	close_timer(a, &a->retry_fd);
	send_dirty(a);
}

static void later(struct alertmanager *a, const char *why)
{
	warn(a, why, "alerts wait until it answers, and are sent then");
	alerts_table_retry(a->alerts);
	set_timer(a, &a->retry_fd, a->retry_ns, 0, on_retry);
	a->retry_ns = a->retry_ns * 2 < RETRY_MAX_NS ? a->retry_ns * 2 : RETRY_MAX_NS;
}

/* An answer of 4xx will not be better next time. */
static void on_answer(struct alertmanager *a, CURLcode code)
{
	long status = 0;
	char why[64];

	a->curl.easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
	snprintf(why, sizeof(why), "answers with HTTP status %ld", status);
	a->under_way = false;
	if (code != CURLE_OK) {
		later(a, a->curl_error[0] ? a->curl_error : a->curl.easy_strerror(code));
		return;
	}
	if (status >= 500 || status == 429) {
		later(a, why);
		return;
	}
	if (status / 100 == 2) {
		a->warned = false;
	} else {
		a->lost++;
		warn(a, why,
		     "these alerts are not sent again; is the URL that of an Alertmanager?");
	}
	alerts_table_done(a->alerts);
	a->retry_ns = RETRY_FIRST_NS;
	send_dirty(a);
}

static void send_dirty(struct alertmanager *a)
{
	if (a->under_way || a->retry_fd >= 0 || !alerts_table_dirty(a->alerts))
		return;
	buf_reset(&a->body);
	alerts_table_render(a->alerts, clock_realtime_seconds() + ENDS_SECONDS, &a->body);
	if (a->body.err) {
		later(a, "out of memory");
		return;
	}
	a->curl_error[0] = '\0';
	a->curl.easy_setopt(a->easy, CURLOPT_POSTFIELDS, a->body.data);
	a->curl.easy_setopt(a->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)a->body.len);
	a->under_way = true;
	if (a->curl.multi_add_handle(a->multi, a->easy))
		on_answer(a, CURLE_FAILED_INIT);
}

/* ---- libcurl on our loop ---- */

static void take_answers(struct alertmanager *a)
{
	CURLMsg *message;
	CURLcode code;
	int left;

	while ((message = a->curl.multi_info_read(a->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		code = message->data.result;
		a->curl.multi_remove_handle(a->multi, a->easy);
		on_answer(a, code);
	}
}

static void act(struct alertmanager *a, curl_socket_t fd, int what)
{
	int running;

	a->curl.multi_socket_action(a->multi, fd, what, &running);
	take_answers(a);
}

static void on_socket(void *ctx, int fd, uint32_t events)
{
	act(ctx, fd,
	    (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		    (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
}

static void on_curl_timer(void *ctx, int fd, uint32_t events)
{
	struct alertmanager *a = ctx;

	close_timer(a, &a->curl_fd);
	act(a, CURL_SOCKET_TIMEOUT, 0);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
	static const uint32_t events[] = { [CURL_POLL_IN] = EPOLLIN,
					   [CURL_POLL_OUT] = EPOLLOUT,
					   [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT };
	struct alertmanager *a = ctx;

	loop_remove(a->env->loop, fd);
	if (what >= CURL_POLL_IN && what <= CURL_POLL_INOUT)
		loop_add(a->env->loop, fd, events[what], on_socket, a);
	return 0;
}

static int watch_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct alertmanager *a = ctx;

	if (timeout_ms < 0)
		close_timer(a, &a->curl_fd);
	else
		set_timer(a, &a->curl_fd, (uint64_t)timeout_ms * 1000000, 0, on_curl_timer);
	return 0;
}

static size_t discard(char *data, size_t size, size_t cnt, void *ctx)
{
	return size * cnt;
}

static void set_multi(struct alertmanager *a)
{
	a->curl.multi_setopt(a->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	a->curl.multi_setopt(a->multi, CURLMOPT_SOCKETDATA, a);
	a->curl.multi_setopt(a->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
	a->curl.multi_setopt(a->multi, CURLMOPT_TIMERDATA, a);
}

static int set_easy(struct alertmanager *a)
{
	a->headers = a->curl.slist_append(NULL, "Content-Type: application/json");
	if (!a->headers)
		return -ENOMEM;
	a->curl.easy_setopt(a->easy, CURLOPT_HTTPHEADER, a->headers);
	a->curl.easy_setopt(a->easy, CURLOPT_URL, a->url);
	a->curl.easy_setopt(a->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	a->curl.easy_setopt(a->easy, CURLOPT_NOSIGNAL, 1L);
	a->curl.easy_setopt(a->easy, CURLOPT_TIMEOUT, (long)TIMEOUT_SECONDS);
	a->curl.easy_setopt(a->easy, CURLOPT_WRITEFUNCTION, discard);
	a->curl.easy_setopt(a->easy, CURLOPT_ERRORBUFFER, a->curl_error);
	return 0;
}

/* ---- the action ---- */

static int set_url(struct alertmanager *a, const char *text)
{
	size_t len = strlen(text), tail = strlen(PATH);

	while (len && text[len - 1] == '/')
		len--;
	if (strncmp(text, "http://", 7) && strncmp(text, "https://", 8))
		return -EINVAL;
	if (len > tail && !strncmp(text + len - tail, PATH, tail))
		tail = 0;
	return asprintf(&a->url, "%.*s%s", (int)len, text, tail ? PATH : "") < 0 ? -ENOMEM : 0;
}

static void alertmanager_close(void *self)
{
	struct alertmanager *a = self;

	if (!a)
		return;
	if (a->curl.library) {
		if (a->under_way)
			a->curl.multi_remove_handle(a->multi, a->easy);
		a->curl.easy_cleanup(a->easy);
		a->curl.multi_cleanup(a->multi);
		a->curl.slist_free_all(a->headers);
		a->curl.global_cleanup();
		curl_api_close(&a->curl);
	}
	if (a->env) {
		close_timer(a, &a->curl_fd);
		close_timer(a, &a->resend_fd);
		close_timer(a, &a->retry_fd);
	}
	alerts_table_free(a->alerts);
	buf_fini(&a->body);
	free(a->url);
	free(a);
}

static int alertmanager_open(const char *text, void **ret, char *error)
{
	struct alertmanager *a = calloc(1, sizeof(*a));
	struct utsname uts;
	int err;

	snprintf(error, ACTION_ERROR_LEN, "alertmanager '%s': out of memory", text);
	if (!a)
		return -ENOMEM;
	a->curl_fd = a->resend_fd = a->retry_fd = -1;
	err = curl_api_open(&a->curl);
	if (err) {
		snprintf(error, ACTION_ERROR_LEN,
			 "alertmanager '%s': libcurl is not installed; install libcurl3-gnutls",
			 text);
		alertmanager_close(a);
		return err;
	}
	a->curl.global_init(CURL_GLOBAL_DEFAULT);
	a->retry_ns = RETRY_FIRST_NS;
	uname(&uts);
	snprintf(a->host, sizeof(a->host), "%s", uts.nodename);
	a->easy = a->curl.easy_init();
	a->multi = a->curl.multi_init();
	err = a->easy && a->multi ? alerts_table_new(&a->alerts) : -ENOMEM;
	if (!err) {
		err = set_url(a, text);
		if (err == -EINVAL)
			snprintf(error, ACTION_ERROR_LEN,
				 "alertmanager '%s': write a URL such as "
				 "http://localhost:9093",
				 text);
	}
	if (!err)
		err = set_easy(a);
	if (err) {
		alertmanager_close(a);
		return err;
	}
	*ret = a;
	return 0;
}

static void on_resend(void *ctx, int fd, uint32_t events)
{
	struct alertmanager *a = ctx;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
	alerts_table_refresh(a->alerts);
	send_dirty(a);
}

static int alertmanager_start(void *self, const struct action_env *env)
{
	struct alertmanager *a = self;

	a->env = env;
	set_multi(a);
	return set_timer(a, &a->resend_fd, RESEND_NS, RESEND_NS, on_resend);
}

static void alertmanager_alert(void *self, const struct alert_record *alert)
{
	struct alertmanager *a = self;

	if (alert->state != ALERT_FIRING && alert->state != ALERT_RESOLVED)
		return;
	if (alerts_table_change(a->alerts, alert, a->host)) {
		a->lost++;
		warn(a, "1024 alerts are open", "more are counted in lost_events, and not sent");
	}
	send_dirty(a);
}

/* What waits for an Alertmanager that is down is not worth waiting for at the end. */
static bool alertmanager_busy(const void *self)
{
	return ((const struct alertmanager *)self)->under_way;
}

static void alertmanager_abandon(void *self)
{
	struct alertmanager *a = self;

	a->lost += alerts_table_open(a->alerts);
}

static uint64_t alertmanager_lost(const void *self)
{
	return ((const struct alertmanager *)self)->lost;
}

const struct action action_alertmanager = {
	.name = "alertmanager",
	.open = alertmanager_open,
	.start = alertmanager_start,
	.alert = alertmanager_alert,
	.busy = alertmanager_busy,
	.abandon = alertmanager_abandon,
	.lost = alertmanager_lost,
	.close = alertmanager_close,
};
