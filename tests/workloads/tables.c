// SPDX-License-Identifier: BSD-2-Clause
/*
 * Processes with more descriptor tables than one, or with one that is not theirs alone.
 *
 *   tables split-first  seven threads have a table of their own each and open 11 there; the first
 *                       thread leaves 5 open in its own and ends them all
 *   tables split-last   one thread has a table of its own and opens 11 there; the first thread
 *                       opens 3 and ends, one that shares its table opens 2 and ends, then the
 *                       other opens 13 and ends the process
 *   tables lent         a child shares its parent's table and ends; the parent opened 17 meanwhile
 *                       and closes them afterwards
 *   tables bequeathed   a child shares its parent's table; the parent opens 19 and ends, the child
 *                       ends last
 */
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "workload.h"

static pthread_barrier_t all_split;
static pid_t sharer;
static char child_stack[65536];

static void open_each(int *fds, int cnt)
{
	while (cnt--) {
		fds[cnt] = open("/dev/null", O_RDONLY);
		if (fds[cnt] < 0)
			die("/dev/null: %s", strerror(errno));
	}
}

static void open_some(int cnt)
{
	int fds[32];

	open_each(fds, cnt);
}

static void start(void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		die("pthread_create: %s", strerror(errno));
}

static void split(void)
{
	if (unshare(CLONE_FILES))
		die("unshare: %s", strerror(errno));
	open_some(11);
	pthread_barrier_wait(&all_split);
}

static void *split_and_stay(void *arg)
{
	split();
	for (;;)
		pause();
	return arg;
}

static void split_first(void)
{
	int i;

	pthread_barrier_init(&all_split, NULL, 8);
	for (i = 0; i < 7; i++)
		start(split_and_stay);
	pthread_barrier_wait(&all_split);
	open_some(5);
	_exit(0);
}

/* It lets go of its table before it is released, and then has no TID any more. */
static void wait_for_end(pid_t thread)
{
	while (!syscall(SYS_tgkill, getpid(), thread, 0))
		sleep_ns(1000000);
}

static bool is_zombie(pid_t thread)
{
	char path[64], text[512] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
	end = strrchr(text, ')');
	return end && end[2] == 'Z';
}

static void *share_and_end(void *arg)
{
	pthread_barrier_wait(&all_split);
	while (!is_zombie(getpid()))
		sleep_ns(1000000);
	open_some(2);
	return arg;
}

static void *split_and_end_last(void *arg)
{
	split();
	wait_for_end(sharer);
	open_some(13);
	_exit(0);
	return arg;
}

static void *share(void *arg)
{
	sharer = gettid();
	start(split_and_end_last);
	return share_and_end(arg);
}

static void split_last(void)
{
	pthread_barrier_init(&all_split, NULL, 3);
	start(share);
	pthread_barrier_wait(&all_split);
	open_some(3);
	syscall(SYS_exit, 0);
}

static int end_by_input(void *arg)
{
	int *go = arg;
	char c;

	if (read(*go, &c, 1) != 1)
		_exit(1);
	_exit(0);
}

static int end_after_parent(void *arg)
{
	pid_t *parent = arg;

	while (getppid() == *parent)
		sleep_ns(1000000);
	_exit(0);
}

static pid_t start_child(int (*run)(void *), void *arg)
{
	pid_t child = clone(run, child_stack + sizeof(child_stack), CLONE_FILES | SIGCHLD, arg);

	if (child < 0)
		die("clone: %s", strerror(errno));
	return child;
}

static void lend(void)
{
	int fds[17], i, go[2], status;
	pid_t child;

	if (pipe(go))
		die("pipe: %s", strerror(errno));
	child = start_child(end_by_input, &go[0]);
	open_each(fds, 17);
	if (write(go[1], "", 1) != 1 || waitpid(child, &status, 0) != child || status)
		die("the child: %d", status);
	for (i = 0; i < 17; i++)
		close(fds[i]);
	close(go[0]);
	close(go[1]);
	_exit(0);
}

static void bequeath(void)
{
	pid_t self = getpid();

	start_child(end_after_parent, &self);
	open_some(19);
	_exit(0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
		int leaked, other_table;
	} ways[] = {
		{ "split-first", split_first, 5, 7 * 11 },
		{ "split-last", split_last, 3 + 2, 11 + 13 },
		{ "lent", lend, 0, 0 },
		{ "bequeathed", bequeath, 19, 0 },
	};
	struct line out = { .len = 0 };
	size_t i;

	for (i = 0; argc == 2 && i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(argv[1], ways[i].name))
			continue;
		put(&out, "{\"leaked\":%d,\"other_table\":%d}", ways[i].leaked,
		    ways[i].other_table);
		put_line(&out);
		ways[i].run();
	}
	die("usage: tables split-first|split-last|lent|bequeathed");
}
