// SPDX-License-Identifier: BSD-2-Clause
/* Readers of /proc: parsers over hostile and cut text, and folders of fixtures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/procfs.h"
#include "folder.h"

#define STAT_TO_RSS \
	" S 1 100 100 34816 -1 4194560 900 0 1 0 77 33 0 0 20 -5 3 0 8712345 9000000 2500"
#define STAT_REST " 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"
#define STAT_TAIL STAT_TO_RSS STAT_REST
#define STAT_DEAD " Z 1 9 9 9 -1 4194564 900 0 1 0 77 33 0 0 20 0 3 0 8712345 0 0" STAT_REST

static int parse_stat(const char *text, struct proc_stat *ret)
{
	return proc_stat_parse(text, strlen(text), ret);
}

static void stat_fields_are_found(void **state)
{
	struct proc_stat st;

	(void)state;
	assert_int_equal(parse_stat("4242 (bash)" STAT_TAIL, &st), 0);
	assert_int_equal(st.pid, 4242);
	assert_string_equal(st.comm, "bash");
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.ppid, 1);
	assert_int_equal(st.flags, 4194560);
	assert_int_equal(st.utime_ticks, 77);
	assert_int_equal(st.stime_ticks, 33);
	assert_int_equal(st.threads, 3);
	assert_int_equal(st.start_ticks, 8712345);
	assert_int_equal(st.rss_pages, 2500);
	assert_int_equal(st.pending, 0);
}

static void signals_to_come_are_found(void **state)
{
	struct proc_stat st;

	(void)state;
	assert_int_equal(parse_stat("1 (a)" STAT_TO_RSS " 9 9 9 9 9 9 256 0 0", &st), 0);
	assert_int_equal(st.pending, 256);
	assert_int_equal(parse_stat("1 (a)" STAT_TO_RSS " 9 9 9 9 9 9 256", &st), 0); /* cut */
	assert_int_equal(st.pending, 0);
	assert_int_equal(parse_stat("1 (a)" STAT_TO_RSS " 9 9", &st), 0);
	assert_int_equal(st.pending, 0);
}

struct comm_case {
	const char *text;
	const char *comm;
};

static const struct comm_case comm_cases[] = {
	{ "1 ()" STAT_TAIL, "" },
	{ "1 (a b)" STAT_TAIL, "a b" },
	{ "1 (a) R 7 7)" STAT_TAIL, "a) R 7 7" },
	{ "1 ())))(((())))" STAT_TAIL, "))))(((()))" },
	{ "1 (evil)\n2 (x)" STAT_TAIL, "evil)\n2 (x" },
	{ "1 (\n\t\\ \xff\xfe)" STAT_TAIL, "\n\t\\ \xff\xfe" },
	{ "1 (fifteen-bytes-x)" STAT_TAIL, "fifteen-bytes-x" },
	{ "1 (kworker/u16:3-events_unbound)" STAT_TAIL, "kworker/u16:3-e" },
};

static void a_name_may_hold_anything(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(comm_cases) / sizeof(comm_cases[0]); i++) {
		struct proc_stat st;

		assert_int_equal(parse_stat(comm_cases[i].text, &st), 0);
		assert_int_equal(st.pid, 1);
		assert_string_equal(st.comm, comm_cases[i].comm);
		assert_int_equal(st.start_ticks, 8712345);
	}
}

static const char *const bad_stats[] = {
	"",
	"1",
	"1 ",
	"1 (",
	"1 (x",
	"1 )x(",
	")",
	"() ",
	"1 (x)",
	"1 (x) ",
	"1 (x) S",
	"1 (x) S 1 2 3",
	"x (x)" STAT_TAIL,
	"-1 (x)" STAT_TAIL,
	"99999999999 (x)" STAT_TAIL,
	"1 (x) S 1 1 1 1 x 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
	"1 (x) S 1 1 1 1 1 1 1 1 1 1 99999999999999999999999 1 1 1 1 1 1 1 1 1 1 1 1 1",
};

static void bad_stats_are_refused_and_leave_the_result(void **state)
{
	struct proc_stat st, untouched;

	(void)state;
	memset(&st, 0x5a, sizeof(st));
	memset(&untouched, 0x5a, sizeof(untouched));
	for (size_t i = 0; i < sizeof(bad_stats) / sizeof(bad_stats[0]); i++) {
		if (parse_stat(bad_stats[i], &st) != -EINVAL)
			fail_msg("taken: '%s'", bad_stats[i]);
		assert_memory_equal(&st, &untouched, sizeof(st));
	}
}

/* A cut file gives either an error or the same numbers as the whole one, never others. */
static void cut_stats_never_lie(void **state)
{
	static const char whole[] = "4242 (a) b)" STAT_TAIL;
	struct proc_stat st, all;

	(void)state;
	assert_int_equal(proc_stat_parse(whole, sizeof(whole) - 1, &all), 0);
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *cut = malloc(len ? len : 1); /* its end is watched by the address sanitizer */

		memcpy(cut, whole, len);
		if (!proc_stat_parse(cut, len, &st))
			assert_memory_equal(&st, &all, sizeof(st));
		free(cut);
	}
}

static void statm_has_pages(void **state)
{
	uint64_t pages = 7;

	(void)state;
	assert_int_equal(proc_statm_parse("2000 317 200 1 0 90 0\n", 22, &pages), 0);
	assert_int_equal(pages, 317);
	assert_int_equal(proc_statm_parse("2000 31", 7, &pages), -EINVAL);
	assert_int_equal(proc_statm_parse("2000", 4, &pages), -EINVAL);
	assert_int_equal(proc_statm_parse("", 0, &pages), -EINVAL);
	assert_int_equal(proc_statm_parse("a b c\n", 6, &pages), -EINVAL);
	assert_int_equal(pages, 317);
}

#define STATUS(name) "Name:\t" name "\nUmask:\t0022\nThreads:\t1\n"
#define SWITCHES     "voluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n"

static void switches_are_read_at_line_starts(void **state)
{
	static const char plain[] = STATUS("cat") SWITCHES "x86_Thread_features:\t\n";
	static const char evil[] = STATUS("voluntary_ctxt_switches:\t9\\n") SWITCHES;
	struct proc_switches s = {};

	(void)state;
	assert_int_equal(proc_status_switches_parse(plain, sizeof(plain) - 1, &s), 0);
	assert_int_equal(s.voluntary, 150);
	assert_int_equal(s.involuntary, 545);
	s = (struct proc_switches){};
	assert_int_equal(proc_status_switches_parse(evil, sizeof(evil) - 1, &s), 0);
	assert_int_equal(s.voluntary, 150);
	assert_int_equal(s.involuntary, 545);
	for (size_t len = 0; len < sizeof(evil) - 2; len++)
		assert_int_equal(proc_status_switches_parse(evil, len, &s), -EINVAL);
}

static int parse_tgid(const char *text, pid_t *ret)
{
	return proc_status_tgid_parse(text, strlen(text), ret);
}

static void a_thread_names_its_process(void **state)
{
	pid_t tgid = 77;

	(void)state;
	assert_int_equal(parse_tgid("Name:\tx\nTgid:\t99999999999\n", &tgid), -EINVAL);
	assert_int_equal(parse_tgid("Name:\tx\nTgid:\t-1\n", &tgid), -EINVAL);
	assert_int_equal(parse_tgid("Name:\tx\nTgid:\t42", &tgid), -EINVAL);
	assert_int_equal(parse_tgid("", &tgid), -EINVAL);
	assert_int_equal(tgid, 77);
	assert_int_equal(parse_tgid("Name:\tTgid:\t7\\n\nTgid:\t4242\nPid:\t43\n", &tgid), 0);
	assert_int_equal(tgid, 4242);
}

#define LIMIT(value) "Limit     Soft Limit  Hard Limit\nMax open files            " value

static void nofile_is_the_soft_limit(void **state)
{
	static const char *const bad[] = { "", LIMIT(""), LIMIT("10"), LIMIT("x 1 files\n"),
					   "Max open files\n" };
	static const char number[] =
		LIMIT("1024                 524288               files     \n");
	static const char none[] = LIMIT("unlimited            unlimited            files     \n");
	uint64_t limit = 0;

	(void)state;
	assert_int_equal(proc_limits_nofile_parse(number, sizeof(number) - 1, &limit), 0);
	assert_int_equal(limit, 1024);
	assert_int_equal(proc_limits_nofile_parse(none, sizeof(none) - 1, &limit), 0);
	assert_true(limit == UINT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(proc_limits_nofile_parse(bad[i], strlen(bad[i]), &limit), -EINVAL);
}

static void schedstat_has_two_times(void **state)
{
	uint64_t oncpu = 1, runqueue = 2;

	(void)state;
	assert_int_equal(proc_schedstat_parse("12 34 5\n", 8, &oncpu, &runqueue), 0);
	assert_int_equal(oncpu, 12);
	assert_int_equal(runqueue, 34);
	assert_int_equal(proc_schedstat_parse("56 78", 5, &oncpu, &runqueue), -EINVAL);
	assert_int_equal(proc_schedstat_parse("56\n", 3, &oncpu, &runqueue), -EINVAL);
	assert_int_equal(oncpu, 12);
	assert_int_equal(runqueue, 34);
}

/* ---- folders of fixtures ---- */

static void a_folder_reads_as_a_process(void **state)
{
	struct proc_switches switches;
	uint64_t a = 0, b = 0, rss = 0;
	struct proc_stat st;
	struct folder f;
	int pid_fd = -1;

	(void)state;
	folder_init(&f);
	folder_mkdir(&f, "42");
	folder_mkdir(&f, "42/task");
	folder_mkdir(&f, "42/task/42");
	folder_mkdir(&f, "42/task/43");
	folder_mkdir(&f, "42/task/44"); /* ended: its files are gone */
	folder_mkdir(&f, "42/task/junk");
	folder_puts(&f, "42/stat", "42 (fix) ture)" STAT_TAIL);
	folder_puts(&f, "42/statm", "10 3 0 0 0 0 0\n");
	folder_puts(&f, "42/task/42/status", STATUS("fix") SWITCHES);
	folder_puts(&f, "42/task/43/status", STATUS("ture") SWITCHES);
	folder_puts(&f, "42/task/42/schedstat", "100 20 3\n");
	folder_puts(&f, "42/task/43/schedstat", "1000 200 30\n");

	assert_int_equal(proc_open(f.fd, 42, &pid_fd), 0);
	assert_int_equal(proc_read_stat(pid_fd, &st), 0);
	assert_string_equal(st.comm, "fix) ture");
	assert_int_equal(proc_read_rss_bytes(pid_fd, &rss), 0);
	assert_int_equal(rss, 3 * sysconf(_SC_PAGESIZE));
	assert_int_equal(proc_read_switches(pid_fd, &switches), 0);
	assert_int_equal(switches.voluntary, 300);
	assert_int_equal(switches.involuntary, 1090);
	assert_int_equal(proc_read_schedstat(pid_fd, &a, &b), 0);
	assert_int_equal(a, 1100);
	assert_int_equal(b, 220);
	assert_int_equal(proc_read_nofile(pid_fd, &a), -ESRCH);
	close(pid_fd);
	folder_fini(&f);
}

static void a_thread_that_lives_is_found_behind_one_that_ended(void **state)
{
	int pid_fd = -1, thread = -1;
	struct folder f;

	(void)state;
	folder_init(&f);
	folder_mkdir(&f, "42");
	folder_mkdir(&f, "42/task");
	folder_mkdir(&f, "42/task/42");
	folder_puts(&f, "42/task/42/stat", "42 (one)" STAT_DEAD);
	assert_int_equal(proc_open(f.fd, 42, &pid_fd), 0);
	assert_int_equal(proc_open_live_thread(pid_fd, &thread), -ESRCH);
	folder_mkdir(&f, "42/task/44");
	folder_puts(&f, "42/task/44/stat", "44 (two)" STAT_TAIL);
	assert_int_equal(proc_open_live_thread(pid_fd, &thread), 0);
	close(thread);
	close(pid_fd);
	folder_fini(&f);
}

/* Zeroes, and no file at all, are a kernel that does not keep the times: unknown, not 0, and no
 * reason to say that the process has gone. */
static void times_that_nobody_keeps_are_unknown(void **state)
{
	uint64_t a = 1, b = 2;
	struct folder f;

	(void)state;
	folder_init(&f);
	assert_int_equal(proc_read_schedstat(f.fd, &a, &b), -ESRCH);
	folder_mkdir(&f, "task");
	assert_int_equal(proc_read_schedstat(f.fd, &a, &b), -ESRCH);
	folder_mkdir(&f, "task/1");
	folder_puts(&f, "stat", "1 (x)" STAT_TAIL);
	assert_int_equal(proc_read_schedstat(f.fd, &a, &b), -ENODATA);
	folder_puts(&f, "task/1/schedstat", "0 0 0\n");
	assert_int_equal(proc_read_schedstat(f.fd, &a, &b), -ENODATA);
	assert_int_equal(a, 1);
	assert_int_equal(b, 2);
	folder_fini(&f);
}

/* A status grows with the groups of its process, 65,536 at most, and ends with the switches. */
static void a_long_status_is_read_from_its_end(void **state)
{
	struct proc_switches switches = {};
	struct folder f;
	size_t len = 0;
	char *text;

	(void)state;
	text = malloc(1 << 20);
	assert_non_null(text);
	for (int groups = 0; groups <= 65536; groups = groups * 3 + 61) {
		folder_init(&f);
		folder_mkdir(&f, "task");
		folder_mkdir(&f, "task/1");
		len = (size_t)sprintf(text, "%sGroups:\t", STATUS("many"));
		for (int i = 0; i < groups; i++)
			len += (size_t)sprintf(text + len, "%d ", 100000 + i);
		len += (size_t)sprintf(text + len, "\n%s", SWITCHES);
		folder_write(&f, "task/1/status", text, len);
		assert_int_equal(proc_read_switches(f.fd, &switches), 0);
		assert_int_equal(switches.voluntary, 150);
		assert_int_equal(switches.involuntary, 545);
		memset(text, 'x', len); /* no line at all */
		folder_write(&f, "task/1/status", text, len);
		assert_int_equal(proc_read_switches(f.fd, &switches), -EINVAL);
		folder_fini(&f);
	}
	free(text);
}

static void descriptors_are_told_apart(void **state)
{
	struct proc_fds fds = {};
	struct folder f;

	(void)state;
	folder_init(&f);
	assert_int_equal(proc_count_fds(f.fd, &fds), -ESRCH);
	folder_mkdir(&f, "fd");
	folder_puts(&f, "file", "");
	assert_int_equal(symlinkat("../file", f.fd, "fd/0"), 0);
	assert_int_equal(symlinkat("../file", f.fd, "fd/17"), 0);
	assert_int_equal(symlinkat("/dev/null", f.fd, "fd/3"), 0);
	assert_int_equal(symlinkat("..", f.fd, "fd/4"), 0);
	assert_int_equal(symlinkat("socket:[1]", f.fd, "fd/5"), 0);
	assert_int_equal(symlinkat("../file", f.fd, "fd/x"), 0);
	assert_int_equal(proc_count_fds(f.fd, &fds), 0);
	assert_int_equal(fds.open, 5);
	assert_int_equal(fds.regular, 2);
	folder_fini(&f);
}

struct seen {
	pid_t pids[16];
	int count;
	int stop_at; /* count at which to stop */
};

static int see(void *ctx, pid_t pid)
{
	struct seen *seen = ctx;

	if (seen->count < 16)
		seen->pids[seen->count] = pid;
	return ++seen->count == seen->stop_at ? -ENOENT : 0;
}

static void only_numbers_are_processes(void **state)
{
	static const char *const names[] = { "1",  "77", "4194304",     "self",
					     "1x", "-3", "99999999999", "007a" };
	struct seen seen = {};
	struct folder f;
	long sum = 0;

	(void)state;
	folder_init(&f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		folder_mkdir(&f, names[i]);
	assert_int_equal(proc_for_each(f.fd, see, &seen), 0);
	assert_int_equal(seen.count, 3);
	for (int i = 0; i < seen.count; i++)
		sum += seen.pids[i];
	assert_int_equal(sum, 1 + 77 + 4194304);
	seen = (struct seen){ .stop_at = 2 };
	assert_int_equal(proc_for_each(f.fd, see, &seen), -ENOENT);
	assert_int_equal(seen.count, 2);
	folder_fini(&f);
}

static void the_host_files_are_read(void **state)
{
	uint64_t bytes = 0;
	uint32_t max = 0;
	struct folder f;

	(void)state;
	folder_init(&f);
	assert_int_equal(proc_memory_bytes(f.fd, &bytes), -ENOENT);
	assert_int_equal(proc_pid_max(f.fd, &max), -ENOENT);
	folder_mkdir(&f, "sys");
	folder_mkdir(&f, "sys/kernel");
	folder_puts(&f, "meminfo", "MemTotal:        4096 kB\nMemFree: 1 kB\n");
	folder_puts(&f, "sys/kernel/pid_max", "4194304\n");
	assert_int_equal(proc_memory_bytes(f.fd, &bytes), 0);
	assert_int_equal(bytes, 4096 * 1024);
	assert_int_equal(proc_pid_max(f.fd, &max), 0);
	assert_int_equal(max, 4194304);
	folder_puts(&f, "meminfo", "MemTotal:  40");
	folder_puts(&f, "sys/kernel/pid_max", "");
	assert_int_equal(proc_memory_bytes(f.fd, &bytes), -EINVAL);
	assert_int_equal(proc_pid_max(f.fd, &max), -EINVAL);
	folder_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_fields_are_found),
		cmocka_unit_test(signals_to_come_are_found),
		cmocka_unit_test(a_name_may_hold_anything),
		cmocka_unit_test(bad_stats_are_refused_and_leave_the_result),
		cmocka_unit_test(cut_stats_never_lie),
		cmocka_unit_test(statm_has_pages),
		cmocka_unit_test(switches_are_read_at_line_starts),
		cmocka_unit_test(a_thread_names_its_process),
		cmocka_unit_test(nofile_is_the_soft_limit),
		cmocka_unit_test(schedstat_has_two_times),
		cmocka_unit_test(a_folder_reads_as_a_process),
		cmocka_unit_test(a_thread_that_lives_is_found_behind_one_that_ended),
		cmocka_unit_test(times_that_nobody_keeps_are_unknown),
		cmocka_unit_test(a_long_status_is_read_from_its_end),
		cmocka_unit_test(descriptors_are_told_apart),
		cmocka_unit_test(only_numbers_are_processes),
		cmocka_unit_test(the_host_files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
