// SPDX-License-Identifier: BSD-2-Clause
/* The byte buffer and the JSON writer; what is written is read back with jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

static void buf_is(struct buf *b, const char *expected)
{
	assert_int_equal(b->err, 0);
	if (b->len != strlen(expected) || memcmp(b->data, expected, b->len))
		fail_msg("got '%.*s', expected '%s'", (int)b->len, b->data, expected);
	buf_reset(b);
}

static void buf_grows_and_keeps_its_bytes(void **state)
{
	struct buf b = {};
	const char *data;

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_putc(&b, (char)i);
	assert_int_equal(b.len, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], (char)i);
	data = b.data;
	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_ptr_equal(b.data, data);
	buf_append(&b, "ab", 2);
	buf_append(&b, NULL, 0);
	buf_puts(&b, "cd");
	buf_printf(&b, "%d-%s", 7, "e");
	buf_is(&b, "abcd7-e");
	buf_printf(&b, "%5000d", 1);
	assert_int_equal(b.len, 5000);
	buf_fini(&b);
	assert_null(b.data);
	buf_fini(&b);
	buf_fini(NULL);
}

static void buf_failure_sticks_until_reset(void **state)
{
	struct buf b = {};

	(void)state;
	buf_puts(&b, "kept");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(b.err, -ENOMEM);
	buf_puts(&b, "lost");
	buf_putc(&b, 'x');
	buf_printf(&b, "%d", 1);
	assert_null(buf_reserve(&b, 1));
	assert_int_equal(b.len, 4);
	buf_reset(&b);
	buf_puts(&b, "again");
	buf_is(&b, "again");
	buf_fini(&b);
}

static void containers_place_their_commas(void **state)
{
	struct buf b = {};
	struct json j = { .out = &b };

	(void)state;
	jsonw_object(&j, NULL);
	jsonw_object(&j, "empty");
	jsonw_object_end(&j);
	jsonw_array(&j, "list");
	jsonw_int(&j, NULL, 1);
	jsonw_object(&j, NULL);
	jsonw_bool(&j, "yes", true);
	jsonw_bool(&j, "no", false);
	jsonw_object_end(&j);
	jsonw_array(&j, NULL);
	jsonw_array_end(&j);
	jsonw_null(&j, NULL);
	jsonw_array_end(&j);
	jsonw_string(&j, "text", "t");
	jsonw_string(&j, "none", NULL);
	jsonw_object_end(&j);
	buf_is(&b, "{\"empty\":{},\"list\":[1,{\"yes\":true,\"no\":false},[],null],"
		   "\"text\":\"t\",\"none\":null}");
	buf_fini(&b);
}

struct fixed_case {
	double value;
	int decimals;
	const char *expected;
};

static const struct fixed_case fixed_cases[] = {
	{ 0, 0, "0" },
	{ 0, 2, "0.00" },
	{ -0.0, 2, "0.00" },
	{ -0.004, 2, "0.00" },
	{ -0.006, 2, "-0.01" },
	{ 1.005, 2, "1.00" }, /* which is below 1.005 */
	{ 0.125, 2, "0.12" },
	{ 99.999, 2, "100.00" },
	{ 0.999999999, 9, "0.999999999" },
	{ 0.9999999999, 9, "1.000000000" },
	{ 0.5, 0, "0" },
	{ 1.5, 0, "2" },
	{ 2.5, 0, "2" },
	{ -0.5, 0, "0" },
	{ 12.34, 1, "12.3" },
	{ -12.34, 1, "-12.3" },
	{ 1e-9, 9, "0.000000001" },
	{ 1760000000.123456, 6, "1760000000.123456" },
	{ 9007199254740991.0, 0, "9007199254740991" },
	{ 9007199254740991.0, 9, "9007199254740991.000000000" },
	{ 9007199254740992.0, 0, "null" },
	{ -9007199254740992.0, 3, "null" },
	{ NAN, 2, "null" },
	{ INFINITY, 2, "null" },
	{ -INFINITY, 0, "null" },
};

static void fixed_writes_so_many_decimals(void **state)
{
	struct buf b = {};

	(void)state;
	for (size_t i = 0; i < sizeof(fixed_cases) / sizeof(fixed_cases[0]); i++) {
		const struct fixed_case *c = &fixed_cases[i];
		struct json j = { .out = &b };

		jsonw_fixed(&j, NULL, c->value, c->decimals);
		buf_is(&b, c->expected);
	}
	buf_fini(&b);
}

/* Eighths, whose ties are exact, at every scale; thousandths at a scale that shows them whole. */
static void fixed_agrees_with_printf(void **state)
{
	struct buf b = {};
	char expected[64];
	uint64_t x = 88172645463325252ull;

	(void)state;
	for (int i = 0; i < 1 << 18; i++) {
		struct json j = { .out = &b };
		int decimals;
		double v;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v = i & 1 ? (double)(x >> 40) / 8 : (double)(x >> 34) / 1000;
		decimals = i & 1 ? i / 2 % 4 : 3;
		snprintf(expected, sizeof(expected), "%.*f", decimals, v);
		jsonw_fixed(&j, NULL, v, decimals);
		buf_is(&b, expected);
	}
	buf_fini(&b);
}

static void ints_reach_both_ends(void **state)
{
	static const int64_t values[] = { 0,   1,   -1,   9,     10,        99,
					  100, 101, -100, 12345, INT64_MAX, INT64_MIN };
	struct buf b = {};
	char expected[32];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct json j = { .out = &b };

		snprintf(expected, sizeof(expected), "%lld", (long long)values[i]);
		jsonw_int(&j, NULL, values[i]);
		buf_is(&b, expected);
	}
	buf_fini(&b);
}

static const double doubles[] = { 0.1,
				  1.0 / 3,
				  1e300,
				  5e-324,
				  DBL_MAX,
				  DBL_MIN,
				  -2.5,
				  1e15,
				  1e16,
				  1e22,
				  123456,
				  0.3,
				  1e-7,
				  9007199254740993.0,
				  -1e-300,
				  100,
				  2.5e-10,
				  1234.56,
				  4503599627370495.5 };

static void double_reads_back_the_same(void **state)
{
	struct buf b = {};

	(void)state;
	for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
		struct json j = { .out = &b };

		jsonw_double(&j, NULL, doubles[i]);
		buf_putc(&b, '\0');
		assert_int_equal(b.err, 0);
		assert_true(strtod(b.data, NULL) == doubles[i]);
		buf_reset(&b);
	}
	buf_fini(&b);
}

static void double_is_short_and_never_nan(void **state)
{
	struct buf b = {};
	struct json j = { .out = &b };

	(void)state;
	jsonw_array(&j, NULL);
	jsonw_double(&j, NULL, 0.1);
	jsonw_double(&j, NULL, 3);
	jsonw_double(&j, NULL, -0.3);
	jsonw_double(&j, NULL, 1e300);
	jsonw_double(&j, NULL, NAN);
	jsonw_double(&j, NULL, -INFINITY);
	jsonw_array_end(&j);
	buf_is(&b, "[0.1,3,-0.3,1e+300,null,null]");
	buf_fini(&b);
}

static void locale_changes_nothing(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
					     "fa_IR.UTF-8" };
	const char *found = NULL;
	struct buf b = {};
	struct json j = { .out = &b };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !found; i++)
		found = setlocale(LC_NUMERIC, names[i]);
	jsonw_array(&j, NULL);
	jsonw_double(&j, NULL, 0.5);
	jsonw_double(&j, NULL, 2.5e-10);
	jsonw_fixed(&j, NULL, 2.5, 2);
	jsonw_array_end(&j);
	setlocale(LC_NUMERIC, "C");
	buf_is(&b, "[0.5,2.5e-10,2.50]");
	buf_fini(&b);
	if (!found) {
		print_message("no locale with another decimal point is installed\n");
		skip();
	}
}

struct text_case {
	const char *text;
	size_t len;
	const char *expected;
};

#define TEXT(text, expected)                     \
	{                                        \
		text, sizeof(text) - 1, expected \
	}
#define FFFD "\xef\xbf\xbd"

static const struct text_case text_cases[] = {
	TEXT("", "\"\""),
	TEXT("plain", "\"plain\""),
	TEXT("exactly8", "\"exactly8\""),
	TEXT("more than eight bytes", "\"more than eight bytes\""),
	TEXT("quote\"and\\slash", "\"quote\\\"and\\\\slash\""),
	TEXT("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""),
	TEXT("\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""),
	TEXT("nul\0nul", "\"nul\\u0000nul\""),
	TEXT("gr\xc3\xbc\xc3\x9f"
	     "e",
	     "\"gr\xc3\xbc\xc3\x9f"
	     "e\""),
	TEXT("\xe2\x82\xac\xf0\x9f\x90\x9d", "\"\xe2\x82\xac\xf0\x9f\x90\x9d\""),
	TEXT("\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\""),
	/* one U+FFFD per longest piece of a sequence, as in the Unicode standard, 3.9 */
	TEXT("\xff", "\"" FFFD "\""),
	TEXT("a\x80"
	     "b",
	     "\"a" FFFD "b\""),
	TEXT("\xc3", "\"" FFFD "\""),
	TEXT("\xc3(", "\"" FFFD "(\""),
	TEXT("\xe2\x82", "\"" FFFD "\""),
	TEXT("\xe2\x82"
	     "a",
	     "\"" FFFD "a\""),
	TEXT("\xf0\x9f\x90"
	     "abcdefgh",
	     "\"" FFFD "abcdefgh\""),
	TEXT("\xc0\xaf", "\"" FFFD FFFD "\""),
	TEXT("\xe0\x80\x80", "\"" FFFD FFFD FFFD "\""),
	TEXT("\xed\xa0\x80", "\"" FFFD FFFD FFFD "\""),
	TEXT("\xf4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\""),
	TEXT("\xf5", "\"" FFFD "\""),
};

static void text_is_escaped_and_repaired(void **state)
{
	struct buf b = {};

	(void)state;
	for (size_t i = 0; i < sizeof(text_cases) / sizeof(text_cases[0]); i++) {
		const struct text_case *c = &text_cases[i];
		struct json j = { .out = &b };

		jsonw_string_n(&j, NULL, c->text, c->len);
		buf_is(&b, c->expected);
	}
	buf_fini(&b);
}

/* Every pair of bytes, at every place of a word, gives a line that a strict reader takes. */
static void any_bytes_read_back(void **state)
{
	struct buf b = {};

	(void)state;
	for (int i = 0; i < 256 * 256; i++) {
		char text[20] = "0123456789abcdefghij";
		struct json j = { .out = &b };
		json_error_t error;
		json_t *root;

		text[i % 18] = (char)(i >> 8);
		text[i % 18 + 1] = (char)i;
		jsonw_object(&j, NULL);
		jsonw_string_n(&j, "k", text, sizeof(text));
		jsonw_object_end(&j);
		root = json_loadb(b.data, b.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
		if (!root)
			fail_msg("%04x: %s", i, error.text);
		if (i >> 8 < 0x80 && (i & 0xff) < 0x80) {
			const json_t *value = json_object_get(root, "k");

			assert_int_equal(json_string_length(value), sizeof(text));
			assert_memory_equal(json_string_value(value), text, sizeof(text));
		}
		json_decref(root);
		buf_reset(&b);
	}
	buf_fini(&b);
}

static void keys_are_escaped_too(void **state)
{
	struct buf b = {};
	struct json j = { .out = &b };

	(void)state;
	jsonw_object(&j, NULL);
	jsonw_int(&j, "a\"b\xff", 1);
	jsonw_object_end(&j);
	buf_is(&b, "{\"a\\\"b" FFFD "\":1}");
	buf_fini(&b);
}

static void a_failed_buffer_is_left_alone(void **state)
{
	struct buf b = {};
	struct json j = { .out = &b };

	(void)state;
	jsonw_string_n(&j, NULL, "x", SIZE_MAX / 2);
	assert_int_equal(b.err, -ENOMEM);
	jsonw_object(&j, "k");
	jsonw_int(&j, "k", 1);
	jsonw_fixed(&j, "k", 1, 2);
	jsonw_double(&j, "k", 0.1);
	jsonw_string(&j, "k", "v");
	jsonw_object_end(&j);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_grows_and_keeps_its_bytes),
		cmocka_unit_test(buf_failure_sticks_until_reset),
		cmocka_unit_test(containers_place_their_commas),
		cmocka_unit_test(fixed_writes_so_many_decimals),
		cmocka_unit_test(fixed_agrees_with_printf),
		cmocka_unit_test(ints_reach_both_ends),
		cmocka_unit_test(double_reads_back_the_same),
		cmocka_unit_test(double_is_short_and_never_nan),
		cmocka_unit_test(locale_changes_nothing),
		cmocka_unit_test(text_is_escaped_and_repaired),
		cmocka_unit_test(any_bytes_read_back),
		cmocka_unit_test(keys_are_escaped_too),
		cmocka_unit_test(a_failed_buffer_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
