// SPDX-License-Identifier: BSD-2-Clause
/*
 * Idle processes: crowd COUNT FILES. Each holds FILES regular files open and sleeps. Prints its PID
 * when all are there; they end with it, and it ends at the end of standard input. They share one
 * address space, for to copy one 20,000 times takes minutes on virtual machines.
 */
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/workloads/workload.h"

#define STACK_BYTES 4096

static int idle(void *arg)
{
	const pid_t *parent = arg;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == *parent) /* it may have gone before it was asked for */
		pause();
	return 0;
}

/* The PID is read by all of them while this process lives. */
static void populate(uint64_t count, pid_t *parent)
{
	int protection = PROT_READ | PROT_WRITE,
	    flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	char *stacks = mmap(NULL, count * STACK_BYTES, protection, flags, -1, 0);
	uint64_t i;

	if (stacks == MAP_FAILED)
		die("stacks: %s", strerror(errno));
	for (i = 1; i <= count; i++)
		if (clone(idle, stacks + i * STACK_BYTES, CLONE_VM | SIGCHLD, parent) < 0)
			die("process %llu: %s", (unsigned long long)i, strerror(errno));
}

int main(int argc, char **argv)
{
	struct line l = { .len = 0 };
	pid_t self = getpid();
	uint64_t files;
	char c;

	if (argc != 3)
		die("usage: crowd COUNT FILES");
	setpgid(0, 0);
	signal(SIGPIPE, SIG_IGN);
	for (files = parse_u64("FILES", argv[2]); files; files--)
		if (open("/proc/self/exe", O_RDONLY | O_CLOEXEC) < 0)
			die("open: %s", strerror(errno));
	populate(parse_u64("COUNT", argv[1]), &self);
	put(&l, "%d", self);
	put_line(&l);
	while (read(STDIN_FILENO, &c, 1) == 1)
		;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return 0;
}
