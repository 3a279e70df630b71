// SPDX-License-Identifier: BSD-2-Clause
/* Rows, followed as the kernel side does, lead along the same program counters as the engine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "stackbed.h"

static uint64_t word_at(const struct shot *s, uint64_t address)
{
	uint64_t at = address - s->capture.stack_address, word;

	assert_true(at + sizeof(word) <= s->capture.stack_len);
	memcpy(&word, s->stack + at, sizeof(word));
	return word;
}

/* Follows rows over the picture to this frame, whose registers regs becomes; how many frames agree
 * with the trace. */
static size_t follow_to(struct bed *b, size_t last, uint64_t regs[STACK_REG_CNT])
{
	uint64_t sp = b->shot.capture.regs[STACK_REG_SP], fp = b->shot.capture.regs[STACK_REG_FP];
	uint64_t pc = b->shot.capture.regs[STACK_REG_PC];
	struct stack_row row;
	size_t i;

	for (i = 0; i < b->trace.cnt && pc == b->pcs[i].pc; i++) {
		regs[STACK_REG_PC] = pc;
		regs[STACK_REG_SP] = sp;
		regs[STACK_REG_FP] = fp;
		if (i == last)
			return i;
		if (stacks_row(b->s, &b->pcs[i], &row))
			break;
		if (row.outermost)
			return i + 1;
		sp = (row.cfa_from_fp ? fp : sp) + (uint64_t)(int64_t)row.cfa_offset;
		pc = word_at(&b->shot, sp - 8);
		if (row.fp_offset)
			fp = word_at(&b->shot, sp + (uint64_t)(int64_t)row.fp_offset);
	}
	return i;
}

static size_t follow(struct bed *b)
{
	uint64_t regs[STACK_REG_CNT];

	return follow_to(b, SIZE_MAX, regs);
}

/* A frame of a size that only the frame pointer knows. */
static NOINLINE int of_any_size(struct shot *s, int size)
{
	char *space = __builtin_alloca((size_t)size);

	memset(space, size, (size_t)size);
	size += top(s, 1);
	__asm__ volatile("" : : "r"(space) : "memory");
	AFTER_CALL(size);
	return size;
}

static void rows_lead_where_the_engine_leads(void **state)
{
	struct bed *b = *state;

	of_any_size(&b->shot, 333);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	find(b, 0, "of_any_size");
	assert_int_equal(follow(b), b->trace.cnt);
}

static void *in_thread(void *shot)
{
	around_inlined(shot, 77);
	return NULL;
}

static void rows_of_a_thread(void **state)
{
	struct bed *b = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, in_thread, &b->shot), 0);
	pthread_join(thread, NULL);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	assert_int_equal(follow(b), b->trace.cnt);
}

/* What the kernel side hands on when rows lead farther than a copy would. */
static void take_from(struct bed *b, size_t frame, uint64_t callees[DEPTH_MAX])
{
	struct stack_capture *c = &b->shot.capture;
	uint64_t regs[STACK_REG_CNT] = {};
	size_t i;

	assert_int_equal(follow_to(b, frame, regs), frame);
	for (i = 0; i < frame; i++)
		callees[i] = b->pcs[i].pc;
	memcpy(c->regs, regs, sizeof(regs));
	c->regs_known = 1ull << STACK_REG_PC | 1ull << STACK_REG_SP | 1ull << STACK_REG_FP;
	c->callees = callees;
	c->callee_cnt = frame;
}

static void a_stack_goes_on_where_rows_end(void **state)
{
	struct bed *b = *state;
	uint64_t callees[DEPTH_MAX];
	struct stack_pc pcs[DEPTH_MAX];
	struct stack_trace whole;
	size_t i;

	of_any_size(&b->shot, 333);
	unwind(b);
	whole = b->trace;
	memcpy(pcs, b->pcs, sizeof(pcs));
	take_from(b, find(b, 0, "of_any_size"), callees);
	memset(b->shot.stack, 0xff,
	       b->shot.capture.regs[STACK_REG_SP] - b->shot.capture.stack_address);
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	assert_int_equal(b->trace.cnt, whole.cnt);
	for (i = 0; i < whole.cnt; i++) {
		assert_int_equal(b->pcs[i].pc, pcs[i].pc);
		assert_int_equal(b->pcs[i].module, pcs[i].module);
		assert_int_equal(b->pcs[i].offset, pcs[i].offset);
		assert_int_equal(b->pcs[i].how, pcs[i].how);
	}
}

static void rows_may_lead_to_the_end(void **state)
{
	struct bed *b = *state;
	uint64_t callees[DEPTH_MAX];
	size_t cnt;

	top(&b->shot, 1);
	unwind(b);
	cnt = b->trace.cnt;
	take_from(b, cnt - 1, callees);
	b->shot.capture.stack_len = 0;
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_OUTERMOST);
	assert_int_equal(b->trace.cnt, cnt);
	b->trace.cap = 3;
	unwind(b);
	assert_int_equal(b->trace.end, STACK_END_FULL);
	assert_int_equal(b->trace.cnt, 3);
}

static void no_row_without_a_table(void **state)
{
	struct bed *b = *state;
	struct stack_pc nowhere = { .pc = 1 };
	struct stack_row row;

	assert_int_equal(stacks_row(b->s, &nowhere, &row), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_lead_where_the_engine_leads),
		TEST(rows_of_a_thread),
		TEST(a_stack_goes_on_where_rows_end),
		TEST(rows_may_lead_to_the_end),
		TEST(no_row_without_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
