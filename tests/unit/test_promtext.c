// SPDX-License-Identifier: BSD-2-Clause
/* promtext.c, jsonvalues.c, words.c: what a metrics command prints, and how it is written. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/words.h"
#include "doors/promtext.h"

struct seen {
	char text[1024];
};

static void see(void *ctx, const struct sample *sample)
{
	struct seen *s = ctx;
	size_t len = strlen(s->text);

	assert_int_equal(sample->kind, VALUE_GAUGE);
	len += (size_t)snprintf(s->text + len, sizeof(s->text) - len, "%s=%g", sample->name,
				sample->value);
	if (sample->pid)
		len += (size_t)snprintf(s->text + len, sizeof(s->text) - len, "@%d", sample->pid);
	snprintf(s->text + len, sizeof(s->text) - len, " ");
}

static void check_prom(const char *text, size_t bad, const char *want)
{
	struct seen seen = { "" };

	assert_int_equal(promtext_parse(text, strlen(text), see, &seen), bad);
	assert_string_equal(seen.text, want);
}

static void test_prom(void **state)
{
	(void)state;
	check_prom("# HELP a b\n# TYPE a gauge\na 1\n\nb_total 2e3 1700000000000\r\n", 0,
		   "a=1 b_total=2000 ");
	check_prom("a{x=\"1\", y = \"z z\",} 3", 0, "a_x_1_y_z_z=3 ");
	check_prom("a{pid=\"42\"} 3\na{} 4\na {} 5", 0, "a=3@42 a=4 a=5 ");
	check_prom("a{x=\"q\\\"}\"} 1", 0, "a_x_q___=1 ");
	check_prom("h_bucket{le=\"+Inf\"} 1\nh_sum 4\nh_count 2", 0, "h_sum=4 h_count=2 ");
	check_prom("a NaN\nb +Inf", 0, "a=nan b=nan ");
}

static void test_prom_bad(void **state)
{
	(void)state;
	check_prom("a\nb x\n{x=\"1\"} 2\nc{x=1} 2\nd{x=\"1} 2\ne{x=\"\\", 6, "");
	check_prom("a{pid=\"x\"} 1\na 1 2 3\na 1 x\na{x=\"1\"y=\"2\"} 1", 4, "");
	check_prom("a{x=\"a_value_that_is_longer_than_any_name_of_a_snapshot_could_be\"} 1\nb 1", 1,
		   "b=1 ");
}

static void check_json(const char *text, size_t bad, int want_err, const char *want)
{
	struct seen seen = { "" };
	int err = 0;

	assert_int_equal(jsonvalues_parse(text, strlen(text), see, &seen, &err), bad);
	assert_int_equal(err, want_err);
	assert_string_equal(seen.text, want);
}

static void test_json(void **state)
{
	(void)state;
	check_json("{\"a\": 1, \"b\": {\"c.d\": 2.5}, \"e\": true, \"f\": null}", 0, 0,
		   "a=1 b_c_d=2.5 e=1 f=nan ");
	check_json("{\"a\": \"x\", \"b\": [1], \"\": 1, \"c\": 1}", 3, 0, "c=1 ");
	check_json("[1]", 0, -EINVAL, "");
	check_json("{\"a\": 1", 0, -EINVAL, "");
	check_json("", 0, -EINVAL, "");
}

static void check_words(const char *text, const char *want)
{
	char joined[256] = "";
	char **words = NULL;
	size_t i;

	assert_int_equal(words_split(text, &words), 0);
	for (i = 0; words[i]; i++)
		snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "[%s]",
			 words[i]);
	assert_string_equal(joined, want);
	words_free(words);
}

static void test_words(void **state)
{
	char **words = NULL;

	(void)state;
	check_words("a", "[a]");
	check_words("  a\tb  c\n", "[a][b][c]");
	check_words("a 'b  c' \"d e\"f", "[a][b  c][d ef]");
	check_words("a\\ b '\\' \"\\\"\\\\\\n\" ''", "[a b][\\][\"\\\\n][]");
	check_words("$HOME *;|", "[$HOME][*;|]");
	check_words("a\\", "[a\\]");
	assert_int_equal(words_split("", &words), -EINVAL);
	assert_int_equal(words_split("  ", &words), -EINVAL);
	assert_int_equal(words_split("a 'b", &words), -EINVAL);
	assert_int_equal(words_split("a \"b\\\"", &words), -EINVAL);
	assert_null(words);
	words_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prom),
		cmocka_unit_test(test_prom_bad),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
