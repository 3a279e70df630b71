// SPDX-License-Identifier: BSD-2-Clause
/* `ktally replay`: a recording through rules. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"

struct replay {
	struct run_options options;
	const char *file;
	struct ktally_replay *replay;
};

static void on_log(void *ctx, enum ktally_log_level level, const char *message)
{
	const struct run_options *o = ctx;

	if (cli_is_shown(level, o->quiet, o->verbose))
		cli_error("%s%s", level == KTALLY_LOG_WARNING ? "warning: " : "", message);
}

static int fail(struct replay *r, int status)
{
	cli_error("%s", ktally_replay__last_error(r->replay));
	return status;
}

static int add_each(struct replay *r, const struct run_list *list,
		    int (*add)(struct ktally_replay *, const char *))
{
	size_t i;

	for (i = 0; i < list->cnt; i++)
		if (add(r->replay, list->items[i]))
			return fail(r, EXIT_USAGE);
	return 0;
}

static int add_rules(struct replay *r)
{
	const struct run_options *o = &r->options;
	struct run_list dirs = options_rules_dirs(o);
	int err = add_each(r, &dirs, ktally_replay__add_rules_dir);

	if (!err)
		err = add_each(r, &o->rules, ktally_replay__add_rules_file);
	if (!err)
		err = add_each(r, &o->alerts, ktally_replay__add_rule);
	return err ? err : add_each(r, &o->assertions, ktally_replay__add_assertion);
}

/* A:B:STEP */
static int parse_sweep(const char *text, struct ktally_sweep_opts *ret)
{
	double v[3];
	char *end;
	int i;

	for (i = 0; i < 3; i++) {
		v[i] = strtod(text, &end);
		if (end == text || *end != (i < 2 ? ':' : '\0'))
			return -1;
		text = end + 1;
	}
	ret->from = v[0];
	ret->to = v[1];
	ret->step = v[2];
	return 0;
}

static int add_sweep(struct replay *r)
{
	KTALLY_OPTS(ktally_sweep_opts, sweep, .from = 0);

	if (parse_sweep(r->options.sweep, &sweep)) {
		cli_error("--sweep '%s': expected FROM:TO:STEP, such as 10:1000:10",
			  r->options.sweep);
		return EXIT_USAGE;
	}
	if (ktally_replay__what_if(r->replay, r->options.what_if, &sweep))
		return fail(r, EXIT_USAGE);
	return 0;
}

static int set_output(struct replay *r)
{
	struct ktally_output_opts out = options_output(&r->options);

	return ktally_replay__set_output(r->replay, &out) ? fail(r, EXIT_RUN) : 0;
}

static int open_replay(struct replay *r)
{
	KTALLY_OPTS(ktally_replay_opts, opts, .no_default_rules = r->options.no_default_rules,
		    .log = on_log, .log_ctx = &r->options);
	int err = ktally_replay__open(&opts, &r->replay);

	if (err) {
		cli_error("cannot open a replay: %s", strerror(-err));
		return EXIT_RUN;
	}
	err = r->options.what_if ? add_sweep(r) : add_rules(r);
	return err ? err : set_output(r);
}

static int run_replay(struct replay *r)
{
	struct ktally_replay_result result = { .sz = sizeof(result) };
	struct ktally_assertions *list;

	signal(SIGPIPE, SIG_IGN);
	if (ktally_replay__run(r->replay, r->file))
		return fail(r, EXIT_RUN);
	ktally_replay__result(r->replay, &result);
	if (ktally_replay__assertions(r->replay, &list) ||
	    cli_tell_verdicts(list, r->options.quiet))
		return EXIT_ALERT;
	return r->options.fail_on_alert && result.alerts_fired ? EXIT_ALERT : EXIT_OK;
}

int cli_replay(int argc, char **argv)
{
	struct replay r = { .file = NULL };
	int status = replay_options_parse(argc, argv, &r.options, &r.file);

	if (status)
		return status;
	if (r.options.help)
		return cli_help(0, NULL);
	status = open_replay(&r);
	if (!status)
		status = run_replay(&r);
	ktally_replay__close(r.replay);
	return status;
}
