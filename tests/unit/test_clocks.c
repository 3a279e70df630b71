// SPDX-License-Identifier: BSD-2-Clause
/* clocks.c: sleep and a clock that is set, each alone and both at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/clocks.h"

#define MS 1000000ll

static const struct clocks before = { .monotonic_ns = 5000 * MS,
				      .boottime_ns = 9000 * MS,
				      .realtime_ns = 1700000000000 * MS };

/* awake_ms of running and slept_ms of sleep later, with the clock set by set_ms. */
static struct clocks later(int64_t awake_ms, int64_t slept_ms, int64_t set_ms)
{
	return (struct clocks){
		.monotonic_ns = before.monotonic_ns + (uint64_t)(awake_ms * MS),
		.boottime_ns = before.boottime_ns + (uint64_t)((awake_ms + slept_ms) * MS),
		.realtime_ns = before.realtime_ns + (awake_ms + slept_ms + set_ms) * MS,
	};
}

static void assert_parted(int64_t slept_ms, int64_t set_ms, const char *expected)
{
	struct clocks now = later(1000, slept_ms, set_ms);
	char text[160] = "";

	assert_int_equal(clocks_parted(&before, &now, text, sizeof(text)), *expected != 0);
	assert_string_equal(text, expected);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_parted(0, 0, "");
	assert_parted(0, 30, "");
	assert_parted(50, -99, "");
}

static void test_sleep(void **state)
{
	(void)state;
	assert_parted(5000, 0, "the machine slept for 5.0 s: intervals are of the time awake");
}

static void test_set(void **state)
{
	(void)state;
	assert_parted(0, 2500, "the clock was set forward by 2.5 s: intervals are not affected");
	assert_parted(0, -86400000,
		      "the clock was set back by 86400.0 s: intervals are not affected");
}

static void test_both(void **state)
{
	(void)state;
	assert_parted(3000, -400,
		      "the machine slept for 3.0 s: intervals are of the time awake; "
		      "the clock was set back by 0.4 s: intervals are not affected");
}

static void test_short_text(void **state)
{
	struct clocks now = later(1000, 3000, -400);
	char text[20];

	(void)state;
	assert_true(clocks_parted(&before, &now, text, sizeof(text)));
	assert_string_equal(text, "the machine slept f");
}

static void test_first(void **state)
{
	struct clocks none = {}, now = later(1, 2, 3);
	char text[160];

	(void)state;
	assert_false(clocks_parted(&none, &now, text, sizeof(text)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_set),	cmocka_unit_test(test_both),
		cmocka_unit_test(test_short_text), cmocka_unit_test(test_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
