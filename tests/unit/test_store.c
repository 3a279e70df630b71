// SPDX-License-Identifier: BSD-2-Clause
/* store.c: what a target gets at a tick of what came in since the last. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doors/distinct.h"
#include "doors/store.h"

struct told {
	char text[4096];
	size_t cnt;
};

static void tell(void *ctx, const char *name, double value)
{
	struct told *t = ctx;
	size_t len = strlen(t->text);

	t->cnt++;
	if (isnan(value))
		snprintf(t->text + len, sizeof(t->text) - len, "%s=? ", name);
	else
		snprintf(t->text + len, sizeof(t->text) - len, "%s=%g ", name, value);
}

static int add(struct store *s, int32_t pid, enum value_kind kind, const char *name, double value)
{
	struct sample sample = { .pid = pid, .kind = kind, .value = value, .weight = 1 };

	assert_true(store_name(name, strlen(name), sample.name));
	if (kind == VALUE_SET)
		sample.hash = distinct_hash((char *)&value, sizeof(value));
	return store_add(s, &sample);
}

/* One tick of target 0, which has processes 7 and 8, two seconds long. */
static void check_tick(struct store *s, const char *want)
{
	struct told told = { .cnt = 0 };

	store_take(s, STORE_NO_TARGET, 0);
	store_take(s, 0, 7);
	store_take(s, 0, 8);
	store_read(s, 0, 2, tell, &told);
	store_settle(s);
	assert_string_equal(told.text, want);
}

static void test_kinds(void **state)
{
	struct store *s;

	(void)state;
	assert_int_equal(store_new(&s), 0);
	check_tick(s, "");
	add(s, 0, VALUE_GAUGE, "g", 4);
	add(s, 0, VALUE_GAUGE, "g", 5);
	add(s, 0, VALUE_COUNTER, "c", 3);
	add(s, 0, VALUE_COUNTER, "c", 3);
	add(s, 0, VALUE_TIMER, "t", -10);
	add(s, 0, VALUE_TIMER, "t", -20);
	add(s, 0, VALUE_SET, "s", 1);
	add(s, 0, VALUE_SET, "s", 1);
	add(s, 0, VALUE_SET, "s", 2);
	check_tick(s, "g=5 c=6 c_per_sec=3 t_mean=-15 t_max=-10 t_count=2 s_count=2 ");
	check_tick(s, "g=5 c=6 c_per_sec=0 t_mean=? t_max=? t_count=0 s_count=0 ");
	store_forget_values(s);
	check_tick(s, "g=? c=? c_per_sec=0 t_mean=? t_max=? t_count=0 s_count=0 ");
	store_free(s);
}

static void test_processes_add_up(void **state)
{
	struct store *s;

	(void)state;
	assert_int_equal(store_new(&s), 0);
	assert_false(store_has_processes(s));
	add(s, 7, VALUE_GAUGE, "g", 1);
	add(s, 8, VALUE_GAUGE, "g", 2);
	add(s, 9, VALUE_GAUGE, "g", 100); /* of nobody */
	add(s, 7, VALUE_SET, "s", 1);
	add(s, 8, VALUE_SET, "s", 1);
	add(s, 8, VALUE_SET, "s", 2);
	assert_true(store_has_processes(s));
	check_tick(s, "g=3 s_count=2 ");
	store_free(s);
}

/* What an ended process had counted stays, its levels go. */
static void test_a_process_ends(void **state)
{
	struct told told = { .cnt = 0 };
	struct store *s;

	(void)state;
	assert_int_equal(store_new(&s), 0);
	add(s, 7, VALUE_COUNTER, "c", 10);
	add(s, 7, VALUE_GAUGE, "g", 1);
	add(s, 8, VALUE_COUNTER, "c", 5);
	check_tick(s, "c=15 c_per_sec=7.5 g=1 ");
	store_take(s, 0, 8);
	store_read(s, 0, 2, tell, &told);
	store_settle(s);
	check_tick(s, "c=15 c_per_sec=0 ");
	store_take(s, STORE_NO_TARGET, 8);
	told = (struct told){ .cnt = 0 };
	store_read(s, STORE_NO_TARGET, 2, tell, &told);
	assert_string_equal(told.text, "c=5 c_per_sec=0 ");
	store_free(s);
}

static void test_relative(void **state)
{
	struct sample change = { .kind = VALUE_GAUGE, .name = "g", .value = -2, .relative = true };
	struct store *s;

	(void)state;
	assert_int_equal(store_new(&s), 0);
	store_add(s, &change);
	store_add(s, &change);
	check_tick(s, "g=-4 ");
	add(s, 0, VALUE_GAUGE, "g", 10);
	store_add(s, &change);
	check_tick(s, "g=8 ");
	store_free(s);
}

static void test_bounds(void **state)
{
	struct store *s;
	char name[16];
	int i;

	(void)state;
	assert_int_equal(store_new(&s), 0);
	for (i = 0; i < STORE_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(add(s, 0, VALUE_GAUGE, name, i), 0);
	}
	assert_int_equal(add(s, 0, VALUE_GAUGE, "more", 1), -ENOSPC);
	assert_int_equal(add(s, 0, VALUE_GAUGE, "n1", 1), 0);
	assert_int_equal(add(s, 0, VALUE_COUNTER, "n1", 1), -EEXIST);
	assert_int_equal(add(s, 1, VALUE_COUNTER, "c", NAN), -EINVAL);
	for (i = 1; i < STORE_OWNERS_MAX; i++)
		assert_int_equal(add(s, i, VALUE_GAUGE, "g", i), 0);
	assert_int_equal(add(s, i, VALUE_GAUGE, "g", i), -ENOSPC);
	store_settle(s); /* nobody took them */
	assert_int_equal(add(s, i, VALUE_GAUGE, "g", i), 0);
	store_free(s);
	store_free(NULL);
}

static void test_distinct(void **state)
{
	struct distinct d = { .cnt = 0 };
	uint64_t i;

	(void)state;
	for (i = 1; i <= DISTINCT_MAX; i++)
		assert_int_equal(distinct_add(&d, i * 0x100000000ull), 0);
	assert_int_equal(distinct_add(&d, 5), -ENOSPC);
	assert_int_equal(distinct_add(&d, 0x100000000ull), 0);
	assert_int_equal(d.cnt, DISTINCT_MAX);
	distinct_reset(&d);
	assert_int_equal(distinct_add(&d, 5), 0);
	assert_int_equal(d.cnt, 1);
	distinct_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),          cmocka_unit_test(test_processes_add_up),
		cmocka_unit_test(test_a_process_ends), cmocka_unit_test(test_relative),
		cmocka_unit_test(test_bounds),         cmocka_unit_test(test_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
