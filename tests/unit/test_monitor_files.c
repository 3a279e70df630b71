// SPDX-License-Identifier: BSD-2-Clause
/* The files of a monitor, through the public API, without BPF and so without privileges. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ktally.h"

/* A monitor that does not tick while the test runs, and its file in a folder of its own. */
struct world {
	struct ktally_monitor *m;
	char folder[32];
	char path[64];
	char moved[64];
};

static int set_up(void **state)
{
	KTALLY_OPTS(ktally_monitor_opts, opts, .interval_ns = 600000000000ULL,
		    .bpf = KTALLY_BPF_OFF);
	KTALLY_OPTS(ktally_target_opts, self, .kind = KTALLY_TARGET_PID, .pid = (int)getpid());
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->folder, "/tmp/ktally-files-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof(w->path), "%s/out", w->folder);
	snprintf(w->moved, sizeof(w->moved), "%s/moved", w->folder);
	assert_int_equal(ktally_monitor__open(&opts, &w->m), 0);
	assert_int_equal(ktally_monitor__add_target(w->m, &self, NULL), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	ktally_monitor__close(w->m);
	unlink(w->path);
	unlink(w->moved);
	rmdir(w->folder);
	free(w);
	return 0;
}

static bool has_bytes(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_size;
}

static bool soon_has_bytes(const char *path)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int i;

	for (i = 0; i < 1000 && !has_bytes(path); i++)
		nanosleep(&pause, NULL);
	return has_bytes(path);
}

static void add_output(const struct world *w)
{
	KTALLY_OPTS(ktally_output_opts, out, .path = w->path);

	assert_int_equal(ktally_monitor__add_output(w->m, &out), 0);
}

static void another_thread_has_files_opened_again(void **state)
{
	struct world *w = *state;

	add_output(w);
	assert_int_equal(ktally_monitor__start(w->m), 0);
	assert_int_equal(rename(w->path, w->moved), 0);
	ktally_monitor__reopen_outputs(w->m);
	assert_true(soon_has_bytes(w->path));
	assert_int_equal(ktally_monitor__stop(w->m), 0);
}

static void they_can_be_opened_again_before_the_run(void **state)
{
	struct world *w = *state;

	add_output(w);
	assert_int_equal(rename(w->path, w->moved), 0);
	ktally_monitor__reopen_outputs(w->m);
	assert_int_equal(ktally_monitor__begin(w->m), 0);
	assert_int_equal(ktally_monitor__dispatch(w->m), 0);
	assert_true(has_bytes(w->moved));
	assert_true(has_bytes(w->path));
}

static void what_comes_last_goes_into_the_new_file(void **state)
{
	struct world *w = *state;

	add_output(w);
	assert_int_equal(ktally_monitor__begin(w->m), 0);
	assert_int_equal(rename(w->path, w->moved), 0);
	ktally_monitor__reopen_outputs(w->m);
	assert_int_equal(ktally_monitor__stop(w->m), 0);
	assert_true(has_bytes(w->path));
}

static void a_file_that_was_moved_stays_without_a_word(void **state)
{
	struct world *w = *state;

	add_output(w);
	assert_int_equal(ktally_monitor__begin(w->m), 0);
	assert_int_equal(rename(w->path, w->moved), 0);
	assert_int_equal(ktally_monitor__stop(w->m), 0);
	assert_int_equal(access(w->path, F_OK), -1);
}

static void what_is_no_file_is_not_rotated(void **state)
{
	struct world *w = *state;
	KTALLY_OPTS(ktally_output_opts, out, .path = w->path, .rotate_bytes = 4096);

	assert_int_equal(mkfifo(w->path, 0600), 0);
	assert_int_equal(ktally_monitor__add_output(w->m, &out), -EINVAL);
	assert_non_null(strstr(ktally_monitor__last_error(w->m), "not a regular file"));
	assert_non_null(strstr(ktally_monitor__last_error(w->m), w->path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_thread_has_files_opened_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(they_can_be_opened_again_before_the_run, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_comes_last_goes_into_the_new_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_was_moved_stays_without_a_word, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_rotated, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
