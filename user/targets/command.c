// SPDX-License-Identifier: BSD-2-Clause
/* fork, a socket as gate, execvp; nothing is known here of BPF or counting. */
#include "targets/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/execpath.h"

struct command {
	pid_t pid;
	char **argv;
	int gate_fd;  /* our end; closed without a byte: the child ends */
	int error_fd; /* read end: errno of a failed execve, or the end of file once it succeeded */
	bool released;
	bool reaped;
	int status;
};

static void __attribute__((noreturn)) child(char *const *argv, uint64_t nofile, int gate_fd,
					    int error_fd)
{
	int err;
	char go;

	child_begin(nofile);
	if (read(gate_fd, &go, 1) != 1)
		_exit(127);
	execvp(argv[0], argv);
	err = errno;
	if (write(error_fd, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(err == ENOENT ? 127 : 126);
}

static int spawn(struct command *c, uint64_t nofile)
{
	int gate[2], error[2];

	/* A socket, since a write to a child that was killed at its gate must not raise SIGPIPE. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate))
		return -errno;
	if (pipe2(error, O_CLOEXEC)) {
		close(gate[0]);
		close(gate[1]);
		return -errno;
	}
	c->pid = fork();
	if (c->pid == 0) {
		close(gate[1]);
		close(error[0]);
		child(c->argv, nofile, gate[0], error[1]);
	}
	close(gate[0]);
	close(error[1]);
	c->gate_fd = gate[1];
	c->error_fd = error[0];
	return c->pid < 0 ? -errno : 0;
}

static int copy_argv(char *const *argv, char ***ret)
{
	size_t n = 0, i;
	char **copy;

	while (argv[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	for (i = 0; i < n; i++) {
		copy[i] = strdup(argv[i]);
		if (!copy[i])
			return -ENOMEM;
	}
	return 0;
}

int command_new(char *const *argv, uint64_t nofile, struct command **ret)
{
	struct command *c;
	int err;

	if (!argv || !argv[0] || !argv[0][0])
		return -EINVAL;
	err = execpath_find(argv[0], NULL);
	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->gate_fd = c->error_fd = -1;
	err = copy_argv(argv, &c->argv);
	if (!err)
		err = spawn(c, nofile);
	if (err) {
		command_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

char *const *command_argv(const struct command *c)
{
	return c->argv;
}

pid_t command_pid(const struct command *c)
{
	return c->pid;
}

bool command_await(const struct command *c, int timeout_ms)
{
	struct pollfd end = { .events = POLLIN };
	bool ended;

	if (c->reaped || !c->released)
		return c->reaped;
	end.fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (end.fd < 0)
		return false;
	ended = poll(&end, 1, timeout_ms) > 0;
	close(end.fd);
	return ended;
}

bool command_released(const struct command *c)
{
	return c->released;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int command_release(struct command *c)
{
	int err = 0;
	ssize_t n;

	n = send(c->gate_fd, "g", 1, MSG_NOSIGNAL);
	close_fd(&c->gate_fd);
	if (n != 1)
		return -ESRCH;
	do {
		n = read(c->error_fd, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	close_fd(&c->error_fd);
	if (n == sizeof(err) && err)
		return -err;
	c->released = true;
	return 0;
}

bool command_reap(struct command *c, int *ret_status)
{
	if (!c->reaped && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->reaped = true;
	if (c->reaped)
		*ret_status = c->status;
	return c->reaped;
}

void command_free(struct command *c)
{
	size_t i;

	if (!c)
		return;
	close_fd(&c->gate_fd);
	close_fd(&c->error_fd);
	if (!c->released && c->pid > 0 && !c->reaped)
		waitpid(c->pid, &c->status, 0); /* the closed gate ends it at once */
	for (i = 0; c->argv && c->argv[i]; i++)
		free(c->argv[i]);
	free(c->argv);
	free(c);
}
