// SPDX-License-Identifier: BSD-2-Clause
/* Regular expressions: what they match, that they are anchored, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/regex.h"

struct match_case {
	const char *pattern;
	const char *text;
	bool matches;
};

static const struct match_case cases[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "redis", "redis", true },
	{ "redis", "redis-server", false },
	{ "edis", "redis", false },
	{ "redis.*", "redis-server", true },
	{ ".*", "", true },
	{ "redis|nginx", "nginx", true },
	{ "redis|nginx", "redisnginx", false },
	{ "a|", "", true },
	{ "(a|b)+c?", "ababc", true },
	{ "(a|b)+c?", "abacc", false },
	{ "(?:a|b)*", "abba", true },
	{ "a{3}", "aaa", true },
	{ "a{3}", "aaaa", false },
	{ "a{2,}", "aaaaa", true },
	{ "a{2,3}", "a", false },
	{ "a{2,3}b", "aaab", true },
	{ "a{0}b", "b", true },
	{ "(ab){2,3}", "ababab", true },
	{ "(ab){2,3}", "abab", true },
	{ "(ab){2,3}", "ab", false },
	{ "(a?){1000}", "aa", true },
	{ "(a|){24}b", "aaaab", true },
	{ "a+?b*?c??", "aab", true },
	{ "[a-c]+[^a-c]", "abcd", true },
	{ "[a-c]+[^a-c]", "abca", false },
	{ "[]a]+", "]a", true },
	{ "[^]a]", "]", false },
	{ "[a-]+", "a-a", true },
	{ "[\\w-]+", "a-b_9", true },
	{ "[\\]]", "]", true },
	{ "\\d+\\D\\d", "12x3", true },
	{ "\\s\\S", " x", true },
	{ "\\w+\\W", "ab_1.", true },
	{ "a\\.b", "a.b", true },
	{ "a\\.b", "axb", false },
	{ "kworker/\\d+:\\d+", "kworker/0:1", true },
	{ "^redis$", "redis", true },
	{ "a^b", "ab", false },
	{ "(^a|b)c", "ac", true },
	{ "(a*)*(b*)*", "aabb", true },
	{ "((a|b)*c)*", "abcbc", true },
	{ "}x", "}x", true },
	{ "\xff.", "\xff\xfe", true },
	{ "[^a]", "\xff", true },
};

static void match_all(const struct match_case *list, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		const char *wrong = regex_check(list[i].pattern);

		if (wrong)
			fail_msg("%s: %s", list[i].pattern, wrong);
		if (regex_matches(list[i].pattern, list[i].text) != list[i].matches)
			fail_msg("%s against %s", list[i].pattern, list[i].text);
	}
}

static void test_matches(void **state)
{
	(void)state;
	match_all(cases, sizeof(cases) / sizeof(cases[0]));
}

/* Repetitions within repetitions: read again for each round of those around them, the first takes
 * six million rounds. tests/fuzz/corpus/rule_regex has more of them. */
static const struct match_case nested[] = {
	{ "(a|(a|(a|(a|(a|(a|(a|(a|b)+b)+c)+b)+c)+b)+c)+b)+c", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac",
	  true },
	{ "((((((((a|aa)+b?)+)+)+)+)+)+)+", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false },
	{ "((((((((a|b)+c?)*d?)+)*)+)*)+)*", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", true },
	{ "(((((((a{0,1000}){0,1000}){1000}){1,}){1000}){1000}){1000}){1000}", "aaaaaaaa", true },
	{ "((((((((a{3}){2}){0,9}){1}){1})*)*)?)", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
	{ "((((((((a{3}){2}){0,9}){1}){1})*)*)?)", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	{ "(a{7}){0,4}b?", "aaaaaaaaaaaaaaaaaaaaaaaaaaaab", true },
	{ "(a{7}){0,3}b?", "aaaaaaaaaaaaaaaaaaaaaaaaaaaab", false },
};

static void test_nested_repetitions(void **state)
{
	(void)state;
	match_all(nested, sizeof(nested) / sizeof(nested[0]));
}

static const char *const refused[] = {
	"(",
	")",
	"a)",
	"(a",
	"[",
	"[a",
	"[]",
	"*",
	"+a",
	"a|*",
	"a**",
	"a+*",
	"a{2}{3}",
	"a{",
	"a{}",
	"a{,3}",
	"a{3,2}",
	"a{1001}",
	"{2}",
	"(?i)a",
	"(?P<n>a)",
	"(?=a)",
	"\\",
	"\\1",
	"\\b",
	"\\pL",
	"\\x41",
	"[b-a]",
	"[[:alpha:]]",
	"[a-\\d]",
	"(((((((((a)))))))))",
	"a\\",
};

static void test_refused(void **state)
{
	char text[300] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!regex_check(refused[i]))
			fail_msg("%s is accepted", refused[i]);
	memset(text, 'a', 257);
	assert_non_null(regex_check(text));
	text[256] = '\0';
	assert_null(regex_check(text));
}

/* Patterns of the syntax that both have, over two letters, against the C library. */
static void random_pattern(char *pattern, size_t len)
{
	static const char *const parts[] = {
		"a", "b", "(a|b)", ".", "[ab]", "(ab)", "(a*b)", "[^a]"
	};
	static const char *const repeats[] = { "", "", "*", "+", "?", "{2}", "{1,2}", "|" };
	size_t used = 0;

	for (int i = rand() % 5; i >= 0; i--)
		used += (size_t)snprintf(pattern + used, len - used, "%s%s", parts[rand() % 8],
					 i ? repeats[rand() % 8] : "");
}

static void test_against_regcomp(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 3000; i++) {
		char pattern[128], anchored[140];
		regex_t theirs;

		random_pattern(pattern, sizeof(pattern));
		snprintf(anchored, sizeof(anchored), "^(%s)$", pattern);
		assert_int_equal(regcomp(&theirs, anchored, REG_EXTENDED | REG_NOSUB), 0);
		assert_null(regex_check(pattern));
		for (int k = 0; k < 30; k++) {
			char text[8] = "";

			for (int n = rand() % 7; n > 0; n--)
				strcat(text, rand() % 2 ? "a" : "b");
			if (regex_matches(pattern, text) != !regexec(&theirs, text, 0, NULL, 0))
				fail_msg("%s against %s", pattern, text);
		}
		regfree(&theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_nested_repetitions),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_against_regcomp),
	};

	return cmocka_run_group_tests_name("rules_regex", tests, NULL, NULL);
}
