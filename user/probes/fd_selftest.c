// SPDX-License-Identifier: BSD-2-Clause
/* The self-test of fd_selftest.h. A child, since other threads of this process may open and
 * close. */
#include "probes/fd_selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ladder.h"
#include "base/procfs.h"
#include "bpf/targets.h"

/* What child_work() does, by construction; counts of close() on what is open and of failures
 * included. */
struct work {
	struct fd_tally tally;
	uint64_t unseen_opens; /* of opens, those that no system call's result tells */
	uint64_t replaced;     /* of closes, those by dup2 */
	uint64_t ranged;       /* of closes, those beyond the first of a close_range */
};

static int pass_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'f';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(to, &msg, 0) == 1 ? 0 : -errno;
}

static int take_fd(int from)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(from, &msg, 0) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static bool replace_slots(int fd, struct work *w)
{
	int copy = dup(fd);
	int free_slot = copy + 20;

	if (copy < 0 || dup2(fd, free_slot) < 0 || dup2(fd, copy) < 0 || dup2(fd, fd) < 0)
		return false;
	w->tally.opens += 3;
	w->tally.closes += 1;
	w->replaced += 1;
	close(copy);
	close(free_slot);
	w->tally.closes += 2;
	return true;
}

static bool pass_around(int fd, struct work *w)
{
	int pair[2], got;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return false;
	if (pass_fd(pair[0], fd))
		return false;
	got = take_fd(pair[1]);
	if (got < 0)
		return false;
	w->tally.opens += 3;
	w->unseen_opens += 1;
	close(got);
	close(pair[0]);
	close(pair[1]);
	w->tally.closes += 3;
	return true;
}

/* A kernel before 5.9 has no close_range: then both are closed singly. */
static bool close_two(struct work *w)
{
	int pipe_fds[2];

	if (pipe(pipe_fds))
		return false;
	w->tally.opens += 2;
	w->tally.closes += 2;
	if (pipe_fds[1] == pipe_fds[0] + 1 &&
	    !syscall(SYS_close_range, pipe_fds[0], pipe_fds[1], 0)) {
		w->ranged += 1;
		return true;
	}
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return true;
}

static bool child_work(struct work *w)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	w->tally.opens++;
	done = replace_slots(fd, w) && pass_around(fd, w) && close_two(w);
	close(fd);
	w->tally.closes++;
	if (open("/proc/self/there is no such file", O_RDONLY) < 0)
		w->tally.failed++;
	return done;
}

static void __attribute__((noreturn)) child(int gate_fd, int report_fd)
{
	struct work w = { 0 };
	char go = 'r';

	/* Ready: from here on it does nothing to its table until it is told to. */
	if (write(report_fd, &go, 1) != 1 || read(gate_fd, &go, 1) != 1)
		_exit(1);
	if (!child_work(&w))
		memset(&w, 0, sizeof(w));
	if (write(report_fd, &w, sizeof(w)) != sizeof(w))
		_exit(1);
	(void)!read(gate_fd, &go, 1); /* until the parent has looked */
	_exit(0);
}

struct trial {
	pid_t pid;
	int gate[2];
	int report[2];
	uint64_t id;
};

static int trial_identify(struct trial *t, int proc_fd)
{
	struct proc_stat st;
	int err = proc_stat_of(proc_fd, t->pid, &st);

	if (!err)
		t->id = PROCESS_ID(st.pid, st.start_ticks);
	return err;
}

static int trial_start(struct trial *t, int proc_fd)
{
	if (pipe2(t->gate, O_CLOEXEC))
		return -errno;
	if (pipe2(t->report, O_CLOEXEC)) {
		close(t->gate[0]);
		close(t->gate[1]);
		return -errno;
	}
	t->pid = fork();
	if (t->pid == 0) {
		close(t->gate[1]);
		child(t->gate[0], t->report[1]);
	}
	close(t->gate[0]);
	close(t->report[1]);
	return t->pid < 0 ? -errno : trial_identify(t, proc_fd);
}

static void trial_end(struct trial *t)
{
	close(t->gate[1]);
	close(t->report[0]);
	if (t->pid > 0)
		waitpid(t->pid, NULL, 0);
}

static struct fd_tally counted(const struct fd_counter *counter, uint64_t id)
{
	struct fd_tally tally = {};

	counter->count(counter->ctx, id, &tally);
	return tally;
}

/* What should have been seen; before: what was, of the time before the work. */
static struct fd_tally expected(const struct work *w, const struct fd_tally *before,
				const struct fd_counter *counter)
{
	struct fd_tally t = w->tally;

	t.opens += before->opens - (counter->sight == FD_SEES_ALL ? 0 : w->unseen_opens);
	t.closes += before->closes - (counter->replaces ? w->replaced : 0) -
		    (counter->ranges ? w->ranged : 0);
	t.failed = before->failed == FD_NOT_TOLD ? FD_NOT_TOLD : t.failed + before->failed;
	return t;
}

static int judge(const struct fd_tally *wanted, const struct fd_tally *seen, char *reason)
{
	int n;

	if (seen->opens == wanted->opens && seen->closes == wanted->closes &&
	    seen->failed == wanted->failed)
		return 0;
	n = snprintf(reason, LADDER_REASON_LEN,
		     "self-test: counted %llu opens and %llu closes where there were %llu and %llu",
		     (unsigned long long)seen->opens, (unsigned long long)seen->closes,
		     (unsigned long long)wanted->opens, (unsigned long long)wanted->closes);
	if (wanted->failed != FD_NOT_TOLD)
		snprintf(reason + n, LADDER_REASON_LEN - n, ", %llu of %llu failed calls",
			 (unsigned long long)seen->failed, (unsigned long long)wanted->failed);
	return -EBADE;
}

static int observe(struct trial *t, const struct bpf_shared *shared,
		   const struct fd_counter *counter, char *reason)
{
	uint8_t *byte = &shared->watched[(uint32_t)t->pid & shared->watched_mask];
	struct fd_tally before, seen, wanted;
	struct work w = {};
	uint8_t was_watched;
	char ready;
	int err;

	if (read(t->report[0], &ready, 1) != 1)
		ready = 0; /* the next read fails too */
	was_watched = __atomic_exchange_n(byte, 1, __ATOMIC_SEQ_CST); /* if everybody is */
	before = counted(counter, t->id);
	if (write(t->gate[1], "g", 1) != 1 || read(t->report[0], &w, sizeof(w)) != sizeof(w) ||
	    !w.tally.opens) {
		snprintf(reason, LADDER_REASON_LEN, "self-test: its child could not do its work");
		return -EBADE;
	}
	seen = counted(counter, t->id);
	wanted = expected(&w, &before, counter);
	err = judge(&wanted, &seen, reason);
	__atomic_store_n(byte, was_watched, __ATOMIC_SEQ_CST);
	return err;
}

int fd_selftest(const struct bpf_shared *shared, const struct fd_counter *counter, int proc_fd,
		char *reason)
{
	struct trial t = { .pid = -1, .gate = { -1, -1 }, .report = { -1, -1 } };
	int err = trial_start(&t, proc_fd);

	if (err)
		snprintf(reason, LADDER_REASON_LEN, "self-test: cannot start its child: %s",
			 strerror(-err));
	else
		err = observe(&t, shared, counter, reason);
	trial_end(&t);
	if (t.id && counter->forget)
		counter->forget(counter->ctx, t.id);
	return err;
}
