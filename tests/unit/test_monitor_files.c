// SPDX-License-Identifier: BSD-2-Clause
/* The files of a monitor, through the public API, without BPF and so without privileges. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktally.h"

/* A monitor that does not tick while the test runs, and its file in a folder of its own. */
struct world {
	struct ktally_monitor *m;
	char folder[32];
	char path[64];
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
	rmdir(w->folder);
	free(w);
	return 0;
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
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_rotated, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
