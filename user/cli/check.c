// SPDX-License-Identifier: BSD-2-Clause
/* `ktally check`: the library's report as a table, or as it is, and its verdict as exit status. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/heap.h"

struct verdict_row {
	int status;
	const char *text;
};

static const struct verdict_row verdicts[] = {
	[KTALLY_VERDICT_EXACT] = { EXIT_OK, "exact: every instrument counts all there is" },
	[KTALLY_VERDICT_DEGRADED] = { EXIT_DEGRADED, "degraded: ktally runs; the best rung that "
						     "opened does not see everything" },
	[KTALLY_VERDICT_NO_BPF] = { EXIT_BPF,
				    "no BPF: ktally runs on what /proc knows; the rest is null" },
	[KTALLY_VERDICT_NOT_PERMITTED] = { EXIT_TARGET, "not permitted: ktally runs with --no-bpf "
							"only, on what /proc knows" },
};

static const char *const check_help =
	"Usage: ktally check [--json] [-v]\n"
	"\n"
	"Tries what this kernel lets each instrument do, and names the fix for what it does not.\n"
	"\n"
	"      --json     one JSON object instead of the table\n"
	"  -v, --verbose  libbpf's own messages too, on standard error\n"
	"  -h, --help     this text\n"
	"\n"
	"Exit status: 0 every instrument would be exact; 6 degraded: one or more would not see "
	"everything;\n"
	"5 no BPF: /proc only; 4 not permitted: capabilities are missing; 1 the check failed; 2 "
	"usage.\n";

static void on_log(void *ctx, enum ktally_log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	cli_error("%s", message);
}

/* A fix is printed once for rows that follow each other and share it. */
static bool fix_is_due(const struct ktally_check *c, size_t i, const struct ktally_check_item *item)
{
	struct ktally_check_item next = { .sz = sizeof(next) };

	if (!item->fix)
		return false;
	return ktally_check__at(c, i + 1, &next) || !next.fix || strcmp(item->fix, next.fix) ||
	       strcmp(item->section, next.section);
}

static void print_table(const struct ktally_check *c)
{
	static const char *const answers[] = { "?", "no", "yes" }; /* ok is -1, 0 or 1 */
	struct ktally_check_item item = { .sz = sizeof(item) };
	const char *section = "";
	size_t i;

	for (i = 0; !ktally_check__at(c, i, &item); i++) {
		if (strcmp(section, item.section))
			printf("%s%s\n", i ? "\n" : "", item.section);
		section = item.section;
		printf("  %-3s  %-25s  %s\n", answers[item.ok + 1], item.name, item.detail);
		if (fix_is_due(c, i, &item))
			printf("       fix: %s\n", item.fix);
	}
	printf("\n%s\n", verdicts[ktally_check__verdict(c)].text);
}

static int print_json(const struct ktally_check *c)
{
	char *text;
	int err = ktally_check__json(c, &text);

	if (err)
		return err;
	puts(text);
	free(text);
	return 0;
}

static int check(bool json, bool verbose)
{
	KTALLY_OPTS(ktally_check_opts, opts, .log = verbose ? on_log : NULL);
	struct ktally_check *c;
	int err, status = EXIT_RUN;
	void *heap = cli_heap_prepare();

	err = ktally_check__run(&opts, &c);
	cli_heap_settle(heap);
	if (err) {
		cli_error("the check failed: %s; is /proc mounted?", strerror(-err));
		return status;
	}
	if (!json)
		print_table(c);
	else
		err = print_json(c);
	if (!err && !fflush(stdout) && !ferror(stdout))
		status = verdicts[ktally_check__verdict(c)].status;
	else
		cli_error("cannot write the report: %s", strerror(err ? -err : errno));
	ktally_check__free(c);
	return status;
}

static int refuse(const char *word)
{
	cli_error("'%s' is not an option of check; see ktally check --help", word);
	return EXIT_USAGE;
}

int cli_check(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
					       { "verbose", no_argument, NULL, 'v' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	bool json = false, verbose = false;
	int value;

	opterr = 0;
	while ((value = getopt_long(argc, argv, "vh", longs, NULL)) != -1) {
		if (value == '?')
			return refuse(argv[optind - 1]);
		if (value == 'h')
			return fputs(check_help, stdout) < 0 ? EXIT_RUN : EXIT_OK;
		json |= value == 'j';
		verbose |= value == 'v';
	}
	return optind < argc ? refuse(argv[optind]) : check(json, verbose);
}
