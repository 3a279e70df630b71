// SPDX-License-Identifier: BSD-2-Clause
/*
 * Processes that live for less than any interval: each opens some files and ends with them open.
 *
 *   blink [OPTIONS]
 *     -n N        children (307)
 *     -f N        files that each opens (3)
 *     --close     and closes again
 *     --exec      each child executes this program anew first
 *     --nested    each child has a child that does the same
 *     --at-once N children alive at a time (16)
 *     --same-pid  one after the other, all with the PID of the first, 20 ms apart: start times are
 *                 known to 10 ms
 *     --together  all at a time: each sleeps three times, and works when all are there; they are
 *                 waited for when all have ended and switched for the last time, which the kernel
 *                 may or may not have counted of one that is waited for meanwhile
 *     --again N   with --together: two seconds later N more
 *     --pause     with --together: wait to be released when all are there
 *     --hold      wait to be watched before and after
 *
 * Prints one JSON line with what the whole tree must have counted, and what the kernel has counted
 * of it; with --hold a second one on release.
 */
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "workload.h"

struct blink {
	uint64_t children, files, closes, exec, nested, at_once, same_pid, together, pause, again;
	uint64_t hold;
	char self[4096];
};

static void open_files(const struct blink *b)
{
	uint64_t i;
	int fd;

	for (i = 0; i < b->files; i++) {
		fd = open("/dev/null", O_RDONLY);
		if (fd < 0)
			die("/dev/null: %s", strerror(errno));
		if (b->closes)
			close(fd);
	}
}

/* In the new image: the same, from the arguments. */
static void exec_self(const struct blink *b)
{
	char files[24];
	char *argv[] = { "blink", "-n", "0", "-f", files, b->closes ? "--close" : NULL, NULL };

	snprintf(files, sizeof(files), "%ju", (uintmax_t)b->files);
	setenv("BLINK_CHILD", "1", 1);
	execv(b->self, argv);
	die("%s: %s", b->self, strerror(errno));
}

static void live(const struct blink *b)
{
	if (b->exec)
		exec_self(b);
	open_files(b);
	_exit(0);
}

/* A child whose PID is chosen by its parent. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid,
				   .set_tid_size = 1 };

	return syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t start(const struct blink *b)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid)
		live(b);
	return pid;
}

static void start_nested(const struct blink *b)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid)
		return;
	waitpid(start(b), &status, 0);
	if (status)
		_exit(1);
	live(b);
}

static void start_as_before(const struct blink *b, pid_t *before)
{
	pid_t pid = *before ? fork_as(*before) : fork();

	if (pid < 0)
		die("clone3 with PID %d: %s", (int)*before, strerror(errno));
	if (!pid) {
		sleep_ns(20000000);
		live(b);
	}
	*before = pid;
}

static pid_t start_waiting(const struct blink *b)
{
	pid_t pid = fork();
	sigset_t usr1;
	int i, signo;

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < 3; i++)
		sleep_ns(1000000);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigwait(&usr1, &signo);
	live(b);
	return 0;
}

static void await_end(pid_t pid)
{
	siginfo_t info;

	while (waitid(P_PID, pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
}

static void reap(void)
{
	int status;

	if (wait(&status) < 0 || status)
		die("a child failed");
}

static void report(const struct blink *b)
{
	uint64_t born = (b->children + b->again) * (b->nested ? 2 : 1);
	struct line out = { .len = 0 };
	struct rusage self, ru;

	getrusage(RUSAGE_CHILDREN, &ru);
	getrusage(RUSAGE_SELF, &self);

	put(&out, "{\"processes\":%ju,\"forks\":%ju,\"execs\":%ju,\"exits\":%ju,",
	    (uintmax_t)born + 1, (uintmax_t)born, (uintmax_t)(b->exec ? born : 0), (uintmax_t)born);
	put(&out, "\"opens\":%ju,\"closes\":%ju,", (uintmax_t)(born * b->files),
	    (uintmax_t)(b->closes ? born * b->files : 0));
	put(&out, "\"children_nvcsw\":%ld,\"children_nivcsw\":%ld,", ru.ru_nvcsw, ru.ru_nivcsw);
	put(&out, "\"nvcsw\":%ld,\"nivcsw\":%ld}", ru.ru_nvcsw + self.ru_nvcsw,
	    ru.ru_nivcsw + self.ru_nivcsw);
	put_line(&out);
}

static void run_together(const struct blink *b, uint64_t children)
{
	pid_t *pids = calloc(children, sizeof(*pids));
	uint64_t i;

	if (!pids)
		die("out of memory");
	for (i = 0; i < children; i++)
		pids[i] = start_waiting(b);
	if (b->pause)
		hold_ready();
	for (i = 0; i < children; i++)
		kill(pids[i], SIGUSR1);
	for (i = 0; i < children; i++)
		await_end(pids[i]);
	sleep_ns(100000000);
	for (i = 0; i < children; i++)
		reap();
	free(pids);
}

static void run(const struct blink *b)
{
	uint64_t i, alive = 0;
	pid_t before = 0;

	if (b->together)
		run_together(b, b->children);
	if (b->again) {
		sleep_ns(2000000000);
		run_together(b, b->again);
	}
	if (b->together)
		return;

	for (i = 0; i < b->children; i++) {
		if (b->same_pid)
			start_as_before(b, &before);
		else if (b->nested)
			start_nested(b);
		else
			start(b);
		if (++alive < b->at_once)
			continue;
		reap();
		alive--;
	}
	while (alive--)
		reap();
}

int main(int argc, char **argv)
{
	struct blink b = { .children = 307, .files = 3, .at_once = 16 };
	const struct option_u64 options[] = {
		{ "-n", &b.children, false },	     { "-f", &b.files, false },
		{ "--close", &b.closes, true },	     { "--exec", &b.exec, true },
		{ "--nested", &b.nested, true },     { "--at-once", &b.at_once, false },
		{ "--same-pid", &b.same_pid, true }, { "--together", &b.together, true },
		{ "--pause", &b.pause, true },	     { "--again", &b.again, false },
		{ "--hold", &b.hold, true },	     { NULL, NULL, false },
	};
	ssize_t n = readlink("/proc/self/exe", b.self, sizeof(b.self) - 1);

	argc = parse_options(argv, options);
	if (argc || n < 0)
		die("usage: blink [-n N] [-f N] [--close] [--exec] [--nested] [--at-once N] "
		    "[--same-pid] "
		    "[--together [--pause] [--again N]]");
	if (b.same_pid)
		b.at_once = 1;
	b.self[n] = 0;
	if (getenv("BLINK_CHILD")) {
		open_files(&b);
		return 0;
	}
	hold_init();
	if (b.hold)
		hold_ready();
	run(&b);
	report(&b);
	if (b.hold) {
		hold();
		report(&b);
	}
	return 0;
}
