// SPDX-License-Identifier: BSD-2-Clause
/* Stacks of this very program, whose functions and lines are known: through the C library, threads,
 * signals and generated code, from whole and from short copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "shot.h"

#define NOINLINE  __attribute__((noinline, noclone))
#define DEPTH_MAX 64

struct bed {
	struct stacks *s;
	struct shot shot;
	int proc_fd;
	struct stack_pc pcs[DEPTH_MAX];
	struct stack_trace trace;
};

static struct shot *shared; /* for callbacks that take no argument */
static int line_of_mid, line_of_top, line_of_inlined, line_around_inlined;

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct stacks_opts opts = {};

	b->proc_fd = opts.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->trace = (struct stack_trace){ .pcs = b->pcs, .cap = DEPTH_MAX };
	shared = &b->shot;
	*state = b;
	return stacks_new(&opts, &b->s);
}

static int teardown(void **state)
{
	struct bed *b = *state;

	stacks_free(b->s);
	close(b->proc_fd);
	free(b);
	return 0;
}

/* ---- the stack ---- */

static NOINLINE int leaf(struct shot *s)
{
	shot_take(s);
	return (int)s->capture.stack_len;
}

static NOINLINE int mid(struct shot *s, int a)
{
	char space[600];

	memset(space, a, sizeof(space));
	line_of_mid = __LINE__ + 1;
	a += leaf(s);
	return a + space[a & 63];
}

static NOINLINE int top(struct shot *s, int a)
{
	line_of_top = __LINE__ + 1;
	a += mid(s, a + 1);
	return a * 3;
}

static inline __attribute__((always_inline)) int inlined(struct shot *s, int a)
{
	line_of_inlined = __LINE__ + 1;
	a += leaf(s);
	return a + 2;
}

static NOINLINE int around_inlined(struct shot *s, int a)
{
	line_around_inlined = __LINE__ + 1;
	a = inlined(s, a);
	return a * 5;
}

NOINLINE int mangled(struct shot *s, int a) __asm__("_ZN5store4file4openEiPKc");
NOINLINE int mangled(struct shot *s, int a)
{
	a += leaf(s);
	return a * 7;
}

/* ---- asking ---- */

static const struct stack_frame *resolve(struct bed *b, size_t i, size_t *ret_cnt)
{
	const struct stack_frame *frames;

	assert_int_equal(stacks_resolve(b->s, &b->shot.capture.process, &b->pcs[i], &frames,
					ret_cnt), 0);
	assert_true(*ret_cnt >= 1);
	return frames;
}

static void unwind(struct bed *b)
{
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), 0);
	assert_true(b->trace.cnt >= 1);
}

/* Number of the first frame from `from` on of this function; fails when there is none. */
static size_t find(struct bed *b, size_t from, const char *function)
{
	for (size_t i = from; i < b->trace.cnt; i++) {
		size_t cnt;
		const struct stack_frame *f = resolve(b, i, &cnt);

		if (f[cnt - 1].function && !strcmp(f[cnt - 1].function, function))
			return i;
	}
	fail_msg("no frame of %s", function);
	return 0;
}

static void assert_frame(struct bed *b, size_t i, const char *function, int line)
{
	size_t cnt;
	const struct stack_frame *f;

	assert_true(i < b->trace.cnt);
	f = resolve(b, i, &cnt);
	assert_non_null(f->function);
	assert_string_equal(f->function, function);
	if (line)
		assert_int_equal(f->line, line);
	assert_true(f->trusted);
	assert_non_null(strstr(f->file, "test_stacks_unwind.c"));
	assert_non_null(strstr(f->module, "test_stacks_unwind"));
}

static void functions_and_lines_are_found(void **state)
{
	struct bed *b = *state;

	top(&b->shot, 1);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	assert_int_equal(b->pcs[0].how, STACK_CAPTURED);
	assert_int_equal(b->pcs[1].how, STACK_UNWOUND);
	assert_frame(b, 1, "leaf", 0);
	assert_frame(b, 2, "mid", line_of_mid);
	assert_frame(b, 3, "top", line_of_top);
	assert_frame(b, 4, "functions_and_lines_are_found", 0);
	find(b, 5, "main");
	find(b, 6, "_start");
}

static void an_inlined_function_is_a_frame(void **state)
{
	struct bed *b = *state;
	const struct stack_frame *f;
	size_t cnt;

	around_inlined(&b->shot, 1);
	unwind(b);
	f = resolve(b, 2, &cnt);
	assert_int_equal(cnt, 2);
	assert_string_equal(f[0].function, "inlined");
	assert_true(f[0].inlined);
	assert_int_equal(f[0].line, line_of_inlined);
	assert_string_equal(f[1].function, "around_inlined");
	assert_false(f[1].inlined);
	assert_int_equal(f[1].line, line_around_inlined);
	assert_non_null(strstr(f[1].file, "test_stacks_unwind.c"));
}

static void a_mangled_name_is_readable(void **state)
{
	struct bed *b = *state;

	mangled(&b->shot, 1);
	unwind(b);
	assert_frame(b, 2, "store::file::open(int, char const*)", 0);
}

static int compare(const void *a, const void *b)
{
	if (!shared->capture.stack_len)
		leaf(shared);
	return *(const int *)a - *(const int *)b;
}

static NOINLINE int sort(int *numbers, size_t cnt)
{
	qsort(numbers, cnt, sizeof(*numbers), compare);
	return numbers[0];
}

/* The C library of most distributions has no frame pointers. */
static void the_c_library_is_no_obstacle(void **state)
{
	struct bed *b = *state;
	int numbers[] = { 5, 3, 9, 1 };
	const struct stack_frame *f;
	size_t cnt, i;

	assert_int_equal(sort(numbers, 4), 1);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	assert_int_equal(find(b, 0, "compare"), 2);
	i = find(b, 3, "sort");
	assert_true(i > 3);
	f = resolve(b, 3, &cnt);
	assert_non_null(strstr(f->module, "libc"));
	assert_true(f->trusted);
	find(b, i, "main");
}

static void *thread_main(void *ctx)
{
	top(ctx, 4);
	return NULL;
}

static void a_thread_has_its_own_root(void **state)
{
	struct bed *b = *state;
	pthread_t thread;
	size_t i;

	assert_int_equal(pthread_create(&thread, NULL, thread_main, &b->shot), 0);
	pthread_join(thread, NULL);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	i = find(b, 0, "thread_main");
	assert_true(i >= 3);
	assert_true(b->trace.cnt > i + 1);
}

static void on_signal(int signal)
{
	(void)signal;
	leaf(shared);
}

static NOINLINE int raiser(int a)
{
	raise(SIGUSR1);
	return a + 1;
}

static void a_signal_handler_leads_to_what_it_interrupted(void **state)
{
	struct bed *b = *state;
	size_t handler, interrupted;

	signal(SIGUSR1, on_signal);
	raiser(1);
	signal(SIGUSR1, SIG_DFL);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	handler = find(b, 0, "on_signal");
	interrupted = find(b, handler, "raiser");
	assert_true(interrupted > handler + 1);
	/* Where the signal struck is an address of its own, not one after a call. */
	assert_true(b->pcs[handler + 1].is_return);
	assert_false(b->pcs[handler + 2].is_return);
}

static void a_short_copy_is_never_completed_by_guessing(void **state)
{
	struct bed *b = *state;
	struct stack_pc whole[DEPTH_MAX];
	size_t full_len, whole_cnt;

	top(&b->shot, 1);
	unwind(b);
	whole_cnt = b->trace.cnt;
	full_len = b->shot.capture.stack_len;
	memcpy(whole, b->pcs, sizeof(whole));
	for (size_t len = 0; len < full_len; len += len < 4096 ? 8 : 512) {
		b->shot.capture.stack_len = len;
		unwind(b);
		assert_true(b->trace.cnt <= whole_cnt);
		if (b->trace.cnt < whole_cnt)
			assert_int_equal(b->trace.end, STACK_END_SHORT_COPY);
		for (size_t i = 0; i < b->trace.cnt; i++)
			assert_int_equal(b->pcs[i].pc, whole[i].pc);
	}
}

static void a_full_array_is_told(void **state)
{
	struct bed *b = *state;

	top(&b->shot, 1);
	b->trace.cap = 3;
	unwind(b);
	assert_int_equal(b->trace.cnt, 3);
	assert_int_equal(b->trace.end, STACK_END_FULL);
	b->trace.cap = 0;
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), -EINVAL);
}

static void garbage_is_not_followed(void **state)
{
	struct bed *b = *state;
	uint64_t pc;

	top(&b->shot, 1);
	pc = b->shot.capture.regs[STACK_REG_PC];
	b->shot.capture.regs[STACK_REG_PC] = 0;
	unwind(b);
	assert_int_equal(b->trace.cnt, 1);
	assert_int_equal(b->trace.end, STACK_END_UNMAPPED);
	b->shot.capture.regs[STACK_REG_PC] = pc;
	memset(b->shot.stack, 0xa5, sizeof(b->shot.stack));
	unwind(b);
	assert_int_equal(b->trace.cnt, 1);
	assert_int_equal(b->trace.end, STACK_END_UNMAPPED);
	b->shot.capture.regs_known = 1ull << STACK_REG_PC;
	unwind(b);
	assert_int_equal(b->trace.cnt, 1);
	assert_int_equal(b->trace.end, STACK_END_BAD);
}

static void a_process_that_never_was_is_an_error(void **state)
{
	struct bed *b = *state;

	top(&b->shot, 1);
	b->shot.capture.process.start_ticks += 1;
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), -ESRCH);
	assert_int_equal(b->trace.cnt, 0);
}

/* What the kernel's walk of frame pointers yields, right or wrong. */
static void a_chain_is_trusted_as_far_as_the_tables_agree(void **state)
{
	struct bed *b = *state;
	uint64_t pcs[DEPTH_MAX];
	size_t cnt, guessed = 0;

	top(&b->shot, 1);
	unwind(b);
	cnt = b->trace.cnt;
	for (size_t i = 0; i < cnt; i++)
		pcs[i] = b->pcs[i].pc;
	assert_int_equal(stacks_check_chain(b->s, &b->shot.capture.process, pcs, cnt, &b->trace),
			 0);
	assert_int_equal(b->trace.cnt, cnt);
	assert_int_equal(b->pcs[0].how, STACK_CAPTURED);
	for (size_t i = 1; i < cnt; i++) {
		guessed += b->pcs[i].how == STACK_GUESSED;
		assert_true(b->pcs[i].how == STACK_GUESSED ||
			    (b->pcs[i].how == STACK_CHAINED && !guessed));
	}
	assert_int_equal(b->trace.end, guessed ? STACK_END_UNPROVED : STACK_END_OUTERMOST);
}

#if defined(__x86_64__)
typedef int (*jitted_fn)(struct shot *s, int (*fn)(struct shot *s));

/* push rbp; mov rbp, rsp; call rsi; pop rbp; ret: code without a table, as a JIT makes it. */
static const uint8_t jitted_code[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0x5d, 0xc3 };

static void write_jitmap(uint64_t address)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%jx 1000 LazyCompile:*serve;main.js\n", (uintmax_t)address);
	fclose(f);
}

static void remove_jitmap(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
}

static void callers_of_generated_code_are_marked(void **state)
{
	struct bed *b = *state;
	struct buf out = {};
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct stack_frame *f;
	size_t cnt;

	assert_true(page != MAP_FAILED);
	memcpy(page, jitted_code, sizeof(jitted_code));
	write_jitmap((uint64_t)page);
	((jitted_fn)(uintptr_t)page)(&b->shot, leaf);
	unwind(b);
	/* Its own address comes from the table of leaf(), that of its caller from nowhere. */
	assert_int_equal(b->pcs[2].how, STACK_UNWOUND);
	assert_int_equal(b->pcs[3].how, STACK_GUESSED);
	f = resolve(b, 2, &cnt);
	assert_non_null(f->function);
	assert_string_equal(f->function, "LazyCompile:*serve;main.js");
	assert_null(f->module);
	assert_true(f->trusted);
	f = resolve(b, 3, &cnt);
	assert_false(f->trusted);
	assert_int_equal(stacks_fold(b->s, &b->shot.capture.process, &b->trace, "web", 7, &out), 0);
	buf_putc(&out, 0);
	assert_non_null(strstr(out.data, ";?callers_of_generated_code_are_marked;"
					 "LazyCompile:*serve:main.js;leaf;shot_take 7\n"));
	buf_fini(&out);
	remove_jitmap();
	munmap(page, 4096);
}
#endif

static void folded_lines_start_at_the_root(void **state)
{
	struct bed *b = *state;
	struct buf out = {};

	around_inlined(&b->shot, 1);
	unwind(b);
	assert_int_equal(stacks_fold(b->s, &b->shot.capture.process, &b->trace, "a;b\n", 23, &out),
			 0);
	buf_putc(&out, 0);
	assert_true(!strncmp(out.data, "a:b?;_start;", 12));
	assert_non_null(strstr(out.data, ";folded_lines_start_at_the_root;around_inlined;"
					 "inlined_[i];leaf;shot_take 23\n"));
	buf_reset(&out);
	b->shot.capture.stack_len = 0;
	unwind(b);
	assert_int_equal(stacks_fold(b->s, &b->shot.capture.process, &b->trace, "x", 1, &out), 0);
	buf_putc(&out, 0);
	assert_string_equal(out.data, "x;[short_copy];shot_take 1\n");
	buf_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(functions_and_lines_are_found),
		TEST(an_inlined_function_is_a_frame),
		TEST(a_mangled_name_is_readable),
		TEST(the_c_library_is_no_obstacle),
		TEST(a_thread_has_its_own_root),
		TEST(a_signal_handler_leads_to_what_it_interrupted),
		TEST(a_short_copy_is_never_completed_by_guessing),
		TEST(a_full_array_is_told),
		TEST(garbage_is_not_followed),
		TEST(a_process_that_never_was_is_an_error),
		TEST(a_chain_is_trusted_as_far_as_the_tables_agree),
#if defined(__x86_64__)
		TEST(callers_of_generated_code_are_marked),
#endif
		TEST(folded_lines_start_at_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
