// SPDX-License-Identifier: BSD-2-Clause
/* Stacks that are not whole, or not proved, say so: short copies, garbage, chains of frame
 * pointers, generated code; and how that is written in folded lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "stackbed.h"

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

static int teardown_jitmap(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
	return teardown(state);
}

static void callers_of_generated_code_are_marked(void **state)
{
	struct bed *b = *state;
	struct buf out = {};
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct frame *f;
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
					 "LazyCompile:*serve:main.js;leaf;shot_take"));
	buf_fini(&out);
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
	assert_string_equal(out.data + out.len - 5, " 23\n");
	assert_non_null(strstr(out.data, ";folded_lines_start_at_the_root;around_inlined;"
					 "inlined_[i];leaf;shot_take"));
	buf_reset(&out);
	b->shot.capture.stack_len = 0;
	unwind(b);
	assert_int_equal(stacks_fold(b->s, &b->shot.capture.process, &b->trace, "x", 1, &out), 0);
	buf_putc(&out, 0);
	assert_true(!strncmp(out.data, "x;[short_copy];shot_take", 24));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_short_copy_is_never_completed_by_guessing),
		TEST(a_full_array_is_told),
		TEST(garbage_is_not_followed),
		TEST(a_process_that_never_was_is_an_error),
		TEST(a_chain_is_trusted_as_far_as_the_tables_agree),
#if defined(__x86_64__)
		cmocka_unit_test_setup_teardown(callers_of_generated_code_are_marked, setup,
						teardown_jitmap),
#endif
		TEST(folded_lines_start_at_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
