/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of stacks start from: an engine, a picture, and functions of known names and lines to
 * take it in. Include after cmocka.h. */
#ifndef KTALLY_TESTS_STACKBED_H
#define KTALLY_TESTS_STACKBED_H

#include <stdlib.h>
#include <string.h>

#include "shot.h"

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noipa)) /* nor cloned, nor merged with its caller's knowledge */
#endif
#define DEPTH_MAX 64
/* A call in last place would be a jump, and the frame gone. */
#define AFTER_CALL(a) __asm__ volatile("" : "+r"(a))

struct bed {
	struct stacks *s;
	struct shot shot;
	int proc_fd;
	struct stack_pc pcs[DEPTH_MAX];
	struct stack_trace trace;
};

static int line_of_mid, line_of_top, line_of_inlined, line_around_inlined;

static inline int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct stacks_opts opts = {};

	b->proc_fd = opts.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->trace = (struct stack_trace){ .pcs = b->pcs, .cap = DEPTH_MAX };
	*state = b;
	return stacks_new(&opts, &b->s);
}

static inline int teardown(void **state)
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
	int a = 0;

	shot_take(s);
	AFTER_CALL(a);
	return a + (int)s->capture.stack_len;
}

static NOINLINE int mid(struct shot *s, int a)
{
	char space[600];

	memset(space, a, sizeof(space));
	line_of_mid = __LINE__ + 1;
	a += leaf(s);
	AFTER_CALL(a);
	return a + space[a & 63];
}

static NOINLINE int top(struct shot *s, int a)
{
	line_of_top = __LINE__ + 1;
	a += mid(s, a + 1);
	AFTER_CALL(a);
	return a * 3;
}

static inline __attribute__((always_inline)) int inlined(struct shot *s, int a)
{
	line_of_inlined = __LINE__ + 1;
	a += leaf(s);
	AFTER_CALL(a);
	return a + 2;
}

static NOINLINE int around_inlined(struct shot *s, int a)
{
	line_around_inlined = __LINE__ + 1;
	a = inlined(s, a);
	AFTER_CALL(a);
	return a * 5;
}

/* ---- asking ---- */

static inline const struct frame *resolve(struct bed *b, size_t i, size_t *ret_cnt)
{
	const struct frame *frames;

	assert_int_equal(stacks_resolve(b->s, &b->shot.capture.process, &b->pcs[i], &frames,
					ret_cnt), 0);
	assert_true(*ret_cnt >= 1);
	return frames;
}

static inline void unwind(struct bed *b)
{
	assert_int_equal(stacks_unwind(b->s, shot_capture(&b->shot), &b->trace), 0);
	assert_true(b->trace.cnt >= 1);
}

/* Number of the first frame from `from` on of this function; fails when there is none. */
static inline size_t find(struct bed *b, size_t from, const char *function)
{
	for (size_t i = from; i < b->trace.cnt; i++) {
		size_t cnt;
		const struct frame *f = resolve(b, i, &cnt);

		if (f[cnt - 1].function && !strcmp(f[cnt - 1].function, function))
			return i;
	}
	fail_msg("no frame of %s", function);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
