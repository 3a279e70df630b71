// SPDX-License-Identifier: BSD-2-Clause
/* vfork: no copy of our page tables; between it and execve there are system calls only. posix_spawn
 * has no way to set a limit. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/execpath.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void child_begin(uint64_t nofile)
{
	struct rlimit limit;
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!nofile || getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = nofile;
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct start {
	const char *path;
	char *const *argv;
	char *const *env;
	int in_fd; /* the child's ends, or -1 */
	int out_fd;
	uint64_t nofile;
};

static bool put(int from, int to)
{
	return from == to ? !fcntl(to, F_SETFD, 0) : dup2(from, to) == to;
}

/* In our memory, while we wait. */
static void __attribute__((noreturn)) become(const struct start *s, volatile int *ret_err)
{
	int in = s->in_fd >= 0 ? s->in_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	child_begin(s->nofile);
	if (put(in, STDIN_FILENO) && put(s->out_fd >= 0 ? s->out_fd : STDERR_FILENO, STDOUT_FILENO))
		execve(s->path, s->argv, s->env);
	*ret_err = -errno;
	_exit(127);
}

/* No handler of ours may run in the child, where it would find our memory. */
static int spawn(const struct start *s, pid_t *ret)
{
	sigset_t all, before;
	volatile int err = 0;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid = vfork();
	if (pid == 0)
		become(s, &err);
	if (pid < 0)
		err = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err && pid > 0)
		waitpid(pid, NULL, 0);
	if (!err)
		*ret = pid;
	return err;
}

/* Only our end does not block: the child gets what programs expect. */
static int make_pipe(int ours, int *fds)
{
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	return fcntl(fds[ours], F_SETFL, O_NONBLOCK) ? -errno : 0;
}

int child_start(char *const *argv, char *const *env, unsigned int pipes, uint64_t nofile,
		struct child *ret)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	struct child c = CHILD_INIT;
	char path[EXECPATH_MAX];
	int err = execpath_find(argv[0], path);

	if (!err && (pipes & CHILD_FEED))
		err = make_pipe(1, in);
	if (!err && (pipes & CHILD_READ))
		err = make_pipe(0, out);
	if (!err)
		err = spawn(&(struct start){ path, argv, env ? env : environ, in[0], out[1],
					     nofile }, &c.pid);
	close_fd(&in[0]);
	close_fd(&out[1]);
	c.in_fd = in[1];
	c.out_fd = out[0];
	if (!err) {
		c.pid_fd = (int)syscall(SYS_pidfd_open, c.pid, 0);
		err = c.pid_fd < 0 ? -errno : 0;
	} else {
		c.pid = 0;
	}
	if (err) {
		child_fini(&c);
		return err;
	}
	*ret = c;
	return 0;
}

void child_close_in(struct child *c)
{
	close_fd(&c->in_fd);
}

void child_kill(const struct child *c)
{
	if (c->pid > 0)
		kill(-c->pid, SIGKILL);
}

bool child_reap(struct child *c, int *ret_status)
{
	if (c->pid <= 0 || waitpid(c->pid, ret_status, WNOHANG) != c->pid)
		return false;
	c->pid = 0;
	return true;
}

void child_fini(struct child *c)
{
	int status;

	if (!c)
		return;
	child_kill(c);
	if (c->pid > 0)
		while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
			;
	c->pid = 0;
	close_fd(&c->pid_fd);
	close_fd(&c->in_fd);
	close_fd(&c->out_fd);
}
