// SPDX-License-Identifier: BSD-2-Clause
/* Durations and numbers as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/parse.h"

#define MS        1000000ull
#define S         (1000 * MS)
#define UNTOUCHED 4711

struct parse_case {
	const char *text;
	int err;
	uint64_t value;
};

static const struct parse_case durations[] = {
	{ "250ms", 0, 250 * MS },
	{ "1s", 0, S },
	{ "1", 0, S },
	{ "0", 0, 0 },
	{ "0.1", 0, 100 * MS },
	{ "1.5s", 0, 1500 * MS },
	{ "5m", 0, 300 * S },
	{ "1h30m", 0, 5400 * S },
	{ "1.5h30m", 0, 7200 * S },
	{ "2d", 0, 172800 * S },
	{ "1w", 0, 604800 * S },
	{ "500us", 0, MS / 2 },
	{ "7ns", 0, 7 },
	{ "0.5ns", 0, 0 },
	{ "1m500ms", 0, 60 * S + 500 * MS },
	{ "0.000000001", 0, 1 },
	{ ".333", -EINVAL, 0 },
	{ "0.33333333333333333333s", 0, 333333333 },
	{ "584y", -EINVAL, 0 },
	{ "18446744073709551615ns", 0, UINT64_MAX },
	{ "18446744073709551616ns", -ERANGE, 0 },
	{ "18446744073s", 0, 18446744073 * S },
	{ "18446744074s", -ERANGE, 0 },
	{ "99999999999999999999999d", -ERANGE, 0 },
	{ "99999999999999999999999x", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "s", -EINVAL, 0 },
	{ " 1s", -EINVAL, 0 },
	{ "1s ", -EINVAL, 0 },
	{ "1 s", -EINVAL, 0 },
	{ "-1s", -EINVAL, 0 },
	{ "+1s", -EINVAL, 0 },
	{ "1.s", -EINVAL, 0 },
	{ "1.", -EINVAL, 0 },
	{ "1.5.5s", -EINVAL, 0 },
	{ "1e3", -EINVAL, 0 },
	{ "1S", -EINVAL, 0 },
	{ "1sec", -EINVAL, 0 },
	{ "1h30", -EINVAL, 0 },
	{ "30m1h", -EINVAL, 0 },
	{ "1h1h", -EINVAL, 0 },
	{ "1s,", -EINVAL, 0 },
	{ "nan", -EINVAL, 0 },
};

static void durations_are_read_exactly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		const struct parse_case *c = &durations[i];
		uint64_t value = UNTOUCHED;
		int err = parse_duration_ns(c->text, &value);

		if (err != c->err || value != (err ? UNTOUCHED : c->value))
			fail_msg("'%s': %d, %llu", c->text, err, (unsigned long long)value);
	}
}

static const struct parse_case uints[] = {
	{ "0", 0, 0 },         { "007", 0, 7 },
	{ "1000", 0, 1000 },   { "1001", -ERANGE, 0 },
	{ "", -EINVAL, 0 },    { " 1", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },  { "-1", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },  { "0x10", -EINVAL, 0 },
	{ "1.0", -EINVAL, 0 }, { "9999x", -EINVAL, 0 },
	{ "1\n", -EINVAL, 0 }, { "\xd9\xa1", -EINVAL, 0 },
};

static void uints_are_read_strictly(void **state)
{
	uint64_t value = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < sizeof(uints) / sizeof(uints[0]); i++) {
		const struct parse_case *c = &uints[i];
		int err;

		value = UNTOUCHED;
		err = parse_uint(c->text, 1000, &value);
		if (err != c->err || value != (err ? UNTOUCHED : c->value))
			fail_msg("'%s': %d, %llu", c->text, err, (unsigned long long)value);
	}
	assert_int_equal(parse_uint("18446744073709551615", UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(parse_uint("18446744073709551616", UINT64_MAX, &value), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_exactly),
		cmocka_unit_test(uints_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
