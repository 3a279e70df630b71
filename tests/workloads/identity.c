// SPDX-License-Identifier: BSD-2-Clause
/*
 * Processes that are hard to name.
 *
 *   identity exec-thread   a thread that is not the leader executes this program anew: PID and
 *                          start time stay, all other threads go; opens 5 before and 6 after
 *   identity leader-exits  the first thread ends, the others go on: a zombie leader of a live
 *                          process; opens 7 and closes 7 after that
 *   identity split-table   a thread unshares its descriptor table, opens 3 in it and ends; the
 *                          leader opens 2
 *   identity comm [N]      takes the hostile name N: each of them once in time, without N
 *     --hold               wait to be watched before and after
 *
 * Prints one JSON line with what must have been counted.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include "workload.h"

static const char *const hostile_names[] = {
	"two\nlines", "quote\"s\\", "x) R 1 1 1 (y", "\xff\xfe\x80 utf8", "tab\t\x01\x1b[31m",
	" ", "{}[],:", "%s%n%d", "fifteen-bytes-.",
};

#define HOSTILE_CNT (sizeof(hostile_names) / sizeof(*hostile_names))

static bool held;

static void open_some(int cnt, bool and_close)
{
	int fd;

	while (cnt--) {
		fd = open("/dev/null", O_RDONLY);
		if (fd < 0)
			die("/dev/null: %s", strerror(errno));
		if (and_close)
			close(fd);
	}
}

static void report(int opens, int closes)
{
	struct line out = { .len = 0 };

	put(&out, "{\"pid\":%d,\"opens\":%d,\"closes\":%d}", getpid(), opens, closes);
	put_line(&out);
	if (held)
		hold();
}

/* ---- exec from a thread ---- */

static void *exec_from_thread(void *arg)
{
	char self[4096], *argv[] = { "identity", "after-exec", held ? "--hold" : NULL, NULL };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)arg;
	if (n < 0)
		die("/proc/self/exe: %s", strerror(errno));
	self[n] = 0;
	execv(self, argv);
	die("%s: %s", self, strerror(errno));
}

static void exec_thread(void)
{
	pthread_t thread;

	open_some(5, false);
	if (pthread_create(&thread, NULL, exec_from_thread, NULL))
		die("pthread_create: %s", strerror(errno));
	pause();
}

static void after_exec(void)
{
	open_some(6, false);
	report(11, 0);
}

/* ---- the leader goes first ---- */

static char leader_state(void)
{
	char text[512], *at;
	int fd = open("/proc/self/stat", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return 0;
	text[n] = 0;
	at = strrchr(text, ')');
	return at && at[1] ? at[2] : 0;
}

static void *outlive(void *arg)
{
	int looks = 0;

	(void)arg;
	do {
		sleep_ns(1000000);
		looks++;
	} while (leader_state() != 'Z');
	open_some(7, true);
	report(looks + 7, looks + 7);
	exit(0);
}

static void leader_exits(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, outlive, NULL))
		die("pthread_create: %s", strerror(errno));
	pthread_exit(NULL);
}

/* ---- a thread with a table of its own ---- */

static void *split(void *arg)
{
	(void)arg;
	if (unshare(CLONE_FILES))
		die("unshare: %s", strerror(errno));
	open_some(3, false);
	return NULL;
}

static void split_table(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, split, NULL))
		die("pthread_create: %s", strerror(errno));
	pthread_join(thread, NULL);
	open_some(2, false);
	report(5, 0);
}

/* ---- names ---- */

static void take_name(size_t i)
{
	if (prctl(PR_SET_NAME, hostile_names[i], 0, 0, 0))
		die("prctl: %s", strerror(errno));
}

static void comm(const char *number)
{
	size_t i;

	if (number) {
		i = parse_u64("comm", number);
		if (i >= HOSTILE_CNT)
			die("comm: there are %zu names", HOSTILE_CNT);
		take_name(i);
		report(0, 0);
		return;
	}
	for (i = 0; i < HOSTILE_CNT; i++) {
		take_name(i);
		sleep_ns(150000000);
	}
	report(0, 0);
}

int main(int argc, char **argv)
{
	uint64_t hold_wanted = 0;
	const struct option_u64 options[] = {
		{ "--hold", &hold_wanted, true },
		{ NULL, NULL, false },
	};
	const char *what;

	argc = parse_options(argv, options);
	what = argc ? argv[1] : "";
	held = hold_wanted;
	hold_init();
	if (!strcmp(what, "after-exec")) {
		after_exec();
		return 0;
	}
	if (held)
		hold_ready();
	if (!strcmp(what, "exec-thread"))
		exec_thread();
	else if (!strcmp(what, "leader-exits"))
		leader_exits();
	else if (!strcmp(what, "split-table"))
		split_table();
	else if (!strcmp(what, "comm"))
		comm(argv[2]);
	else
		die("usage: identity [--hold] exec-thread|leader-exits|split-table|comm [N]");
	return 0;
}
