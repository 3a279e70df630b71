// SPDX-License-Identifier: BSD-2-Clause
/* Text from people into numbers with units. Integers throughout: "0.1s" is 100000000 ns. */
#include "base/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define FRACTION_DIGITS 9

struct unit {
	const char *name;
	uint64_t ns;
};

/* Descending, as parts of one duration must be: "1h30m", not "30m1h". */
static const struct unit units[] = {
	{ "w", 604800000000000 }, { "d", 86400000000000 },
	{ "h", 3600000000000 },   { "m", 60000000000 },
	{ "s", 1000000000 },      { "ms", 1000000 },
	{ "us", 1000 },           { "ns", 1 },
};

#define UNIT_COUNT  (sizeof(units) / sizeof(units[0]))
#define UNIT_SECOND 4

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads the digits at *text and moves past them. */
static int take_uint(const char **text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++)
		over |= __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(**text - '0'), &v);
	if (over || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_uint(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	int err = take_uint(&text, max, &v);

	if (*text)
		return -EINVAL;
	if (!err)
		*ret = v;
	return err;
}

/* Billionths, from ".25"; digits past the ninth say less than any clock. 0 without a point. */
static int take_fraction(const char **text, uint32_t *ret)
{
	uint32_t v = 0;
	int n = 0;

	*ret = 0;
	if (**text != '.')
		return 0;
	(*text)++;
	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++, n++)
		if (n < FRACTION_DIGITS)
			v = v * 10 + (uint32_t)(**text - '0');
	for (; n < FRACTION_DIGITS; n++)
		v *= 10;
	*ret = v;
	return 0;
}

/* The unit at *text among those that come after the last one; UNIT_COUNT if there is none. */
static size_t take_unit(const char **text, size_t from)
{
	size_t len = strcspn(*text, "0123456789");

	for (size_t i = from; i < UNIT_COUNT; i++) {
		if (len != strlen(units[i].name) || memcmp(*text, units[i].name, len))
			continue;
		*text += len;
		return i;
	}
	return UNIT_COUNT;
}

int parse_duration_ns(const char *text, uint64_t *ret)
{
	unsigned __int128 total = 0;
	size_t next = 0;
	bool over = false;

	do {
		uint64_t whole = 0;
		uint32_t billionths = 0;
		bool first = next == 0;
		int err = take_uint(&text, UINT64_MAX, &whole);
		size_t unit;

		if (err == -EINVAL)
			return err;
		over |= err == -ERANGE;
		if (take_fraction(&text, &billionths))
			return -EINVAL;
		unit = first && !*text ? UNIT_SECOND : take_unit(&text, next);
		if (unit == UNIT_COUNT)
			return -EINVAL;
		next = unit + 1;
		total += (unsigned __int128)whole * units[unit].ns +
			 (unsigned __int128)billionths * units[unit].ns / 1000000000;
	} while (*text);
	if (over || total > UINT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)total;
	return 0;
}
