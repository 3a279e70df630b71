// SPDX-License-Identifier: BSD-2-Clause
/* A recording from its first line to its last, with its own clock. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "monitor/verdicts.h"
#include "replay/lines.h"
#include "replay/replay.h"

/* ---- out ---- */

/* Here nobody waits for a snapshot: a slow reader gets all the time that it takes. */
static void put(struct ktally_replay *r)
{
	int err = r->buf.err;

	while (!err && (err = output_put(r->out, r->buf.data, r->buf.len)) == -EAGAIN)
		err = output_drain(r->out, INT_MAX);
	r->write_error = r->write_error ? r->write_error : err;
	buf_reset(&r->buf);
}

static void emit_alert(void *ctx, const struct alert_record *alert)
{
	struct ktally_replay *r = ctx;

	r->fired += alert->state == ALERT_FIRING;
	if (!r->out)
		return;
	r->sink.format->alert(&r->sink, &r->buf, alert);
	put(r);
}

static void emit_verdict(void *ctx, const struct verdict_record *v)
{
	struct ktally_replay *r = ctx;
	int err = verdicts_add(&r->verdicts, v);

	r->write_error = r->write_error ? r->write_error : err;
	if (!r->out)
		return;
	r->sink.format->verdict(&r->sink, &r->buf, v);
	put(r);
}

static void emit_sweep(void *ctx, const struct sweep_record *w)
{
	struct ktally_replay *r = ctx;

	if (!r->out)
		return;
	r->sink.format->sweep(&r->sink, &r->buf, w);
	put(r);
}

/* ---- in ---- */

/* An alert has the number that it had in the live stream: the next after what came before it. With
 * other rules than live's it may need more numbers than there were; they then still rise. */
static void take_seq(struct ktally_replay *r)
{
	uint64_t next = r->now.seq + 1;

	if (r->sweep)
		return;
	if (r->now.kind == RECORDED_HEADER || next > r->sink.seq)
		r->sink.seq = next;
}

/* Live, what a snapshot makes fire stands before it, and what its end resolves behind. */
static int judge(struct ktally_replay *r)
{
	const struct snapshot *s = &r->now.snapshot;
	int err;

	r->snapshots++;
	if (r->sweep)
		return sweep_eval(r->sweep, s);
	if (r->target_cnt <= s->target)
		r->target_cnt = (size_t)s->target + 1;
	err = rules_eval(r->rules, s, emit_alert, r);
	if (!err && r->assertions)
		err = assertions_observe(r->assertions, s);
	take_seq(r);
	if (!err && s->final)
		rules_forget(r->rules, s, emit_alert, r);
	return err;
}

/* Also the second one of a file of several recordings: processes of another run, maybe of another
 * boot. */
static int begin(struct ktally_replay *r)
{
	struct rule_error error = { "" };
	struct rules *fresh;
	int err;

	r->ended = r->judged = false;
	r->target_cnt = r->now.target_cnt;
	if (r->sweep)
		return sweep_restart(r->sweep);
	if (!r->snapshots)
		return 0;
	err = rule_sources_read(&r->rule_sources, &fresh, &error);
	if (err)
		return replay_fail(r, err, "%s", error.text);
	rules_free(r->rules);
	r->rules = fresh;
	return 0;
}

/* Of a file of several recordings the verdicts are about all of them. */
static void conclude(struct ktally_replay *r)
{
	if (r->assertions && !r->sweep)
		assertions_judge(r->assertions, r->target_cnt, emit_verdict, r);
	r->judged = true;
}

static int take(struct ktally_replay *r)
{
	r->records++;
	if (r->now.kind == RECORDED_SNAPSHOT)
		return judge(r);
	if (r->now.kind == RECORDED_TRAILER)
		conclude(r); /* live, verdicts stand before it */
	if (r->now.kind != RECORDED_JUDGEMENT)
		take_seq(r);
	if (r->now.kind == RECORDED_TRAILER)
		r->ended = true;
	return r->now.kind == RECORDED_HEADER ? begin(r) : 0;
}

static int not_ours(struct ktally_replay *r, const char *path, int err,
		    const struct recording_error *why)
{
	if (err == -EPROTO)
		return replay_fail(r, err, "%s: %s, and this ktally reads " KTALLY_SCHEMA
				   ": replay it with the version that made it", path, why->text);
	return replay_fail(r, -EPROTO,
			   "%s is no recording of schema " KTALLY_SCHEMA ": %s; make one with "
			   "ktally --format jsonl -o FILE",
			   path, why->text);
}

/* 1: the line is what a cut left of a record. */
static int take_line(struct ktally_replay *r, const struct lines *l, const char *path,
		     const char *line, size_t len)
{
	struct recording_error why = { "its first line is no header" };
	int err = recording_parse(line, len, &r->now, &why);

	if (err == -EINVAL && lines_cut(l) && r->records)
		return 1;
	if (err == -EPROTO || (!r->records && (err == -EINVAL || r->now.kind != RECORDED_HEADER)))
		return not_ours(r, path, err, &why);
	if (err == -EINVAL)
		return replay_fail(r, err, "%s:%llu: %s; what came before it was used", path,
				   (unsigned long long)lines_number(l), why.text);
	if (!err)
		err = take(r);
	return err && !r->error[0] ? replay_fail(r, err, "%s: %s", path, strerror(-err)) : err;
}

static int read_failed(struct ktally_replay *r, const char *path, const struct lines *l, int err)
{
	const char *why = err == -EBADMSG ? "its compressed data is damaged" :
			  err == -EFBIG	  ? "the next line is longer than any record" :
					    strerror(-err);

	return replay_fail(r, err, "%s: after line %llu: %s", path,
			   (unsigned long long)lines_number(l), why);
}

static int take_lines(struct ktally_replay *r, const char *path, struct lines *l)
{
	const char *line;
	size_t len;
	int more, err = 0;

	while (!err && !r->write_error && (more = lines_next(l, &line, &len)) != 0) {
		if (more < 0)
			return read_failed(r, path, l, more);
		err = take_line(r, l, path, line, len);
	}
	if (err < 0)
		return err;
	if (!r->records)
		return replay_fail(r, -EPROTO, "%s is empty: no recording", path);
	if (!r->ended && !r->write_error)
		replay_log(r, KTALLY_LOG_WARNING,
			   "%s was cut: it has no trailer; its %llu whole records were used", path,
			   (unsigned long long)r->records);
	return 0;
}

static void tell_unseen(void *ctx, const char *alert, const char *field)
{
	replay_log(ctx, KTALLY_LOG_WARNING,
		   "rule %.100s: there is no field '%.100s', nor a custom metric of this name in "
		   "the recording",
		   alert, field);
}

static int finish(struct ktally_replay *r)
{
	int err;

	if (!r->judged)
		conclude(r);
	if (!r->sweep)
		rules_tell_unseen(r->rules, tell_unseen, r);
	if (r->sweep)
		sweep_report(r->sweep, r->now.timestamp, emit_sweep, r);
	err = r->out && !r->write_error ? output_drain(r->out, INT_MAX) : 0;
	return r->write_error ? r->write_error : err;
}

int ktally_replay__run(struct ktally_replay *r, const char *path)
{
	struct lines *l;
	int err, write_err;

	if (r->records)
		return replay_fail(r, -EBUSY, "a replay runs once");
	err = lines_open(path, &l);
	if (err)
		return replay_fail(r, err, "%s: %s", path, strerror(-err));
	if (!strcmp(path, "-"))
		path = "standard input";
	err = take_lines(r, path, l);
	lines_close(l);
	write_err = finish(r);
	if (!err && write_err && write_err != -EPIPE)
		err = replay_fail(r, write_err, "cannot write records: %s", strerror(-write_err));
	return err;
}
