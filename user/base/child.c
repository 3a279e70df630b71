// SPDX-License-Identifier: BSD-2-Clause
/* posix_spawn: no copy of our page tables, and no code of ours between fork and execve. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						     POSIX_SPAWN_SETPGROUP);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	if (!err)
		err = posix_spawnattr_setsigdefault(attr, &all);
	return -err;
}

/* in_fd, out_fd: the child's ends, or -1. */
static int set_streams(posix_spawn_file_actions_t *actions, int in_fd, int out_fd)
{
	int err;

	if (in_fd >= 0)
		err = posix_spawn_file_actions_adddup2(actions, in_fd, STDIN_FILENO);
	else
		err = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY,
						       0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(
			actions, out_fd >= 0 ? out_fd : STDERR_FILENO, STDOUT_FILENO);
	return -err;
}

static int spawn(char *const *argv, char *const *env, int in_fd, int out_fd, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int err;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	err = set_attributes(&attr);
	if (!err)
		err = set_streams(&actions, in_fd, out_fd);
	if (!err)
		err = -posix_spawnp(ret, argv[0], &actions, &attr, argv, env ? env : environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

/* Only our end does not block: the child gets what programs expect. */
static int make_pipe(int ours, int *fds)
{
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	return fcntl(fds[ours], F_SETFL, O_NONBLOCK) ? -errno : 0;
}

int child_start(char *const *argv, char *const *env, unsigned int pipes, struct child *ret)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	struct child c = CHILD_INIT;
	int err = 0;

	if (pipes & CHILD_FEED)
		err = make_pipe(1, in);
	if (!err && (pipes & CHILD_READ))
		err = make_pipe(0, out);
	if (!err)
		err = spawn(argv, env, in[0], out[1], &c.pid);
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
