// SPDX-License-Identifier: BSD-2-Clause
/* A command at its gate: nothing of it runs before release, and its status comes back. */
#include "unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "folder.h"
#include "targets/command.h"

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Its status once it has ended, which must be soon. */
static int wait_for(struct command *c)
{
	int status = -1, i;

	for (i = 0; i < 1000 && !command_reap(c, &status); i++)
		pause_ms(10);
	assert_true(command_reap(c, &status));
	return status;
}

static int run(const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	struct command *c;
	int status;

	assert_int_equal(command_new(argv, 0, &c), 0);
	assert_int_equal(command_release(c), 0);
	status = wait_for(c);
	command_free(c);
	return status;
}

static bool exists(const struct folder *f, const char *name)
{
	return faccessat(f->fd, name, F_OK, 0) == 0;
}

static void nothing_runs_before_the_gate_opens(void **state)
{
	struct folder f;
	struct command *c;
	char path[96];
	char *argv[] = { "touch", path, NULL };
	int status = 77;

	(void)state;
	folder_init(&f);
	snprintf(path, sizeof(path), "%s/ran", f.path);
	assert_int_equal(command_new(argv, 0, &c), 0);
	assert_true(command_pid(c) > 0);
	assert_int_equal(kill(command_pid(c), 0), 0);
	pause_ms(50);
	assert_false(exists(&f, "ran"));
	assert_false(command_released(c));
	assert_false(command_reap(c, &status));
	assert_int_equal(status, 77);
	assert_int_equal(command_release(c), 0);
	assert_true(command_released(c));
	assert_int_equal(wait_for(c), 0);
	assert_true(exists(&f, "ran"));
	command_free(c);
	folder_fini(&f);
}

static void the_status_comes_back(void **state)
{
	int status;

	(void)state;
	assert_int_equal(run("exit 0"), 0);
	status = run("exit 23");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 23);
	status = run("kill -TERM $$");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* Asked twice, it answers the same. */
static void a_reaped_command_keeps_its_status(void **state)
{
	char *argv[] = { "sh", "-c", "exit 5", NULL };
	struct command *c;
	int status = 0;

	(void)state;
	assert_int_equal(command_new(argv, 0, &c), 0);
	assert_int_equal(command_release(c), 0);
	assert_int_equal(WEXITSTATUS(wait_for(c)), 5);
	assert_true(command_reap(c, &status));
	assert_int_equal(WEXITSTATUS(status), 5);
	command_free(c);
}

static void what_cannot_run_is_refused_at_once(void **state)
{
	char *none[] = { "ktally-no-such-command", NULL };
	char *no_path[] = { "/no/such/command", NULL };
	char *folder[] = { "/tmp", NULL };
	char *empty[] = { "", NULL };
	char *nothing[] = { NULL };
	struct command *untouched = (struct command *)&none, *c = untouched;

	(void)state;
	assert_int_equal(command_new(none, 0, &c), -ENOENT);
	assert_int_equal(command_new(no_path, 0, &c), -ENOENT);
	assert_int_equal(command_new(folder, 0, &c), -EACCES);
	assert_int_equal(command_new(empty, 0, &c), -EINVAL);
	assert_int_equal(command_new(nothing, 0, &c), -EINVAL);
	assert_int_equal(command_new(NULL, 0, &c), -EINVAL);
	assert_ptr_equal(c, untouched);
}

static void a_file_without_x_is_refused(void **state)
{
	struct folder f;
	char path[96];
	char *argv[] = { path, NULL };
	struct command *c;

	(void)state;
	folder_init(&f);
	folder_puts(&f, "script", "#!/bin/sh\nexit 0\n");
	snprintf(path, sizeof(path), "%s/script", f.path);
	assert_int_equal(command_new(argv, 0, &c), -EACCES);
	folder_fini(&f);
}

/* Executable by its mode, but nothing that the kernel can execute: only execve can tell. */
static void a_failed_exec_is_told_at_release(void **state)
{
	struct folder f;
	char path[96];
	char *argv[] = { path, NULL };
	struct command *c;

	(void)state;
	folder_init(&f);
	folder_puts(&f, "script", "#!/no/such/interpreter\n");
	assert_int_equal(fchmodat(f.fd, "script", 0755, 0), 0);
	snprintf(path, sizeof(path), "%s/script", f.path);
	assert_int_equal(command_new(argv, 0, &c), 0);
	assert_int_equal(command_release(c), -ENOENT);
	assert_false(command_released(c));
	assert_int_equal(WEXITSTATUS(wait_for(c)), 127);
	command_free(c);
	folder_fini(&f);
}

/* Nor does the attempt raise SIGPIPE, which would end whoever uses the library. */
static void one_killed_at_its_gate_cannot_be_released(void **state)
{
	char *argv[] = { "true", NULL };
	struct command *c;

	(void)state;
	assert_int_equal(command_new(argv, 0, &c), 0);
	kill(command_pid(c), SIGKILL);
	assert_int_equal(WTERMSIG(wait_for(c)), SIGKILL);
	assert_int_equal(command_release(c), -ESRCH);
	command_free(c);
}

static void freed_before_release_it_ends_without_having_run(void **state)
{
	struct folder f;
	struct command *c;
	char path[96];
	char *argv[] = { "touch", path, NULL };
	pid_t pid;

	(void)state;
	folder_init(&f);
	snprintf(path, sizeof(path), "%s/ran", f.path);
	assert_int_equal(command_new(argv, 0, &c), 0);
	pid = command_pid(c);
	command_free(c);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_false(exists(&f, "ran"));
	folder_fini(&f);
	command_free(NULL);
}

static void freed_while_it_runs_it_is_left_alone(void **state)
{
	char *argv[] = { "sleep", "60", NULL };
	struct command *c;
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(command_new(argv, 0, &c), 0);
	assert_int_equal(command_release(c), 0);
	pid = command_pid(c);
	command_free(c);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void its_arguments_are_a_copy(void **state)
{
	char text[] = "exit 9", shell[] = "sh", *argv[] = { shell, "-c", text, NULL };
	struct command *c;

	(void)state;
	assert_int_equal(command_new(argv, 0, &c), 0);
	memset(text, 'x', sizeof(text) - 1);
	memset(shell, 'x', sizeof(shell) - 1);
	assert_string_equal(command_argv(c)[0], "sh");
	assert_string_equal(command_argv(c)[2], "exit 9");
	assert_null(command_argv(c)[3]);
	assert_int_equal(command_release(c), 0);
	assert_int_equal(WEXITSTATUS(wait_for(c)), 9);
	command_free(c);
}

/* Blocked and ignored signals of the monitor would otherwise outlive the exec. */
static void signals_are_as_in_a_new_process(void **state)
{
	sigset_t blocked, before;
	int status;

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	signal(SIGTERM, SIG_IGN);
	status = run("kill -TERM $$; exit 1");
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_true(WIFSIGNALED(status));
}

/* Not the gate, not the pipe of its error: ls has its three and the folder. */
static void it_inherits_no_descriptor_of_ours(void **state)
{
	int fd;

	(void)state;
	for (fd = 3; fd < 256; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	assert_int_equal(run("[ $(ls /proc/self/fd | wc -l) -eq 4 ]"), 0);
}

/* Ours stays as it is. */
static void its_limit_of_descriptors_is_what_was_asked_for(void **state)
{
	char *argv[] = { "sh", "-c", "test $(ulimit -Sn) -eq 77", NULL };
	struct rlimit before, after;
	struct command *c;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(command_new(argv, 77, &c), 0);
	assert_int_equal(command_release(c), 0);
	assert_int_equal(wait_for(c), 0);
	command_free(c);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
	assert_int_equal(after.rlim_cur, before.rlim_cur);
	assert_int_equal(after.rlim_max, before.rlim_max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_runs_before_the_gate_opens),
		cmocka_unit_test(the_status_comes_back),
		cmocka_unit_test(a_reaped_command_keeps_its_status),
		cmocka_unit_test(what_cannot_run_is_refused_at_once),
		cmocka_unit_test(a_file_without_x_is_refused),
		cmocka_unit_test(a_failed_exec_is_told_at_release),
		cmocka_unit_test(one_killed_at_its_gate_cannot_be_released),
		cmocka_unit_test(freed_before_release_it_ends_without_having_run),
		cmocka_unit_test(freed_while_it_runs_it_is_left_alone),
		cmocka_unit_test(its_arguments_are_a_copy),
		cmocka_unit_test(signals_are_as_in_a_new_process),
		cmocka_unit_test(it_inherits_no_descriptor_of_ours),
		cmocka_unit_test(its_limit_of_descriptors_is_what_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
