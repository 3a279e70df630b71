// SPDX-License-Identifier: BSD-2-Clause
/* Where cgroup v2 is, from mountinfo; a cgroup by its path; the processes of a subtree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "base/cgroupfs.h"
#include "folder.h"

#define ROOT      "21 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
#define V1        "30 29 0:25 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu\n"
#define V1_NAMED  "31 29 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
#define V2        "29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V2_BESIDE "34 29 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 none rw\n"
#define V2_DEEP   "90 80 0:26 /docker/x /mnt/deep rw - cgroup2 cgroup2 rw\n"
#define X64       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct mounts_case {
	const char *text;
	enum cgroup_mode mode;
	const char *path;
};

static const struct mounts_case mounts_cases[] = {
	{ "", CGROUP_NONE, "" },
	{ "\n\n", CGROUP_NONE, "" },
	{ ROOT, CGROUP_NONE, "" },
	{ ROOT V1, CGROUP_V1, "" },
	{ ROOT V2, CGROUP_V2, "/sys/fs/cgroup" },
	{ ROOT V1 V2_BESIDE, CGROUP_HYBRID, "/sys/fs/cgroup/unified" },
	{ ROOT V2_BESIDE V1_NAMED, CGROUP_HYBRID, "/sys/fs/cgroup/unified" },
	/* the whole hierarchy rather than a part, the first rather than a later one */
	{ V2_DEEP V2, CGROUP_V2, "/sys/fs/cgroup" },
	{ V2 V2_DEEP, CGROUP_V2, "/sys/fs/cgroup" },
	{ V2 V2_BESIDE, CGROUP_V2, "/sys/fs/cgroup" },
	{ V2_DEEP, CGROUP_V2, "/mnt/deep" },
	/* optional fields: none, several, and one that looks like the end */
	{ "1 2 0:3 / /a rw - cgroup2 c rw\n", CGROUP_V2, "/a" },
	{ "1 2 0:3 / /a rw shared:1 master:2 unbindable - cgroup2 c rw\n", CGROUP_V2, "/a" },
	{ "1 2 0:3 / /- rw -x - cgroup2 c rw\n", CGROUP_V2, "/-" },
	{ "1 2 0:3 / /a\\040b\\011\\134c rw - cgroup2 c rw\n", CGROUP_V2, "/a b\t\\c" },
	{ "1 2 0:3 / /a\\04 rw - cgroup2 c rw\n", CGROUP_V2, "/a\\04" },
	{ "1 2 0:3 / /a\\888 rw - cgroup2 c rw\n", CGROUP_V2, "/a\\888" },
	{ "1 2 0:3 / /a\\000b rw - cgroup2 c rw\n", CGROUP_NONE, "" },
	{ "1 2 0:3 / /a rw - cgroup2", CGROUP_V2, "/a" },
	{ "1 2 0:3 / /a rw - cgroup2x c rw\n", CGROUP_NONE, "" },
	{ "1 2 0:3 / /a rw cgroup2 c rw\n", CGROUP_NONE, "" },
	{ "1 2 0:3 / /a rw -", CGROUP_NONE, "" },
	{ "1 2 0:3 / /" X64 X64 X64 X64 " rw - cgroup2 c rw\n" V2_BESIDE, CGROUP_V2,
	  "/sys/fs/cgroup/unified" },
};

static void mountinfo_tells_the_mode(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mounts_cases) / sizeof(mounts_cases[0]); i++) {
		const struct mounts_case *c = &mounts_cases[i];
		struct cgroup_mounts mounts;

		assert_int_equal(cgroup_mounts_parse(c->text, strlen(c->text), &mounts), 0);
		if (mounts.mode != c->mode || strcmp(mounts.v2_path, c->path))
			fail_msg("'%s': %d, '%s'", c->text, (int)mounts.mode, mounts.v2_path);
	}
	assert_null(cgroup_mode_names[CGROUP_NONE]);
	assert_string_equal(cgroup_mode_names[CGROUP_V1], "v1");
	assert_string_equal(cgroup_mode_names[CGROUP_V2], "v2");
	assert_string_equal(cgroup_mode_names[CGROUP_HYBRID], "hybrid");
}

static void a_long_mountinfo_is_read_whole(void **state)
{
	struct cgroup_mounts mounts = { .mode = CGROUP_V1 };
	struct folder f;
	char *text;

	(void)state;
	folder_init(&f);
	assert_int_equal(cgroup_mounts_read(f.fd, &mounts), -ENOENT);
	assert_int_equal(mounts.mode, CGROUP_V1);
	folder_mkdir(&f, "self");
	folder_puts(&f, "self/mountinfo", "");
	assert_int_equal(cgroup_mounts_read(f.fd, &mounts), 0);
	assert_int_equal(mounts.mode, CGROUP_NONE);
	text = malloc(2000 * sizeof(ROOT) + sizeof(V2));
	assert_non_null(text);
	text[0] = '\0';
	for (int i = 0; i < 2000; i++)
		strcpy(text + (size_t)i * (sizeof(ROOT) - 1), ROOT);
	strcat(text, V2);
	folder_puts(&f, "self/mountinfo", text);
	free(text);
	assert_int_equal(cgroup_mounts_read(f.fd, &mounts), 0);
	assert_int_equal(mounts.mode, CGROUP_V2);
	assert_string_equal(mounts.v2_path, "/sys/fs/cgroup");
	folder_fini(&f);
}

struct sum {
	long pids;
	int count;
	int stop_at; /* count at which to stop */
};

static int add(void *ctx, pid_t pid)
{
	struct sum *sum = ctx;

	sum->pids += pid;
	return ++sum->count == sum->stop_at ? -ENOENT : 0;
}

static void a_subtree_is_walked_to_its_leaves(void **state)
{
	struct cgroup cg = {};
	struct sum sum = {};
	struct folder f;

	(void)state;
	folder_init(&f);
	cg.fd = f.fd;
	assert_int_equal(cgroup_for_each_pid(&cg, add, &sum), -ENOENT);
	folder_puts(&f, "cgroup.procs", "1\n20\n");
	folder_mkdir(&f, "a");
	folder_puts(&f, "a/cgroup.procs", "300\n0\n");
	folder_mkdir(&f, "a/b");
	folder_puts(&f, "a/b/cgroup.procs", "4000\n");
	folder_mkdir(&f, "c"); /* being removed: without files */
	folder_mkdir(&f, "d");
	folder_puts(&f, "d/cgroup.procs", "");
	folder_puts(&f, "e", "no cgroup");
	assert_int_equal(cgroup_for_each_pid(&cg, add, &sum), 0);
	assert_int_equal(sum.pids, 4321);
	assert_int_equal(sum.count, 4);
	/* What the callback returns comes back, at the top and below, whatever it looks like. */
	for (int at = 1; at <= 4; at++) {
		sum = (struct sum){ .stop_at = at };
		assert_int_equal(cgroup_for_each_pid(&cg, add, &sum), -ENOENT);
		assert_int_equal(sum.count, at);
	}
	folder_puts(&f, "a/b/cgroup.procs", "junk\n");
	assert_int_equal(cgroup_for_each_pid(&cg, add, &sum), -EINVAL);
	folder_fini(&f);
}

/* Read in pieces, some of which end within a number. */
static void a_long_list_is_read_whole(void **state)
{
	struct cgroup cg = {};
	struct sum sum = {};
	struct folder f;
	char *text = calloc(1, 20000);
	size_t len = 0;

	(void)state;
	folder_init(&f);
	cg.fd = f.fd;
	for (int pid = 1; pid <= 3000; pid++)
		len += (size_t)sprintf(text + len, "%d\n", pid);
	folder_puts(&f, "cgroup.procs", text);
	free(text);
	assert_int_equal(cgroup_for_each_pid(&cg, add, &sum), 0);
	assert_int_equal(sum.count, 3000);
	assert_int_equal(sum.pids, 3000 * 3001 / 2);
	folder_fini(&f);
}

/* Longer than any kernel path below a mount; it must end with an error, not with the stack. */
static void a_bottomless_tree_is_given_up(void **state)
{
	struct folder f;
	struct cgroup cg = {};
	struct sum sum = {};
	int at;

	(void)state;
	folder_init(&f);
	cg.fd = f.fd;
	folder_puts(&f, "cgroup.procs", "");
	at = dup(f.fd);
	for (int i = 0; i < 300; i++) {
		int below;

		assert_int_equal(mkdirat(at, "d", 0755), 0);
		below = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = below;
	}
	close(at);
	assert_int_equal(cgroup_for_each_pid(&cg, add, &sum), -ELOOP);
	folder_fini(&f);
}

static void what_is_no_cgroup_is_refused(void **state)
{
	const struct cgroup_mounts none = { .mode = CGROUP_V1 };
	struct cgroup_mounts mounts = { .mode = CGROUP_V2 };
	struct cgroup cg = { .fd = -7 };
	char path[128], *longer;
	struct folder f;

	(void)state;
	folder_init(&f);
	folder_puts(&f, "file", "");
	strcpy(mounts.v2_path, f.path);
	snprintf(path, sizeof(path), "%s/file", f.path);
	assert_int_equal(cgroup_open(&none, "/", &cg), -ENODEV);
	assert_int_equal(cgroup_open(&mounts, ".", &cg), -EINVAL);
	assert_int_equal(cgroup_open(&mounts, f.path, &cg), -EINVAL);
	assert_int_equal(cgroup_open(&mounts, "absent", &cg), -ENOENT);
	assert_int_equal(cgroup_open(&mounts, "file", &cg), -ENOTDIR);
	assert_int_equal(cgroup_open(&mounts, path, &cg), -ENOTDIR);
	longer = malloc(5001);
	assert_non_null(longer);
	memset(longer, 'x', 5000);
	longer[5000] = '\0';
	assert_int_equal(cgroup_open(&mounts, longer, &cg), -ENAMETOOLONG);
	free(longer);
	assert_int_equal(cg.fd, -7);
	folder_fini(&f);
	cgroup_close(NULL);
	cg.fd = -1;
	cgroup_close(&cg);
}

/* What lies above the mount is not asked. */
static void a_threaded_one_knows_its_domain(void **state)
{
	static struct cgroup cg = { .fd = -1 };
	char domain[sizeof(cg.path)] = "untouched", expected[96];
	struct folder f;

	(void)state;
	folder_init(&f);
	folder_mkdir(&f, "a");
	folder_mkdir(&f, "a/b");
	folder_mkdir(&f, "a/b/c");
	folder_puts(&f, "a/cgroup.type", "domain threaded\n");
	folder_puts(&f, "a/b/cgroup.type", "threaded\n");
	folder_puts(&f, "a/b/c/cgroup.type", "threaded\n");
	snprintf(expected, sizeof(expected), "%s/a", f.path);
	strcpy(cg.path, f.path);
	assert_false(cgroup_is_threaded(&cg, domain));
	strcpy(cg.path, expected);
	cg.level = 1;
	assert_false(cgroup_is_threaded(&cg, domain));
	assert_string_equal(domain, "untouched");
	strcat(cg.path, "/b/c");
	cg.level = 3;
	assert_true(cgroup_is_threaded(&cg, domain));
	assert_string_equal(domain, expected);
	cg.level = 1;
	assert_true(cgroup_is_threaded(&cg, domain));
	assert_string_equal(domain, "");
	folder_fini(&f);
}

static int find_self(void *ctx, pid_t pid)
{
	(void)ctx;
	return pid == getpid();
}

/* Reads the mount of this host; false, and a reason, where it has none. */
static bool has_v2(struct cgroup_mounts *ret)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(proc_fd >= 0);
	assert_int_equal(cgroup_mounts_read(proc_fd, ret), 0);
	close(proc_fd);
	if (!ret->v2_path[0])
		print_message("cgroup v2 is not mounted here\n");
	return ret->v2_path[0];
}

static void the_root_of_the_mount_opens(void **state)
{
	struct cgroup_mounts mounts;
	struct cgroup cg, again;
	struct stat st;

	(void)state;
	if (!has_v2(&mounts))
		skip();
	assert_int_equal(cgroup_open(&mounts, "", &cg), 0);
	assert_int_equal(stat(mounts.v2_path, &st), 0);
	assert_true(cg.id == st.st_ino);
	assert_int_equal(cg.level, 0);
	assert_string_equal(cg.path, mounts.v2_path);
	assert_int_equal(cgroup_open(&mounts, mounts.v2_path, &again), 0);
	assert_true(again.id == cg.id);
	assert_int_equal(cgroup_for_each_pid(&cg, find_self, NULL), 1);
	cgroup_close(&again);
	cgroup_close(&cg);
	assert_int_equal(cg.fd, -1);
}

static void levels_are_counted_below_the_mount(void **state)
{
	struct cgroup_mounts mounts;
	char path[512], deeper[600];
	struct sum sum = {};
	struct cgroup cg;
	bool made;

	(void)state;
	if (!has_v2(&mounts))
		skip();
	snprintf(path, sizeof(path), "%s/ktally-test-%d", mounts.v2_path, (int)getpid());
	snprintf(deeper, sizeof(deeper), "%s/inner", path);
	made = !mkdir(path, 0755) && !mkdir(deeper, 0755);
	if (!made) {
		rmdir(path);
		print_message("no right to make a cgroup\n");
		skip();
	}
	assert_int_equal(cgroup_open(&mounts, deeper, &cg), 0);
	assert_int_equal(cg.level, 2);
	assert_string_equal(cg.path, deeper);
	cgroup_close(&cg);
	assert_int_equal(cgroup_open(&mounts, deeper + strlen(mounts.v2_path) + 1, &cg), 0);
	assert_int_equal(cg.level, 2);
	rmdir(deeper);
	/* An empty cgroup has nobody in it, and one that was removed is no empty one. */
	assert_true(cgroup_for_each_pid(&cg, add, &sum) < 0);
	cgroup_close(&cg);
	assert_int_equal(cgroup_open(&mounts, path, &cg), 0);
	rmdir(path);
	assert_int_equal(sum.count, 0);
	cgroup_close(&cg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mountinfo_tells_the_mode),
		cmocka_unit_test(a_long_mountinfo_is_read_whole),
		cmocka_unit_test(a_subtree_is_walked_to_its_leaves),
		cmocka_unit_test(a_long_list_is_read_whole),
		cmocka_unit_test(a_bottomless_tree_is_given_up),
		cmocka_unit_test(what_is_no_cgroup_is_refused),
		cmocka_unit_test(a_threaded_one_knows_its_domain),
		cmocka_unit_test(the_root_of_the_mount_opens),
		cmocka_unit_test(levels_are_counted_below_the_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
