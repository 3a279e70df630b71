// SPDX-License-Identifier: BSD-2-Clause
/* `ktally check`: its rows from made-up hosts, the fold of rungs into a verdict, the report itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/wait.h>

#include "base/ladder.h"
#include "base/preempt.h"
#include "check/check.h"
#include "folder.h"

static struct ktally_check *new_check(void)
{
	struct ktally_check *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	return c;
}

static const struct check_item *row(const struct ktally_check *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->cnt; i++)
		if (!strcmp(c->items[i].name, name))
			return &c->items[i];
	fail_msg("no row %s", name);
	return NULL;
}

static void the_mode_of_lockdown(void **state)
{
	char mode[32] = "before";

	assert_true(check_lockdown_mode("[none] integrity confidentiality", mode, sizeof(mode)));
	assert_string_equal(mode, "none");
	assert_true(check_lockdown_mode("none integrity [confidentiality]", mode, sizeof(mode)));
	assert_string_equal(mode, "confidentiality");
	strcpy(mode, "before");
	assert_false(check_lockdown_mode("", mode, sizeof(mode)));
	assert_false(check_lockdown_mode("none", mode, sizeof(mode)));
	assert_false(check_lockdown_mode("[none", mode, sizeof(mode)));
	assert_false(check_lockdown_mode("[]", mode, sizeof(mode)));
	assert_false(check_lockdown_mode("]none[", mode, sizeof(mode)));
	assert_string_equal(mode, "before");
}

static void make_host(struct folder *f)
{
	folder_init(f);
	folder_mkdir(f, "sys");
	folder_mkdir(f, "sys/net");
	folder_mkdir(f, "sys/net/core");
	folder_mkdir(f, "sys/kernel");
	folder_mkdir(f, "kernel");
	folder_mkdir(f, "kernel/btf");
	folder_mkdir(f, "kernel/security");
}

static void a_host_that_allows_everything(void **state)
{
	struct ktally_check *c = new_check();
	struct folder f;
	size_t i;

	make_host(&f);
	folder_puts(&f, "sys/net/core/bpf_jit_enable", "1\n");
	folder_puts(&f, "sys/kernel/unprivileged_bpf_disabled", "2\n");
	folder_puts(&f, "sys/kernel/perf_event_paranoid", "-1\n");
	folder_puts(&f, "kernel/btf/vmlinux", "btf");
	folder_puts(&f, "kernel/security/lockdown", "none [integrity] confidentiality\n");
	check_kernel(c, f.fd, f.fd);
	assert_int_equal(c->cnt, 7);
	for (i = 0; i < c->cnt; i++) {
		assert_int_equal(c->items[i].ok, CHECK_YES);
		assert_null(c->items[i].fix);
		assert_true(c->items[i].detail[0] != '\0');
	}
	assert_string_equal(row(c, "perf_event_paranoid")->detail, "-1");
	assert_string_equal(row(c, "lockdown")->detail, "integrity");
	folder_fini(&f);
	ktally_check__free(c);
}

static void a_host_that_forbids(void **state)
{
	struct ktally_check *c = new_check();
	struct folder f;

	make_host(&f);
	folder_puts(&f, "sys/net/core/bpf_jit_enable", "0\n");
	folder_puts(&f, "kernel/btf/vmlinux", "");
	folder_puts(&f, "kernel/security/lockdown", "none integrity [confidentiality]\n");
	check_kernel(c, f.fd, f.fd);
	assert_int_equal(row(c, "BTF")->ok, CHECK_NO);
	assert_non_null(strstr(row(c, "BTF")->fix, "CONFIG_DEBUG_INFO_BTF"));
	assert_int_equal(row(c, "BPF JIT")->ok, CHECK_NO);
	assert_string_equal(row(c, "BPF JIT")->fix, "sysctl -w net.core.bpf_jit_enable=1");
	assert_int_equal(row(c, "lockdown")->ok, CHECK_NO);
	assert_non_null(row(c, "lockdown")->fix);
	folder_fini(&f);
	ktally_check__free(c);
}

static void what_cannot_be_read_is_unknown(void **state)
{
	static const char *const names[] = { "BPF JIT", "unprivileged_bpf_disabled",
					     "perf_event_paranoid", "lockdown" };
	struct ktally_check *c = new_check();
	struct folder f;
	size_t i;

	make_host(&f);
	folder_puts(&f, "sys/kernel/perf_event_paranoid", "many\n");
	check_kernel(c, f.fd, -1);
	assert_int_equal(row(c, "BTF")->ok, CHECK_NO);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(row(c, names[i])->ok, CHECK_UNKNOWN);
	assert_non_null(strstr(row(c, "perf_event_paranoid")->detail, "no number"));
	folder_fini(&f);
	ktally_check__free(c);
}

static void namespaces_have_their_fixes(void **state)
{
	const struct namespaces ns = { .proc_own = true, .time_shifted = true };
	struct ktally_check *c = new_check();

	check_namespaces(c, &ns);
	assert_int_equal(c->cnt, 3);
	assert_string_equal(row(c, "PID")->fix, check_fix_pids);
	assert_string_equal(row(c, "time")->fix, check_fix_times);
	assert_string_equal(row(c, "user")->fix, check_fix_users);
	ktally_check__free(c);
}

struct fold_case {
	bool opened[4];
	bool exact, bpf;
};

static void the_best_rung_that_opened_counts(void **state)
{
	static const struct rung rungs[] = { { .bpf = true, .exact = true },
					     { .bpf = true },
					     { .exact = true },
					     { .name = "last" } };
	static const struct fold_case cases[] = {
		{ { true, true, true, true }, true, true },
		{ { false, true, true, true }, false, true },
		{ { false, false, true, true }, true, false },
		{ { false, false, false, true }, false, false },
		{ { false, false, false, false }, false, false },
	};
	struct check_rungs sum;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sum = (struct check_rungs){ .exact = true };
		check_rungs_fold(&sum, rungs, cases[i].opened, 4);
		assert_int_equal(sum.exact, cases[i].exact);
		assert_int_equal(sum.bpf, cases[i].bpf);
		/* one instrument that is not exact, or in BPF, stays so for all */
		check_rungs_fold(&sum, rungs, cases[0].opened, 4);
		assert_int_equal(sum.exact, cases[i].exact);
		assert_true(sum.bpf);
	}
}

static void programs_that_are_preempted_are_not_exact(void **state)
{
	static const struct rung rungs[] = { { .bpf = true, .exact = true, .preempted = true } };
	static const bool opened[] = { true };
	struct check_rungs still = { .exact = true };
	struct check_rungs preempts = { .exact = true, .preempts = true };

	check_rungs_fold(&still, rungs, opened, 1);
	check_rungs_fold(&preempts, rungs, opened, 1);
	assert_true(still.exact);
	assert_false(preempts.exact);
}

static void what_says_that_a_kernel_preempts(void **state)
{
	static const char dynamic[] = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.118-1";

	assert_true(preempt_parse("none voluntary (full)", dynamic));
	assert_true(preempt_parse("none voluntary (full) lazy", dynamic));
	assert_true(preempt_parse("full (lazy)", dynamic));
	assert_false(preempt_parse("none (voluntary) full", dynamic));
	assert_false(preempt_parse("(none) voluntary full", dynamic));
	/* debugfs is root's, and not always mounted */
	assert_true(preempt_parse(NULL, dynamic));
	assert_true(preempt_parse("", dynamic));
	assert_true(preempt_parse(NULL, "#1 SMP PREEMPT_RT Debian 6.1.187-1"));
	assert_true(preempt_parse(NULL, "#1 SMP PREEMPT Thu Jan 1"));
	assert_false(preempt_parse(NULL, "#1 SMP Debian 5.10.223-1"));
}

static void every_type_in_use_has_a_fix(void **state)
{
	assert_non_null(strstr(check_program_fix("kprobe.multi"), "FPROBE"));
	assert_non_null(strstr(check_program_fix("fentry"), "FUNCTION_TRACER"));
	assert_non_null(strstr(check_program_fix("tp_btf"), "BTF"));
	assert_ptr_equal(check_program_fix("iter"), check_program_fix("iter/task"));
	assert_null(check_program_fix("/proc"));
}

static void the_report_as_json(void **state)
{
	struct ktally_check *c = new_check();
	const char *section, *name, *detail;
	json_t *root, *ok, *fix;
	char *text;

	c->verdict = KTALLY_VERDICT_NO_BPF;
	check_add(c, "kernel", "a \"b\"", CHECK_NO, "do", "%d\n", 7);
	check_add(c, "kernel", "b", CHECK_YES, "do", "x");
	check_add(c, "kernel", "c", CHECK_UNKNOWN, NULL, "y");
	assert_int_equal(ktally_check__json(c, &text), 0);
	assert_null(strchr(text, '\n'));
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "type")), "check");
	assert_string_equal(json_string_value(json_object_get(root, "verdict")), "no_bpf");
	assert_int_equal(json_unpack(json_array_get(json_object_get(root, "items"), 0),
				     "{s:s, s:s, s:o, s:s, s:o !}", "section", &section, "name",
				     &name, "ok", &ok, "detail", &detail, "fix", &fix),
			 0);
	assert_string_equal(name, "a \"b\"");
	assert_true(json_is_false(ok));
	assert_string_equal(detail, "7\n");
	assert_string_equal(json_string_value(fix), "do");
	/* what is there needs no fix */
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(root, "items"), 1), "fix")));
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(root, "items"), 2), "ok")));
	json_decref(root);
	free(text);
	ktally_check__free(c);
}

/* On this very host, whatever it allows. */
static void a_real_report(void **state)
{
	struct ktally_check_item item = { .sz = sizeof(item) }, small = { .sz = sizeof(size_t) };
	struct ktally_check *c;
	size_t i, cnt;

	assert_int_equal(ktally_check__run(NULL, &c), 0);
	cnt = ktally_check__count(c);
	assert_true(cnt > 20);
	for (i = 0; i < cnt; i++) {
		assert_int_equal(ktally_check__at(c, i, &item), 0);
		assert_true(item.section[0] && item.name[0] && item.detail[0]);
		assert_true(item.ok >= -1 && item.ok <= 1);
		assert_true(item.ok != 1 || !item.fix);
		assert_null(strstr(item.detail, "ulimit"));
	}
	assert_int_equal(ktally_check__at(c, cnt, &item), -ENOENT);
	assert_int_equal(ktally_check__at(c, 0, &small), -EINVAL);
	assert_int_equal(row(c, "task=/proc")->ok, CHECK_YES);
	ktally_check__free(c);
	ktally_check__free(NULL);
}

static void options_of_a_newer_caller(void **state)
{
	struct {
		struct ktally_check_opts known;
		int new_field;
	} opts = { .known.sz = sizeof(opts), .new_field = 1 };
	struct ktally_check *c = NULL;

	assert_int_equal(ktally_check__run(&opts.known, &c), -E2BIG);
	assert_null(c);
}

/* 0: only what is meant to stay is left, and no_new_privs is set. In a child: there is no way back.
 */
static int after_the_drop(void)
{
	static const cap_value_t may_stay[] = { CAP_BPF, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH };
	char text[4096];
	const char *line;
	ssize_t n;
	int fd;

	if (ktally_drop_privileges() || ktally_drop_privileges())
		return 1;
	fd = open("/proc/self/status", O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 2;
	text[n] = '\0';
	line = strstr(text, "\nCapPrm:\t");
	if (!line || strtoull(line + 9, NULL, 16) &
			     ~(1ULL << may_stay[0] | 1ULL << may_stay[1] | 1ULL << may_stay[2]))
		return 3;
	return strstr(text, "\nNoNewPrivs:\t1\n") ? 0 : 4;
}

static void privileges_that_are_not_needed_go(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(after_the_drop());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_of_lockdown),
		cmocka_unit_test(a_host_that_allows_everything),
		cmocka_unit_test(a_host_that_forbids),
		cmocka_unit_test(what_cannot_be_read_is_unknown),
		cmocka_unit_test(namespaces_have_their_fixes),
		cmocka_unit_test(the_best_rung_that_opened_counts),
		cmocka_unit_test(programs_that_are_preempted_are_not_exact),
		cmocka_unit_test(what_says_that_a_kernel_preempts),
		cmocka_unit_test(every_type_in_use_has_a_fix),
		cmocka_unit_test(the_report_as_json),
		cmocka_unit_test(a_real_report),
		cmocka_unit_test(options_of_a_newer_caller),
		cmocka_unit_test(privileges_that_are_not_needed_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
