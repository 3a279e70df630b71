// SPDX-License-Identifier: BSD-2-Clause
/* Which elements of a map are read: by name, until there are too many names. */
#include "base/bpfread.h"
#include "bpf/read.h"
#include "unit.h"

static uint64_t names[WANTED_MAX + 1];

static int setup(void **state)
{
	static struct bpf_wanted w;

	memset(names, 0, sizeof(names));
	w = (struct bpf_wanted){ .fd = -1, .ids = names };
	*state = &w;
	return 0;
}

/* From first on, so many. */
static void name(struct bpf_wanted *w, uint64_t first, size_t cnt)
{
	size_t i;

	bpf_wanted_begin(w);
	for (i = 0; i < cnt; i++)
		bpf_wanted_add(w, first + i);
	bpf_wanted_end(w);
}

static void what_is_named_ends_with_a_zero(void **state)
{
	struct bpf_wanted *w = *state;

	name(w, 7, 5);
	assert_int_equal(w->cnt, 5);
	assert_int_equal(names[4], 11);
	name(w, 7, 3);
	assert_int_equal(w->cnt, 3);
	assert_int_equal(names[2], 9);
	assert_int_equal(names[3], 0);
	assert_int_equal(names[4], 0);
}

static void only_other_names_are_a_change(void **state)
{
	struct bpf_wanted *w = *state;
	uint64_t changes;

	name(w, 7, 5);
	changes = w->changes;
	name(w, 7, 5);
	assert_int_equal(w->changes, changes);
	name(w, 8, 5);
	assert_int_equal(w->changes, changes + 1);
	name(w, 8, 4);
	assert_int_equal(w->changes, changes + 2);
	name(w, 8, 0);
	assert_int_equal(w->changes, changes + 3);
}

static void too_many_names_are_none(void **state)
{
	struct bpf_wanted *w = *state;
	uint64_t changes;

	name(w, 1, WANTED_MAX);
	assert_int_equal(w->cnt, WANTED_MAX);
	assert_int_equal(names[WANTED_MAX - 1], WANTED_MAX);
	changes = w->changes;
	name(w, 1, WANTED_MAX + 3);
	assert_int_equal(w->cnt, 0);
	assert_true(w->changes > changes);
	assert_int_equal(names[WANTED_MAX], 0);
	changes = w->changes;
	name(w, 1, WANTED_MAX + 1);
	assert_int_equal(w->changes, changes);
	name(w, 1, 2);
	assert_int_equal(w->cnt, 2);
	assert_int_equal(names[2], 0);
	assert_int_equal(names[WANTED_MAX - 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_named_ends_with_a_zero, setup),
		cmocka_unit_test_setup(only_other_names_are_a_change, setup),
		cmocka_unit_test_setup(too_many_names_are_none, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
