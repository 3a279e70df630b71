// SPDX-License-Identifier: BSD-2-Clause
/* Stacks of another process: its file stripped, deleted, replaced, writable by others; the process
 * gone; the vdso; more processes than are remembered. The program runs copies of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "folder.h"
#include "shot.h"

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noipa)) /* nor cloned, nor merged with its caller's knowledge */
#endif
#define DEPTH_MAX 32
#define SENDER	  "--send-a-stack"

/* ---- the other process ---- */

static NOINLINE int inner(struct shot *s)
{
	shot_take(s);
	return (int)s->capture.stack_len;
}

static NOINLINE int outer(struct shot *s, int a)
{
	a += inner(s);
	return a * 3;
}

/* Its stack to standard output; then it waits until somebody closes its input. */
static int send_stack(void)
{
	struct shot *s = calloc(1, sizeof(*s));
	int status = outer(s, 1);
	char byte;

	status = write(STDOUT_FILENO, s, sizeof(*s)) != sizeof(*s) || !status;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	free(s);
	return status;
}

/* ---- the bed ---- */

struct bed {
	struct stacks *s;
	int proc_fd;
	struct folder folder;
	char program[128]; /* a copy of this one */
	pid_t pid;
	int hold;	   /* the input of the other process */
	struct shot shot;
	struct stack_pc pcs[DEPTH_MAX];
	struct stack_trace trace;
};

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct stacks_opts opts = {};

	b->proc_fd = opts.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->trace = (struct stack_trace){ .pcs = b->pcs, .cap = DEPTH_MAX };
	folder_init(&b->folder);
	snprintf(b->program, sizeof(b->program), "%s/sender", b->folder.path);
	*state = b;
	return stacks_new(&opts, &b->s);
}

static void copy_self(const struct bed *b, const char *how)
{
	struct buf command = {};

	/* The shell is another program: it is told by number whose executable is meant. */
	buf_printf(&command, "%s /proc/%d/exe %s %s", how, (int)getpid(),
		   !strcmp(how, "strip") ? "-o" : "", b->program);
	buf_putc(&command, 0);
	assert_int_equal(system(command.data), 0);
	buf_fini(&command);
}

static void receive(int fd, struct shot *s)
{
	size_t len = 0;

	while (len < sizeof(*s)) {
		ssize_t n = read(fd, (char *)s + len, sizeof(*s) - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
}

static void start(struct bed *b)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	b->pid = fork();
	if (!b->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl(b->program, "sender", SENDER, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	b->hold = in[1];
	receive(out[0], &b->shot);
	close(out[0]);
}

static void stop(struct bed *b)
{
	if (b->pid <= 0)
		return;
	close(b->hold);
	waitpid(b->pid, NULL, 0);
	b->pid = 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	stop(b);
	stacks_free(b->s);
	close(b->proc_fd);
	folder_fini(&b->folder);
	free(b);
	return 0;
}

static void unwind(struct bed *b)
{
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), 0);
	assert_true(b->trace.cnt > 4);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
}

static const struct frame *resolve(struct bed *b, size_t i)
{
	const struct frame *frames;
	size_t cnt;

	assert_int_equal(stacks_resolve(b->s, &b->shot.capture.process, &b->pcs[i], &frames, &cnt),
			 0);
	assert_true(cnt >= 1);
	return frames;
}

static void assert_named(struct bed *b)
{
	const struct frame *f = resolve(b, 1);

	assert_non_null(f->function);
	assert_string_equal(f->function, "inner");
	assert_string_equal(f->module, b->program);
	f = resolve(b, 2);
	assert_string_equal(f->function, "outer");
	assert_true(f->line > 0);
	assert_true(f->trusted);
}

/* Only root can open a mapped file that has no name any more. */
static bool sees_deleted_files(void)
{
	return geteuid() == 0;
}

static void assert_only_module(struct bed *b)
{
	const struct frame *f = resolve(b, 0);

	assert_null(f->function);
	assert_null(f->file);
	assert_string_equal(f->module, b->program);
}

static void another_process_is_read(void **state)
{
	struct bed *b = *state;

	copy_self(b, "cp");
	start(b);
	unwind(b);
	assert_named(b);
}

static void a_stripped_file_gives_module_and_offset(void **state)
{
	struct bed *b = *state;
	uint64_t offset;
	struct buf out = {};
	char expected[64];

	copy_self(b, "cp");
	start(b);
	unwind(b);
	offset = b->pcs[2].offset;
	assert_named(b);
	stop(b);
	copy_self(b, "strip");
	start(b);
	unwind(b);
	assert_int_equal(b->pcs[2].offset, offset);
	assert_only_module(b);
	assert_true(resolve(b, 2)->trusted);
	assert_int_equal(resolve(b, 2)->offset, offset);
	assert_int_equal(stacks_fold(b->s, &b->shot.capture.process, &b->trace, "x", 1, &out), 0);
	buf_putc(&out, 0);
	snprintf(expected, sizeof(expected), ";sender+0x%jx;", (uintmax_t)offset);
	assert_non_null(strstr(out.data, expected));
	buf_fini(&out);
}

/* A file that its owner may cut short is read, not mapped; the answer is the same. */
static void a_file_that_others_can_write_is_read(void **state)
{
	struct bed *b = *state;

	copy_self(b, "cp");
	assert_int_equal(chmod(b->program, 0777), 0);
	start(b);
	assert_int_equal(stacks_remember(b->s, &b->shot.capture.process), 0);
	unwind(b);
	assert_named(b);
}

static void a_file_cut_to_nothing_does_no_harm(void **state)
{
	struct bed *b = *state;
	int fd;

	copy_self(b, "cp");
	assert_int_equal(chmod(b->program, 0777), 0);
	start(b);
	assert_int_equal(stacks_remember(b->s, &b->shot.capture.process), 0);
	stop(b);
	fd = open(b->program, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), 0);
	assert_true(b->trace.cnt >= 1);
	resolve(b, 0);
}

static void a_deleted_file_is_still_read(void **state)
{
	struct bed *b = *state;

	copy_self(b, "cp");
	start(b);
	unlink(b->program);
	if (sees_deleted_files()) {
		unwind(b);
		assert_named(b);
		return;
	}
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), 0);
	assert_only_module(b);
}

static void a_replaced_file_is_not_taken_for_the_old_one(void **state)
{
	struct bed *b = *state;

	copy_self(b, "cp");
	start(b);
	unlink(b->program);
	copy_self(b, "strip");
	if (sees_deleted_files()) {
		unwind(b);
		assert_named(b);
		return;
	}
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), 0);
	assert_only_module(b);
}

static void a_process_that_has_gone_is_remembered(void **state)
{
	struct bed *b = *state;

	copy_self(b, "cp");
	start(b);
	assert_int_equal(stacks_remember(b->s, &b->shot.capture.process), 0);
	stop(b);
	unlink(b->program);
	unwind(b);
	assert_named(b);
	assert_int_equal(stacks_remember(b->s, &b->shot.capture.process), -ESRCH);
	unwind(b);
	stacks_forget(b->s, &b->shot.capture.process);
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), -ESRCH);
	/* What was unwound keeps its names. */
	assert_named(b);
}

static void the_vdso_is_a_module(void **state)
{
	struct bed *b = *state;
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void *symbol = vdso ? dlsym(vdso, "__vdso_clock_gettime") : NULL;
	const struct frame *f;

	if (!symbol)
		skip();
	shot_take(&b->shot);
	b->shot.capture.regs[STACK_REG_PC] = (uint64_t)symbol;
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), 0);
	f = resolve(b, 0);
	assert_string_equal(f->module, "[vdso]");
	assert_non_null(f->function);
	assert_non_null(strstr(f->function, "clock_gettime"));
	dlclose(vdso);
}

static size_t open_fds(void)
{
	size_t cnt = 0;
	char path[64];

	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		cnt += access(path, F_OK) == 0;
	}
	return cnt;
}

static void little_stays_open(void **state)
{
	struct bed *b = *state;
	size_t before = open_fds();

	copy_self(b, "cp");
	for (int i = 0; i < 5; i++) {
		start(b);
		unwind(b);
		assert_named(b);
		stop(b);
		unlink(b->program);
		copy_self(b, "cp");
	}
	/* One for each file that is not root's: those are read through it, and not mapped. */
	assert_true(open_fds() <= before + 5 + 1);
}

/* Each maps a file of its own, which cannot be opened. */
static void fake_process(const struct folder *proc, pid_t pid)
{
	char name[32], text[256];

	snprintf(name, sizeof(name), "%d", (int)pid);
	folder_mkdir(proc, name);
	snprintf(name, sizeof(name), "%d/stat", (int)pid);
	snprintf(text, sizeof(text), "%d (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0\n",
		 (int)pid, (int)pid * 10);
	folder_puts(proc, name, text);
	snprintf(name, sizeof(name), "%d/maps", (int)pid);
	snprintf(text, sizeof(text), "1000-2000 r-xp 5000 08:01 %d   /opt/program-%d\n", (int)pid,
		 (int)pid);
	folder_puts(proc, name, text);
}

static void assert_fake(struct stacks *s, pid_t pid)
{
	struct stack_pc pc[2];
	struct stack_trace trace = { .pcs = pc, .cap = 2 };
	struct stack_capture capture = { .process = { pid, (uint64_t)pid * 10 } };
	const struct frame *frames;
	char expected[64];
	size_t cnt;

	capture.regs[STACK_REG_PC] = 0x1234;
	capture.regs_known = STACK_REGS_ALL;
	assert_int_equal(stacks_unwind(s, &capture, &trace), 0);
	assert_int_equal(trace.cnt, 1);
	assert_int_equal(trace.end, STACK_END_NO_TABLE);
	assert_int_equal(stacks_resolve(s, &capture.process, &pc[0], &frames, &cnt), 0);
	snprintf(expected, sizeof(expected), "/opt/program-%d", (int)pid);
	assert_string_equal(frames->module, expected);
	assert_int_equal(frames->offset, 0x5234);
	assert_null(frames->function);
}

static void more_processes_than_fit_are_forgotten_and_found_again(void **state)
{
	struct bed *b = *state;
	struct stacks_opts opts = { .proc_fd = b->folder.fd };
	struct stacks *s;
	pid_t pid;

	for (pid = 1; pid <= STACKS_PROCESSES_MAX + 50; pid++)
		fake_process(&b->folder, pid);
	assert_int_equal(stacks_new(&opts, &s), 0);
	for (pid = 1; pid <= STACKS_PROCESSES_MAX + 50; pid++)
		assert_fake(s, pid);
	assert_fake(s, 1);
	assert_fake(s, STACKS_PROCESSES_MAX + 50);
	stacks_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(another_process_is_read),
		TEST(a_stripped_file_gives_module_and_offset),
		TEST(a_file_that_others_can_write_is_read),
		TEST(a_file_cut_to_nothing_does_no_harm),
		TEST(a_deleted_file_is_still_read),
		TEST(a_replaced_file_is_not_taken_for_the_old_one),
		TEST(a_process_that_has_gone_is_remembered),
		TEST(the_vdso_is_a_module),
		TEST(little_stays_open),
		TEST(more_processes_than_fit_are_forgotten_and_found_again),
	};

	if (argc > 1 && !strcmp(argv[1], SENDER))
		return send_stack();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
