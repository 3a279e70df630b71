// SPDX-License-Identifier: BSD-2-Clause
/* Whole stacks of this very program, whose functions and lines are known: inlined, through the C
 * library, in threads and signal handlers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>

#include "stackbed.h"

static struct shot *shared; /* for callbacks that take no argument */

static int setup_shared(void **state)
{
	int err = setup(state);

	shared = &((struct bed *)*state)->shot;
	return err;
}

NOINLINE int mangled(struct shot *s, int a) __asm__("_ZN5store4file4openEiPKc");
NOINLINE int mangled(struct shot *s, int a)
{
	a += leaf(s);
	AFTER_CALL(a);
	return a * 7;
}

static void assert_frame(struct bed *b, size_t i, const char *function, const char *file, int line)
{
	size_t cnt;
	const struct frame *f;

	assert_true(i < b->trace.cnt);
	f = resolve(b, i, &cnt);
	assert_non_null(f->function);
	assert_string_equal(f->function, function);
	if (line)
		assert_int_equal(f->line, line);
	assert_true(f->trusted);
	assert_non_null(strstr(f->file, file));
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
	assert_frame(b, 1, "leaf", "stackbed.h", 0);
	assert_frame(b, 2, "mid", "stackbed.h", line_of_mid);
	assert_frame(b, 3, "top", "stackbed.h", line_of_top);
	assert_frame(b, 4, "functions_and_lines_are_found", "test_stacks_unwind.c", 0);
	find(b, 5, "main");
	find(b, 6, "_start");
}

static void an_inlined_function_is_a_frame(void **state)
{
	struct bed *b = *state;
	const struct frame *f;
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
	assert_non_null(strstr(f[1].file, "stackbed.h"));
}

static void a_mangled_name_is_readable(void **state)
{
	struct bed *b = *state;

	mangled(&b->shot, 1);
	unwind(b);
	assert_frame(b, 2, "store::file::open(int, char const*)", "test_stacks_unwind.c", 0);
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
	const struct frame *f;
	size_t cnt, i;

	assert_int_equal(sort(numbers, 4), 1);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	assert_int_equal(find(b, 0, "compare"), 2);
	i = find(b, 3, "sort");
	assert_true(i > 3);
	/* Right above the comparison, or above what a sanitizer puts between. */
	f = resolve(b, i - 1, &cnt);
	assert_true(strstr(f->module, "libc") || strstr(f->module, "libasan"));
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
	AFTER_CALL(signal);
}

static NOINLINE int raiser(int a)
{
	raise(SIGUSR1);
	AFTER_CALL(a);
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

#define SHARED(name) cmocka_unit_test_setup_teardown(name, setup_shared, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(functions_and_lines_are_found),
		TEST(an_inlined_function_is_a_frame),
		TEST(a_mangled_name_is_readable),
		SHARED(the_c_library_is_no_obstacle),
		TEST(a_thread_has_its_own_root),
		SHARED(a_signal_handler_leads_to_what_it_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
