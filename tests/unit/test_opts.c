// SPDX-License-Identifier: BSD-2-Clause
/* Sized option structs: shorter ones of older callers, longer ones of newer callers. */
#include "unit.h"

#include <unistd.h>

#include "ktally.h"
#include "monitor/opts.h"

/* A caller built against a header of the future. */
struct newer {
	struct ktally_monitor_opts opts;
	uint64_t unheard_of;
};

static int open_and_close(const struct ktally_monitor_opts *opts)
{
	struct ktally_monitor *m = NULL;
	int err = ktally_monitor__open(opts, &m);

	assert_int_equal(!m, !!err);
	ktally_monitor__close(m);
	return err;
}

static void none_at_all_are_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(open_and_close(NULL), 0);
	ktally_monitor__close(NULL);
}

static void the_macro_fills_in_the_size(void **state)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = 250000000, .history = 7);

	(void)state;
	assert_int_equal(opts.sz, sizeof(struct ktally_monitor_opts));
	assert_int_equal(opts.interval_ns, 250000000);
	assert_int_equal(opts.history, 7);
	assert_int_equal(opts.count, 0);
	assert_null(opts.log);
	assert_int_equal(open_and_close(&opts), 0);
}

/* What lies behind the size that it names is not the caller's, and not read. */
static void a_shorter_struct_has_defaults_for_the_rest(void **state)
{
	struct ktally_monitor_opts opts;
	size_t sz;

	(void)state;
	for (sz = sizeof(size_t); sz <= offsetof(struct ktally_monitor_opts, interval_ns); sz++) {
		memset(&opts, 0x01, sizeof(opts));
		opts.sz = sz;
		assert_int_equal(open_and_close(&opts), 0);
	}
	memset(&opts, 0, sizeof(opts));
	opts.sz = OPTS_END(ktally_monitor_opts, interval_ns);
	opts.interval_ns = 1;
	assert_int_equal(open_and_close(&opts), -EINVAL);
	/* Half a field is none. */
	opts.sz--;
	assert_int_equal(open_and_close(&opts), 0);
}

static void a_size_that_cannot_be_is_refused(void **state)
{
	struct ktally_monitor_opts opts = { 0 };

	(void)state;
	assert_int_equal(open_and_close(&opts), -EINVAL);
	opts.sz = sizeof(size_t) - 1;
	assert_int_equal(open_and_close(&opts), -EINVAL);
}

static void a_longer_struct_is_fine_as_long_as_it_asks_for_nothing_new(void **state)
{
	struct newer newer = { .opts.sz = sizeof(newer) };

	(void)state;
	assert_int_equal(open_and_close(&newer.opts), 0);
	newer.unheard_of = 1;
	assert_int_equal(open_and_close(&newer.opts), -E2BIG);
	newer.unheard_of = 1ULL << 63;
	assert_int_equal(open_and_close(&newer.opts), -E2BIG);
	newer.opts.sz = sizeof(newer.opts);
	assert_int_equal(open_and_close(&newer.opts), 0);
}

static void intervals_have_a_least(void **state)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = 99999999);

	(void)state;
	assert_int_equal(open_and_close(&opts), -EINVAL);
	opts.interval_ns = 100000000;
	assert_int_equal(open_and_close(&opts), 0);
}

static void room_for_processes_has_a_most(void **state)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .max_processes = KTALLY_PROCESSES_MAX + 1);

	(void)state;
	assert_int_equal(open_and_close(&opts), -EINVAL);
	opts.max_processes = UINT32_MAX;
	assert_int_equal(open_and_close(&opts), -EINVAL);
	opts.max_processes = KTALLY_PROCESSES_MAX;
	assert_int_equal(open_and_close(&opts), 0);
}

static void targets_and_outputs_are_checked_the_same(void **state)
{
	struct {
		struct ktally_target_opts opts;
		int unheard_of;
	} target = { .opts = { .sz = sizeof(target), .pid = (int)getpid() }, .unheard_of = 1 };
	struct {
		struct ktally_output_opts opts;
		int unheard_of;
	} output = { .opts = { .sz = sizeof(output), .path = "/dev/null" }, .unheard_of = 1 };
	struct ktally_monitor *m;
	size_t index = 77;

	(void)state;
	assert_int_equal(ktally_monitor__open(NULL, &m), 0);
	assert_int_equal(ktally_monitor__add_target(m, &target.opts, &index), -E2BIG);
	assert_int_equal(ktally_monitor__add_target(m, NULL, &index), -EINVAL);
	assert_int_equal(index, 77);
	assert_string_not_equal(ktally_monitor__last_error(m), "");
	assert_int_equal(ktally_monitor__add_output(m, &output.opts), -E2BIG);
	assert_int_equal(ktally_monitor__add_output(m, NULL), -EINVAL);
	target.unheard_of = output.unheard_of = 0;
	assert_int_equal(ktally_monitor__add_target(m, &target.opts, &index), 0);
	assert_int_equal(index, 0);
	assert_int_equal(ktally_monitor__add_output(m, &output.opts), 0);
	ktally_monitor__close(m);
}

static void a_path_or_a_pattern_that_is_empty_or_none_is_refused(void **state)
{
	static const char *const texts[] = { NULL, "" };
	struct ktally_monitor *m;
	size_t i;

	(void)state;
	assert_int_equal(ktally_monitor__open(NULL, &m), 0);
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		KTALLY_OPTS(ktally_target_opts, path, .kind = KTALLY_TARGET_CGROUP,
			    .path = texts[i]);
		KTALLY_OPTS(ktally_target_opts, glob, .kind = KTALLY_TARGET_COMM,
			    .glob = texts[i]);
		int err = ktally_monitor__add_target(m, &path, NULL);

		assert_true(err == -EINVAL || err == -ENODEV); /* v2 may not be mounted */
		assert_int_equal(ktally_monitor__add_target(m, &glob, NULL), -EINVAL);
	}
	ktally_monitor__close(m);
}

static void results_are_written_only_where_there_is_room(void **state)
{
	struct ktally_result result = { .sz = sizeof(size_t), .snapshots = 4711 };
	struct ktally_monitor *m;

	(void)state;
	assert_int_equal(ktally_monitor__open(NULL, &m), 0);
	assert_int_equal(ktally_monitor__result(m, &result), -EINVAL);
	assert_int_equal(result.snapshots, 4711);
	result.sz = sizeof(result);
	assert_int_equal(ktally_monitor__result(m, &result), 0);
	assert_int_equal(result.snapshots, 0);
	assert_int_equal(result.reason, KTALLY_END_NONE);
	ktally_monitor__close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_at_all_are_the_defaults),
		cmocka_unit_test(the_macro_fills_in_the_size),
		cmocka_unit_test(a_shorter_struct_has_defaults_for_the_rest),
		cmocka_unit_test(a_size_that_cannot_be_is_refused),
		cmocka_unit_test(a_longer_struct_is_fine_as_long_as_it_asks_for_nothing_new),
		cmocka_unit_test(intervals_have_a_least),
		cmocka_unit_test(room_for_processes_has_a_most),
		cmocka_unit_test(targets_and_outputs_are_checked_the_same),
		cmocka_unit_test(a_path_or_a_pattern_that_is_empty_or_none_is_refused),
		cmocka_unit_test(results_are_written_only_where_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
