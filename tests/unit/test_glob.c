// SPDX-License-Identifier: BSD-2-Clause
/* The automaton of shell patterns, against fnmatch(3). */
#include "unit.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "targets/glob.h"

struct glob_case {
	const char *pattern;
	const char *comm;
	bool matches;
};

static const struct glob_case glob_cases[] = {
	{ "bash", "bash", true },      { "bash", "bas", false },       { "bash", "bashx", false },
	{ "bash", "", false },	       { "*", "", true },	       { "*", "anything", true },
	{ "**", "x", true },	       { "?", "", false },	       { "?", "a", true },
	{ "?*", "", false },	       { "?*", "abc", true },	       { "*a", "banana", true },
	{ "*an*", "banana", true },    { "a*b*c", "aXbYc", true },     { "a*b*c", "acb", false },
	{ "[abc]x", "bx", true },      { "[!abc]x", "bx", false },     { "[^abc]x", "zx", true },
	{ "[a-c]", "b", true },	       { "[a-c]", "d", false },	       { "[]x]", "]", true },
	{ "[!]x]", "]", false },       { "[a-]", "-", true },	       { "[z-a]", "m", false },
	{ "\\*", "*", true },	       { "\\*", "a", false },	       { "[\\]]", "]", true },
	{ "a\\", "a\\", true },	       { "k[0-9]*/?", "k12/u", true },
	{ "\xff*", "\xff\xfe", true },
	{ "?", "\x80", true },	       { "[!?-\\]]", "a", true },       { "[!?-\\]]", "]", false },
	{ "fifteen-bytes-x", "fifteen-bytes-x", true },
};

static bool matches(const char *pattern, const char *comm)
{
	struct comm_globs globs = { 0 };

	assert_int_equal(glob_add(&globs, pattern, 1), 0);
	return glob_groups(&globs, comm) == 1;
}

static void patterns_match_as_in_the_shell(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(glob_cases); i++)
		if (matches(glob_cases[i].pattern, glob_cases[i].comm) != glob_cases[i].matches)
			fail_msg("'%s' and '%s'", glob_cases[i].pattern, glob_cases[i].comm);
}

static void random_text(char *text, size_t size, const char *alphabet)
{
	size_t i, len = (size_t)random() % size, letters = strlen(alphabet);

	for (i = 0; i < len; i++)
		text[i] = alphabet[(size_t)random() % letters];
	text[len] = '\0';
}

/* What fnmatch means by these is its own: an open bracket is a letter to it and a mistake to us,
 * and a lone backslash at the end matches nothing there. */
static bool same_language(const char *pattern)
{
	size_t len = strlen(pattern);
	struct comm_globs globs = { 0 };

	return len && pattern[len - 1] != '\\' && !glob_add(&globs, pattern, 1);
}

static void random_patterns_agree_with_fnmatch(void **state)
{
	char pattern[12], comm[16];
	size_t i, compared = 0, hits = 0;

	(void)state;
	srandom(4242);
	for (i = 0; i < 200000; i++) {
		bool want;

		random_text(pattern, sizeof(pattern), "ab-**??[]!\\c");
		random_text(comm, sizeof(comm), "abc-]!\\");
		if (!same_language(pattern))
			continue;
		want = !fnmatch(pattern, comm, 0);
		compared++;
		hits += want;
		if (matches(pattern, comm) != want)
			fail_msg("'%s' and '%s': fnmatch says %d", pattern, comm, want);
	}
	assert_true(compared > 50000);
	assert_true(hits > 2000);
}

static void patterns_live_side_by_side(void **state)
{
	struct comm_globs globs = { 0 };

	(void)state;
	assert_int_equal(glob_add(&globs, "a*", 1), 0);
	assert_int_equal(glob_add(&globs, "*b", 2), 0);
	assert_int_equal(glob_add(&globs, "*", 4), 0);
	assert_int_equal(glob_add(&globs, "?b?", 8), 0);
	assert_int_equal(glob_groups(&globs, "ab"), 1 | 2 | 4);
	assert_int_equal(glob_groups(&globs, "abc"), 1 | 4 | 8);
	assert_int_equal(glob_groups(&globs, "zzz"), 4);
	assert_int_equal(glob_groups(&globs, ""), 4);
}

/* All pairs of random patterns say together what each says alone. */
static void patterns_do_not_disturb_each_other(void **state)
{
	char patterns[6][8], comm[16];
	size_t i, j;

	(void)state;
	srandom(77);
	for (i = 0; i < 5000; i++) {
		struct comm_globs globs = { 0 };
		uint64_t want = 0;

		random_text(comm, sizeof(comm), "abc");
		for (j = 0; j < ARRAY_LEN(patterns); j++) {
			do {
				random_text(patterns[j], sizeof(patterns[j]), "abc*?");
			} while (!patterns[j][0]);
			assert_int_equal(glob_add(&globs, patterns[j], 1ULL << j), 0);
			want |= (uint64_t)matches(patterns[j], comm) << j;
		}
		assert_true(glob_groups(&globs, comm) == want);
	}
}

/* n tokens take n states and one to accept in. */
static void the_automaton_has_64_states(void **state)
{
	char pattern[80];
	struct comm_globs globs = { 0 }, before;

	(void)state;
	memset(pattern, '?', sizeof(pattern));
	pattern[64] = '\0';
	assert_int_equal(glob_add(&globs, pattern, 1), -ENOSPC);
	pattern[63] = '\0';
	assert_int_equal(glob_add(&globs, pattern, 1), 0);
	assert_int_equal(glob_add(&globs, "a", 1), -ENOSPC);
	memset(&globs, 0, sizeof(globs));
	pattern[61] = '\0';
	assert_int_equal(glob_add(&globs, pattern, 1), 0);
	before = globs;
	assert_int_equal(glob_add(&globs, "ab", 2), -ENOSPC);
	assert_memory_equal(&before, &globs, sizeof(globs));
	assert_int_equal(glob_add(&globs, "a", 2), 0);
	assert_int_equal(glob_groups(&globs, "a"), 2);
}

static void thirty_two_short_names_fit(void **state)
{
	static const char names[] = "abcdefghijklmnopqrstuvwxyz012345";
	struct comm_globs globs = { 0 };
	char name[2] = "";
	int i;

	(void)state;
	for (i = 0; i < 32; i++) {
		name[0] = names[i];
		assert_int_equal(glob_add(&globs, name, 1ULL << i), 0);
	}
	assert_int_equal(glob_add(&globs, "6", 1), -ENOSPC);
	for (i = 0; i < 32; i++) {
		name[0] = names[i];
		assert_true(glob_groups(&globs, name) == 1ULL << i);
	}
}

static void bad_patterns_are_refused_and_change_nothing(void **state)
{
	static const char *const bad[] = { "", "[", "[]", "[!", "[!]",
					   "[a", "a[b-", "*[x", "[\\]" };
	struct comm_globs globs = { 0 }, before;
	size_t i;

	(void)state;
	assert_int_equal(glob_add(&globs, "k*", 1), 0);
	before = globs;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(glob_add(&globs, bad[i], 2), -EINVAL);
		assert_memory_equal(&before, &globs, sizeof(globs));
	}
}

/* The kernel's names end after 15 bytes, whatever follows in the array. */
static void only_fifteen_bytes_are_looked_at(void **state)
{
	(void)state;
	assert_true(matches("??????????????\x3f", "0123456789abcdeXYZ"));
	assert_false(matches("*X*", "0123456789abcdeX"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_in_the_shell),
		cmocka_unit_test(random_patterns_agree_with_fnmatch),
		cmocka_unit_test(patterns_live_side_by_side),
		cmocka_unit_test(patterns_do_not_disturb_each_other),
		cmocka_unit_test(the_automaton_has_64_states),
		cmocka_unit_test(thirty_two_short_names_fit),
		cmocka_unit_test(bad_patterns_are_refused_and_change_nothing),
		cmocka_unit_test(only_fifteen_bytes_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
