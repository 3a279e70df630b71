// SPDX-License-Identifier: BSD-2-Clause
/* The option table and its one parser. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum value_kind { VALUE_FLAG, VALUE_TEXT, VALUE_LIST, VALUE_COUNT, VALUE_COUNT32,
		  VALUE_PROCESSES, VALUE_DURATION, VALUE_PERCENT, VALUE_ROTATE };

struct option_row {
	char letter;	  /* 0: long form only */
	const char *name;
	enum value_kind kind;
	size_t offset;	  /* in struct run_options */
	const char *metavar;
	const char *help;
};

#define AT(field) offsetof(struct run_options, field)

static const struct option_row rows[] = {
	{ 'p', "pid", VALUE_LIST, AT(pids), "PID[,PID...]", "watch processes (repeatable)" },
	{ 'c', "cgroup", VALUE_LIST, AT(cgroups), "PATH",
	  "watch a cgroup v2 subtree, future members included" },
	{ 'C', "comm", VALUE_LIST, AT(comms), "GLOB",
	  "watch processes by name, present and future" },
	{ 'a', "all", VALUE_FLAG, AT(all), NULL, "watch every process" },
	{ 'f', "follow", VALUE_FLAG, AT(follow), NULL,
	  "children and grandchildren too (default for -- CMD)" },
	{ 'i', "interval", VALUE_DURATION, AT(interval_ns), "DUR",
	  "between snapshots: 1s; least 100ms" },
	{ 'n', "count", VALUE_COUNT, AT(count), "N", "stop after N snapshots of each target" },
	{ 'd', "duration", VALUE_DURATION, AT(duration_ns), "DUR", "stop after DUR" },
	{ 0, "processes", VALUE_FLAG, AT(processes), NULL,
	  "also one snapshot per member process, and its start and exit" },
	{ 0, "rules", VALUE_LIST, AT(rules), "FILE", "alert rules, Prometheus rule-file syntax" },
	{ 0, "alert", VALUE_LIST, AT(alerts), "RULE", "alert rule 'NAME: EXPR [for DUR]'" },
	{ 0, "no-rules-dir", VALUE_FLAG, AT(no_rules_dir), NULL,
	  "without the rule files of " RULES_DIR " ($" RULES_DIR_VARIABLE ")" },
	{ 0, "no-default-rules", VALUE_FLAG, AT(no_default_rules), NULL,
	  "without high_cpu, high_memory, file_handle_leak" },
	{ 0, "fail-on-alert", VALUE_FLAG, AT(fail_on_alert), NULL,
	  "exit status 3 when an alert fired" },
	{ 0, "assert", VALUE_LIST, AT(assertions), "COND",
	  "exit status 3 unless COND holds at the end, such as 'max(open_fds) < 200'" },
	{ 0, "on-alert", VALUE_LIST, AT(on_alert), "CMD",
	  "run CMD, without a shell, when an alert fires or resolves" },
	{ 0, "alertmanager", VALUE_LIST, AT(alertmanagers), "URL", "send alerts to Alertmanager" },
	{ 0, "statsd", VALUE_LIST, AT(statsd), "ADDR",
	  "take custom metrics as StatsD: PORT, HOST:PORT or unix:PATH" },
	{ 0, "metrics-from", VALUE_LIST, AT(metrics_from), "CMD",
	  "take custom metrics from what CMD prints: JSON or Prometheus text" },
	{ 0, "metrics-every", VALUE_DURATION, AT(metrics_every_ns), "DUR",
	  "between two runs of --metrics-from commands (10s)" },
	{ 0, "what-if", VALUE_TEXT, AT(what_if), "EXPR",
	  "instead of alerts: what 'EXPR [for DUR]' would have raised, see --sweep" },
	{ 0, "sweep", VALUE_TEXT, AT(sweep), "A:B:STEP",
	  "with each threshold from A to B in place of its number" },
	{ 0, "leaks", VALUE_FLAG, AT(leaks), NULL,
	  "alerts on descriptors tell which code opened what is open" },
	{ 0, "every", VALUE_DURATION, AT(every_ns), "DUR",
	  "leaks: tell the call sites so often, not only at the end" },
	{ 0, "debuginfod", VALUE_FLAG, AT(debuginfod), NULL,
	  "names for them also from the servers of $DEBUGINFOD_URLS (slow)" },
	{ 'o', "output", VALUE_TEXT, AT(output), "FILE", "write there instead of standard output" },
	{ 0, "rotate", VALUE_ROTATE, AT(rotate_bytes), "SIZE[:K]",
	  "begin a new -o FILE at SIZE (10M), keep the newest K files: FILE, FILE.1, ... (5)" },
	{ 0, "format", VALUE_TEXT, AT(format), "FORMAT",
	  "jsonl or table (jsonl unless standard output is a terminal); leaks: or folded" },
	{ 0, "history", VALUE_COUNT, AT(history), "N",
	  "snapshots kept in memory per target (1000)" },
	{ 0, "max-processes", VALUE_PROCESSES, AT(max_processes), "N",
	  "room in the kernel's maps, when many more than 16384 processes end in one interval; "
	  "at most 4194304" },
	{ 0, "rung", VALUE_LIST, AT(rungs), "NAME=RUNG", "use only this rung of an instrument" },
	{ 0, "simulate-loss", VALUE_COUNT32, AT(simulate_loss), "N",
	  "lose one descriptor event and one exit in N, to see that losses are shown (for "
	  "tests)" },
	{ 0, "max-overhead", VALUE_PERCENT, AT(max_overhead), "PERCENT",
	  "cost at most so much of one CPU: take snapshots further apart when needed" },
	{ 0, "bpf-stats", VALUE_FLAG, AT(bpf_stats), NULL,
	  "let the kernel time the BPF programs, for `overhead` (costs each run two clock "
	  "readings)" },
	{ 0, "no-bpf", VALUE_FLAG, AT(no_bpf), NULL, "only what /proc knows; the rest is null" },
	{ 0, "require-bpf", VALUE_FLAG, AT(require_bpf), NULL,
	  "exit status 5 rather than fall back to /proc" },
	{ 'q', "quiet", VALUE_FLAG, AT(quiet), NULL, "no warnings" },
	{ 'v', "verbose", VALUE_FLAG, AT(verbose), NULL,
	  "say what is going on, libbpf's messages too" },
	{ 'h', "help", VALUE_FLAG, AT(help), NULL, "this text" },
	{ 'V', "version", VALUE_FLAG, AT(version), NULL, "version" },
};

#define ROW_CNT	    (sizeof(rows) / sizeof(*rows))
#define LONG_ONLY   256 /* getopt values above every letter */

static const char *const replay_too[] = {
	"assert", "rules",  "alert",  "no-rules-dir", "no-default-rules", "fail-on-alert",
	"output", "format", "quiet",	    "verbose",		"help",
	NULL,
};
static const char *const replay_only[] = { "what-if", "sweep", NULL };

static bool is_in(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name))
		names++;
	return *names;
}

static bool row_is_of(size_t row, enum options_of command)
{
	bool only = is_in(replay_only, rows[row].name);

	return command != OPTIONS_OF_REPLAY ? !only : only || is_in(replay_too, rows[row].name);
}

static int row_value(size_t row)
{
	return rows[row].letter ? rows[row].letter : LONG_ONLY + (int)row;
}

static void make_getopt(enum options_of command, char *letters, struct option *longs)
{
	size_t i;

	if (command != OPTIONS_OF_REPLAY)
		*letters++ = '+'; /* stop at the first operand: `-- CMD` keeps its own options */
	*letters++ = ':';
	for (i = 0; i < ROW_CNT; i++) {
		bool takes = rows[i].kind != VALUE_FLAG;

		if (!row_is_of(i, command))
			continue;
		*longs++ = (struct option){ rows[i].name, takes, NULL, row_value(i) };
		if (!rows[i].letter)
			continue;
		*letters++ = rows[i].letter;
		if (takes)
			*letters++ = ':';
	}
	*letters = '\0';
	memset(longs, 0, sizeof(*longs));
}

static int bad_value(const struct option_row *row, const char *text, const char *expected)
{
	cli_error("--%s '%s': expected %s; see ktally --help", row->name, text, expected);
	return EXIT_USAGE;
}

static int store_count(const struct option_row *row, const char *text, uint64_t most,
		       uint64_t *field)
{
	char expected[48];

	if (!ktally_parse_count(text, field) && *field && *field <= most)
		return 0;
	snprintf(expected, sizeof(expected), "a number from 1 to %" PRIu64, most);
	return bad_value(row, text, most < UINT64_MAX ? expected : "a number above 0");
}

/* SIZE with K, M or G; into two neighbouring fields. */
static bool parse_rotate(const char *text, uint64_t *ret)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	uint64_t size = strtoull(text, &end, 10);

	if (end == text || text[0] == '-')
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		int shift = 10 * (int)(unit - units + 1);

		if (size > UINT64_MAX >> shift)
			return false;
		size <<= shift;
		end++;
	}
	ret[0] = size;
	if (*end == ':' && (ktally_parse_count(end + 1, &ret[1]) || !ret[1] || ret[1] > 10000))
		return false;
	return size && (!*end || *end == ':');
}

static int store(const struct option_row *row, const char *text, struct run_options *o)
{
	void *field = (char *)o + row->offset;
	struct run_list *list = field;
	char *end;

	switch (row->kind) {
	case VALUE_FLAG:
		*(bool *)field = true;
		break;
	case VALUE_TEXT:
		*(const char **)field = text;
		break;
	case VALUE_LIST:
		if (list->cnt == RUN_LIST_MAX)
			return bad_value(row, text, "fewer of them");
		list->items[list->cnt++] = text;
		break;
	case VALUE_COUNT:
		return store_count(row, text, UINT64_MAX, field);
	case VALUE_COUNT32:
		return store_count(row, text, UINT32_MAX, field);
	case VALUE_PROCESSES:
		return store_count(row, text, KTALLY_PROCESSES_MAX, field);
	case VALUE_PERCENT:
		*(double *)field = strtod(text, &end);
		if (end == text || (*end && strcmp(end, "%")) || !(*(double *)field > 0) ||
		    !isfinite(*(double *)field))
			return bad_value(row, text, "a percentage of one CPU above 0, such as 0.5");
		break;
	case VALUE_ROTATE:
		if (!parse_rotate(text, field))
			return bad_value(row, text, "a size and how many files, such as 10M:5");
		break;
	case VALUE_DURATION:
		if (ktally_parse_duration(text, field) || !*(uint64_t *)field)
			return bad_value(row, text, "a duration such as 250ms, 1s or 5m");
		break;
	}
	return 0;
}

static int handle(int value, char **argv, struct run_options *o)
{
	size_t i;

	for (i = 0; i < ROW_CNT; i++)
		if (row_value(i) == value)
			return store(&rows[i], optarg, o);
	if (value == ':')
		cli_error("option '%s' needs a value; see ktally --help", argv[optind - 1]);
	else
		cli_error("unknown option '%s'; see ktally --help", argv[optind - 1]);
	return EXIT_USAGE;
}

/* The seed's and other tools' [interval [count]] are not taken: an operand is a mistake. */
static int operands(int argc, char **argv, struct run_options *o)
{
	if (optind == argc)
		return 0;
	if (strcmp(argv[optind - 1], "--")) {
		cli_error("'%s' is not an option; put a command behind --, a process behind -p",
			  argv[optind]);
		return EXIT_USAGE;
	}
	o->command = &argv[optind];
	return 0;
}

static int check_format(const struct run_options *o, enum options_of command)
{
	bool folded = command == OPTIONS_OF_LEAKS;

	if (!o->format || !strcmp(o->format, "jsonl") || !strcmp(o->format, "table") ||
	    (folded && !strcmp(o->format, "folded")))
		return 0;
	cli_error("--format: there are jsonl%s; see ktally --help",
		  folded ? ", table and folded" : " and table");
	return EXIT_USAGE;
}

static int check(const struct run_options *o, enum options_of command)
{
	const char *wrong = NULL;

	if (o->no_bpf && o->require_bpf)
		wrong = "--no-bpf and --require-bpf exclude each other";
	else if (o->interval_ns && o->interval_ns < 100000000)
		wrong = "--interval: the least is 100ms";
	else if (!o->pids.cnt && !o->cgroups.cnt && !o->comms.cnt && !o->all && !o->command)
		wrong = "nothing to watch: name a target with -p, -c, -C, -a or -- COMMAND";
	else if (o->every_ns && command != OPTIONS_OF_LEAKS)
		wrong = "--every is for ktally leaks";
	else if (o->every_ns && o->format && !strcmp(o->format, "folded"))
		wrong = "--every: folded stacks are of one moment, take jsonl or table";
	else if (o->rotate_bytes && !o->output)
		wrong = "--rotate needs a file: name it with -o";
	if (!wrong)
		return check_format(o, command);
	cli_error("%s; see ktally --help", wrong);
	return EXIT_USAGE;
}

static int parse(enum options_of command, int argc, char **argv, struct run_options *ret)
{
	struct option longs[ROW_CNT + 1];
	char letters[2 * ROW_CNT + 3];
	int value, err = 0;

	memset(ret, 0, sizeof(*ret));
	make_getopt(command, letters, longs);
	optind = 1;
	while (!err && (value = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		err = handle(value, argv, ret);
	return err;
}

int run_options_parse(enum options_of command, int argc, char **argv, struct run_options *ret)
{
	int err = parse(command, argc, argv, ret);

	if (err || ret->help || ret->version)
		return err;
	err = operands(argc, argv, ret);
	return err ? err : check(ret, command);
}

int replay_options_parse(int argc, char **argv, struct run_options *ret, const char **ret_file)
{
	const char *wrong = NULL;
	int err = parse(OPTIONS_OF_REPLAY, argc, argv, ret);

	if (err || ret->help)
		return err;
	if (optind + 1 != argc)
		wrong = "replay wants one recording: a file, or - for standard input";
	else if (!ret->what_if != !ret->sweep)
		wrong = "--what-if and --sweep need each other";
	else if (ret->what_if && (ret->rules.cnt || ret->alerts.cnt || ret->fail_on_alert ||
				  ret->assertions.cnt))
		wrong = "--what-if is about its own expression: leave --rules, --alert, --assert "
			"and --fail-on-alert out";
	if (wrong || (err = check_format(ret, OPTIONS_OF_REPLAY))) {
		if (wrong)
			cli_error("%s; see ktally --help", wrong);
		return EXIT_USAGE;
	}
	*ret_file = argv[optind];
	return 0;
}

struct run_list options_rules_dirs(const struct run_options *o)
{
	const char *dir = getenv(RULES_DIR_VARIABLE);

	return (struct run_list){ .items = { dir ? dir : RULES_DIR }, .cnt = !o->no_rules_dir };
}

static bool wants_color(int fd)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(fd) && !(no_color && no_color[0]);
}

struct ktally_output_opts options_output(const struct run_options *o)
{
	bool terminal = !o->output && isatty(STDOUT_FILENO);
	KTALLY_OPTS(ktally_output_opts, out, .path = o->output, .fd = STDOUT_FILENO,
		    .format = o->format ? o->format : terminal ? "table" : "jsonl",
		    .color = wants_color(STDOUT_FILENO) && !o->output,
		    .rotate_bytes = o->rotate_bytes,
		    .rotate_keep = (unsigned int)o->rotate_keep);

	return out;
}

void options_help(enum options_of command)
{
	char left[64];
	size_t i;

	for (i = 0; i < ROW_CNT; i++) {
		if (!row_is_of(i, command))
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", rows[i].letter ? '-' : ' ',
			 rows[i].letter ? rows[i].letter : ' ', rows[i].letter ? "," : " ",
			 rows[i].name, rows[i].metavar ? " " : "",
			 rows[i].metavar ? rows[i].metavar : "");
		printf("  %-28s %s\n", left, rows[i].help);
	}
}
