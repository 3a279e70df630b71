// SPDX-License-Identifier: BSD-2-Clause
/* Life and configuration of a replay: the public calls that come before it runs. */
#include "replay/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/opts.h"
#include "monitor/verdicts.h"

/* What a message quotes was written by others: one line, whatever is in it. */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

int replay_fail(struct ktally_replay *r, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->error, sizeof(r->error), fmt, args);
	va_end(args);
	one_line(r->error);
	return err;
}

void replay_log(const struct ktally_replay *r, enum ktally_log_level level, const char *fmt, ...)
{
	char text[REPLAY_ERROR_LEN];
	va_list args;

	if (!r->log)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	one_line(text);
	r->log(r->log_ctx, level, text);
}

const char *ktally_replay__last_error(const struct ktally_replay *r)
{
	return r->error;
}

int ktally_replay__open(const struct ktally_replay_opts *opts, struct ktally_replay **ret)
{
	struct ktally_replay *r;
	int err = OPTS_CHECK(opts, ktally_replay_opts);

	if (err)
		return err;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->log = OPTS_GET(opts, log, NULL);
	r->log_ctx = OPTS_GET(opts, log_ctx, NULL);
	r->rule_sources.defaults = !OPTS_GET(opts, no_default_rules, 0);
	err = rules_new(&r->rules);
	if (!err && r->rule_sources.defaults)
		err = rules_add_defaults(r->rules);
	if (err) {
		ktally_replay__close(r);
		return err;
	}
	*ret = r;
	return 0;
}

void ktally_replay__close(struct ktally_replay *r)
{
	if (!r)
		return;
	sweep_free(r->sweep);
	assertions_free(r->assertions);
	ktally_assertions__free(r->verdicts);
	rules_free(r->rules);
	rule_sources_fini(&r->rule_sources);
	output_free(r->out);
	buf_fini(&r->buf);
	recorded_fini(&r->now);
	free(r);
}

static int add_source(struct ktally_replay *r, enum rule_source_kind kind, const char *text)
{
	struct rule_error error = { "" };
	int err = rule_sources_add(&r->rule_sources, kind, text, r->rules, &error);

	return err ? replay_fail(r, err, "%s", error.text) : 0;
}

int ktally_replay__add_rule(struct ktally_replay *r, const char *text)
{
	return add_source(r, RULE_SOURCE_TEXT, text);
}

int ktally_replay__add_rules_file(struct ktally_replay *r, const char *path)
{
	return add_source(r, RULE_SOURCE_FILE, path);
}

int ktally_replay__add_rules_dir(struct ktally_replay *r, const char *path)
{
	return add_source(r, RULE_SOURCE_FOLDER, path);
}

int ktally_replay__add_assertion(struct ktally_replay *r, const char *text)
{
	struct rule_error error = { "out of memory" };
	int err = r->assertions ? 0 : assertions_new(&r->assertions);

	if (!err)
		err = assertions_add(r->assertions, text, &error);
	return err ? replay_fail(r, err, "%s", error.text) : 0;
}

int ktally_replay__assertions(const struct ktally_replay *r, struct ktally_assertions **ret)
{
	return verdicts_copy(r->verdicts, ret);
}

int ktally_replay__what_if(struct ktally_replay *r, const char *text,
			   const struct ktally_sweep_opts *opts)
{
	struct sweep_range range = { OPTS_GET(opts, from, 0), OPTS_GET(opts, to, 0),
				     OPTS_GET(opts, step, 0) };
	struct rule_error error = { "" };
	struct sweep *sweep;
	int err = opts ? OPTS_CHECK(opts, ktally_sweep_opts) : -EINVAL;

	if (err)
		return replay_fail(r, err, "a sweep needs its range");
	err = sweep_new(text, &range, &sweep, &error);
	if (err)
		return replay_fail(r, err, "%s", error.text);
	sweep_free(r->sweep);
	r->sweep = sweep;
	return 0;
}

int ktally_replay__set_output(struct ktally_replay *r, const struct ktally_output_opts *opts)
{
	const char *name = OPTS_GET(opts, format, NULL);
	const char *path = OPTS_GET(opts, path, NULL);
	const struct sink_format *format = sink_format_find(name ? name : "jsonl");
	struct output *out;
	int err = opts ? OPTS_CHECK(opts, ktally_output_opts) : -EINVAL;
	int fd;

	if (err)
		return replay_fail(r, err, "an output needs a path or an fd");
	if (!format)
		return replay_fail(r, -EINVAL, "no format '%s'; there are jsonl and table", name);
	fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)
		  : OPTS_GET(opts, fd, -1);
	if (fd < 0)
		return replay_fail(r, path ? -errno : -EBADF, "cannot write '%s': %s",
				   path ? path : "(no file)", strerror(path ? errno : EBADF));
	err = output_new(fd, path != NULL, 0, &out);
	if (err)
		return replay_fail(r, err, "cannot use the output: %s", strerror(-err));
	output_free(r->out);
	r->out = out;
	r->sink = (struct sink){ .format = format, .color = OPTS_GET(opts, color, 0) };
	return 0;
}

int ktally_replay__result(const struct ktally_replay *r, struct ktally_replay_result *ret)
{
	if (ret->sz < OPTS_END(ktally_replay_result, cut))
		return -EINVAL;
	ret->records = r->records;
	ret->snapshots = r->snapshots;
	ret->alerts_fired = r->fired;
	ret->cut = r->records && !r->ended;
	return 0;
}
