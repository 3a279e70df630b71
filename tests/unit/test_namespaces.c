// SPDX-License-Identifier: BSD-2-Clause
/* Which namespaces this is, from a /proc made of symbolic links, and whether PIDs and times join.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "base/namespaces.h"
#include "folder.h"

#define SELF 4711

struct shift_case {
	const char *text;
	bool shifted;
};

static const struct shift_case shift_cases[] = {
	{ "", false },
	{ "monotonic           0         0\nboottime            0         0\n", false },
	{ "monotonic           0         0\nboottime            0         0", false },
	{ "monotonic           0         0\nboottime         1000         0\n", true },
	{ "monotonic           0         0\nboottime            0         1\n", true },
	{ "monotonic          -1 999999999\nboottime            0         0\n", true },
	{ "monotonic           7         0\n", true },
	/* no numbers: nothing that could be trusted */
	{ "monotonic\n", true },
	{ "monotonic x 0\n", true },
	{ "monotonic 0\n", true },
	{ "monotonic 99999999999999999999999 0\n", true },
};

static void offsets_tell_a_shift(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(shift_cases) / sizeof(*shift_cases); i++)
		if (timens_shifted(shift_cases[i].text, strlen(shift_cases[i].text)) !=
		    shift_cases[i].shifted)
			fail_msg("'%s'", shift_cases[i].text);
}

struct host {
	const char *self, *pid, *user, *time, *children, *offsets;
};

static void link_if(const struct folder *f, const char *name, const char *to)
{
	if (to)
		assert_int_equal(symlinkat(to, f->fd, name), 0);
}

static int read_host(const struct host *h, struct namespaces *ret)
{
	struct folder f;
	int err;

	folder_init(&f);
	link_if(&f, "self", h->self);
	folder_mkdir(&f, "4711");
	folder_mkdir(&f, "4711/ns");
	link_if(&f, "4711/ns/pid", h->pid);
	link_if(&f, "4711/ns/user", h->user);
	link_if(&f, "4711/ns/time", h->time);
	link_if(&f, "4711/ns/time_for_children", h->children);
	if (h->offsets)
		folder_puts(&f, "4711/timens_offsets", h->offsets);
	err = namespaces_read(f.fd, SELF, ret);
	folder_fini(&f);
	return err;
}

#define FIRST .self = "4711", .pid = "pid:[4026531836]", .user = "user:[4026531837]"

static void the_first_ones_join(void **state)
{
	const struct host host = { FIRST, .time = "time:[4026531834]" };
	struct namespaces ns;
	char reason[256];

	assert_int_equal(read_host(&host, &ns), 0);
	assert_true(ns.pid_first && ns.proc_own && ns.user_first && !ns.time_shifted);
	assert_int_equal(namespaces_join_pids(&ns, reason, sizeof(reason)), 0);
	assert_int_equal(namespaces_join_times(&ns, reason, sizeof(reason)), 0);
}

/* Before 5.6 there are no time namespaces; others can be left out of a kernel. */
static void a_kind_that_the_kernel_lacks_has_one(void **state)
{
	const struct host host = { .self = "4711" };
	struct namespaces ns;

	assert_int_equal(read_host(&host, &ns), 0);
	assert_true(ns.pid_first && ns.proc_own && ns.user_first && !ns.time_shifted);
}

static void another_pid_namespace_is_refused(void **state)
{
	const struct host host = { .self = "4711", .pid = "pid:[4026532177]" };
	struct namespaces ns;
	char reason[256] = "";

	assert_int_equal(read_host(&host, &ns), 0);
	assert_false(ns.pid_first);
	assert_int_equal(namespaces_join_pids(&ns, reason, sizeof(reason)), -ENOTSUP);
	assert_non_null(strstr(reason, "PID namespace that is not the first"));
}

/* A /proc in which we are someone else, or nobody. */
static void another_ones_proc_is_refused(void **state)
{
	const struct host hosts[] = { { .self = "1" }, { .self = NULL } };
	struct namespaces ns;
	char reason[256];
	size_t i;

	for (i = 0; i < 2; i++) {
		reason[0] = '\0';
		assert_int_equal(read_host(&hosts[i], &ns), 0);
		assert_int_equal(namespaces_join_pids(&ns, reason, sizeof(reason)), -ENOTSUP);
		assert_non_null(strstr(reason, "/proc is that of another PID namespace"));
	}
}

static void shifted_clocks_are_refused(void **state)
{
	const struct host host = { FIRST, .time = "time:[4026532176]",
				   .children = "time:[4026532176]",
				   .offsets = "monotonic 0 0\nboottime 1000 0\n" };
	struct namespaces ns;
	char reason[256] = "";

	assert_int_equal(read_host(&host, &ns), 0);
	assert_true(ns.time_shifted);
	assert_int_equal(namespaces_join_times(&ns, reason, sizeof(reason)), -ENOTSUP);
	assert_non_null(strstr(reason, "time namespace"));
}

static void a_time_namespace_without_offsets_joins(void **state)
{
	const struct host host = { FIRST, .time = "time:[4026532176]",
				   .children = "time:[4026532176]",
				   .offsets = "monotonic 0 0\nboottime 0 0\n" };
	struct namespaces ns;

	assert_int_equal(read_host(&host, &ns), 0);
	assert_false(ns.time_shifted);
}

/* timens_offsets is about the children's namespace: ours could be anything. */
static void offsets_of_another_time_namespace_say_nothing(void **state)
{
	const struct host host = { FIRST, .time = "time:[4026532176]",
				   .children = "time:[4026532190]",
				   .offsets = "monotonic 0 0\nboottime 0 0\n" };
	struct namespaces ns;

	assert_int_equal(read_host(&host, &ns), 0);
	assert_true(ns.time_shifted);
}

static void another_user_namespace_is_seen(void **state)
{
	const struct host host = { .self = "4711", .user = "user:[4026532200]" };
	struct namespaces ns;

	assert_int_equal(read_host(&host, &ns), 0);
	assert_false(ns.user_first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_tell_a_shift),
		cmocka_unit_test(the_first_ones_join),
		cmocka_unit_test(a_kind_that_the_kernel_lacks_has_one),
		cmocka_unit_test(another_pid_namespace_is_refused),
		cmocka_unit_test(another_ones_proc_is_refused),
		cmocka_unit_test(shifted_clocks_are_refused),
		cmocka_unit_test(a_time_namespace_without_offsets_joins),
		cmocka_unit_test(offsets_of_another_time_namespace_say_nothing),
		cmocka_unit_test(another_user_namespace_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
