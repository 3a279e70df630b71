// SPDX-License-Identifier: BSD-2-Clause
/* JSON writer: each value reserves its worst case once and then writes through a pointer, because
 * one snapshot line is some forty of them. Numbers are written by integer arithmetic. */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TWO_52 4503599627370496.0
#define TWO_53 9007199254740992.0
/* Bytes that one byte of text can become: \u001f */
#define ESCAPED_MAX 6
/* sign, 20 digits, point, 9 decimals */
#define NUMBER_MAX    32
#define EVERY_BYTE(b) (0x0101010101010101ull * (b))

static const char digit_pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233"
	"34353637383940414243444546474849505152535455565758596061626364656667"
	"6869707172737475767778798081828384858687888990919293949596979899";

static const uint32_t powers_of_ten[] = { 1,      10,      100,      1000,      10000,
					  100000, 1000000, 10000000, 100000000, 1000000000 };

/* Lead bytes of well-formed UTF-8 and the range of the byte that follows (Unicode, table 3-7). */
struct utf8_lead {
	unsigned char first, last; /* lead bytes */
	unsigned char low, high;   /* second byte */
	unsigned char len;
};

static const struct utf8_lead utf8_leads[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* Length of the well-formed sequence at s, or minus that of the longest piece of one. */
static int utf8_sequence(const unsigned char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(utf8_leads) / sizeof(utf8_leads[0]); i++) {
		const struct utf8_lead *lead = &utf8_leads[i];
		int n;

		if (*s < lead->first || *s > lead->last)
			continue;
		if (len < 2 || s[1] < lead->low || s[1] > lead->high)
			return -1;
		for (n = 2; n < lead->len; n++)
			if ((size_t)n >= len || (s[n] & 0xc0) != 0x80)
				return -n;
		return n;
	}
	return -1;
}

static char *escape_control(char *to, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorthand[] = "\b\f\n\r\t\"\\";
	static const char letters[] = "bfnrt\"\\";
	const char *found = c ? strchr(shorthand, c) : NULL;

	*to++ = '\\';
	if (found) {
		*to++ = letters[found - shorthand];
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = hex[c >> 4];
	to[4] = hex[c & 15];
	return to + 5;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* is_plain() of eight bytes at once: each term sets the top bit of a byte that is not. A borrow can
 * only start in such a byte, so that it never changes the answer. */
static bool is_plain_word(uint64_t w)
{
	uint64_t quote = (w ^ EVERY_BYTE('"')) - EVERY_BYTE(1);
	uint64_t slash = (w ^ EVERY_BYTE('\\')) - EVERY_BYTE(1);

	return !(((w - EVERY_BYTE(0x20)) | quote | slash | w) & EVERY_BYTE(0x80));
}

static char *write_text(char *to, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	const unsigned char *end = s + len;

	while (s < end) {
		uint64_t word;
		int n;

		for (; end - s >= 8; s += 8, to += 8) {
			memcpy(&word, s, 8);
			if (!is_plain_word(word))
				break;
			memcpy(to, &word, 8);
		}
		for (; s < end && is_plain(*s); s++)
			*to++ = (char)*s;
		if (s == end)
			break;
		if (*s < 0x80) {
			to = escape_control(to, *s++);
			continue;
		}
		n = utf8_sequence(s, (size_t)(end - s));
		if (n > 0)
			memcpy(to, s, (size_t)n);
		else
			memcpy(to, "\xef\xbf\xbd", 3);
		to += n > 0 ? n : 3;
		s += abs(n);
	}
	return to;
}

/* Writes what goes before a value, and makes room for `room` bytes of it. */
static char *begin(struct json *j, const char *key, size_t room)
{
	size_t len = key ? strlen(key) : 0;
	char *to = buf_reserve(j->out, 1 + len * ESCAPED_MAX + 3 + room);

	if (!to)
		return NULL;
	if (j->comma)
		*to++ = ',';
	j->comma = true;
	if (!key)
		return to;
	*to++ = '"';
	to = write_text(to, key, len);
	*to++ = '"';
	*to++ = ':';
	return to;
}

static void end(struct json *j, const char *to)
{
	j->out->len = (size_t)(to - j->out->data);
}

static void literal(struct json *j, const char *key, const char *text)
{
	size_t len = strlen(text);
	char *to = begin(j, key, len);

	if (!to)
		return;
	memcpy(to, text, len);
	end(j, to + len);
}

static void open_container(struct json *j, const char *key, const char *bracket)
{
	literal(j, key, bracket);
	j->comma = false;
}

static void close_container(struct json *j, char bracket)
{
	buf_putc(j->out, bracket);
	j->comma = true;
}

void jsonw_object(struct json *j, const char *key)
{
	open_container(j, key, "{");
}

void jsonw_object_end(struct json *j)
{
	close_container(j, '}');
}

void jsonw_array(struct json *j, const char *key)
{
	open_container(j, key, "[");
}

void jsonw_array_end(struct json *j)
{
	close_container(j, ']');
}

void jsonw_string_n(struct json *j, const char *key, const char *value, size_t len)
{
	char *to;

	if (len > SIZE_MAX / (2 * ESCAPED_MAX)) {
		j->out->err = -ENOMEM;
		return;
	}
	to = begin(j, key, len * ESCAPED_MAX + 2);
	if (!to)
		return;
	*to++ = '"';
	to = write_text(to, value, len);
	*to++ = '"';
	end(j, to);
}

void jsonw_string(struct json *j, const char *key, const char *value)
{
	if (value)
		jsonw_string_n(j, key, value, strlen(value));
	else
		jsonw_null(j, key);
}

/* Digits of v that end before `at`, at least min_digits of them. Returns where they start. */
static char *digits_before(char *at, uint64_t v, int min_digits)
{
	const char *end = at;

	for (; v >= 100; v /= 100) {
		at -= 2;
		memcpy(at, digit_pairs + v % 100 * 2, 2);
	}
	do {
		*--at = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (end - at < min_digits)
		*--at = '0';
	return at;
}

static int digit_count(uint64_t v)
{
	int cnt = 1;

	for (; v >= 10000; v /= 10000)
		cnt += 4;
	return cnt + (v >= 10) + (v >= 100) + (v >= 1000);
}

static char *write_uint(char *to, uint64_t v)
{
	char *end = to + digit_count(v);

	digits_before(end, v, 1);
	return end;
}

void jsonw_int(struct json *j, const char *key, int64_t value)
{
	char *to = begin(j, key, NUMBER_MAX);

	if (!to)
		return;
	if (value < 0)
		*to++ = '-';
	/* Negated as unsigned, where INT64_MIN has a magnitude too. */
	end(j, write_uint(to, value < 0 ? -(uint64_t)value : (uint64_t)value));
}

/* To the nearest integer, ties to even, as rint(3) in the default mode, without its call: up to
 * 2^53 the sum has no room for a fraction. */
static double round_even(double magnitude)
{
	return magnitude < TWO_52 ? magnitude + TWO_52 - TWO_52 : magnitude;
}

struct fixed {
	bool negative;
	uint64_t whole;
	uint64_t fraction; /* in units of the last decimal */
};

/* False: too large, or no number. */
static bool fixed_split(double value, int decimals, struct fixed *ret)
{
	/* Without decimals a tie depends on the whole part: round before it is split off. */
	double magnitude = decimals ? fabs(value) : round_even(fabs(value));

	if (!(magnitude < TWO_53))
		return false;
	ret->whole = (uint64_t)(int64_t)magnitude;
	ret->fraction = 0;
	/* The fraction is exact, and scaled alone it fits 64 bits at nine decimals. Mostly there is
	 * none. */
	magnitude -= (double)(int64_t)ret->whole;
	if (magnitude)
		ret->fraction = (uint64_t)round_even(magnitude * powers_of_ten[decimals]);
	if (ret->fraction == powers_of_ten[decimals]) {
		ret->fraction = 0;
		ret->whole++;
	}
	/* nobody wants to read -0.00 */
	ret->negative = value < 0 && (ret->whole || ret->fraction);
	return true;
}

static char *write_fixed(char *to, double value, int decimals)
{
	struct fixed f;

	if (!fixed_split(value, decimals, &f)) {
		memcpy(to, "null", 4);
		return to + 4;
	}
	if (f.negative)
		*to++ = '-';
	to = write_uint(to, f.whole);
	if (!decimals)
		return to;
	*to++ = '.';
	if (f.fraction)
		digits_before(to + decimals, f.fraction, decimals);
	else
		memcpy(to, "000000000", 9); /* there is room for NUMBER_MAX */
	return to + decimals;
}

void jsonw_fixed(struct json *j, const char *key, double value, int decimals)
{
	char *to = begin(j, key, NUMBER_MAX);

	if (to)
		end(j, write_fixed(to, value, decimals));
}

void jsonw_fixed_row(struct json *j, const struct json_column *columns, const double *values,
		     size_t cnt)
{
	char *to = buf_reserve(j->out, cnt * (1 + JSON_KEY_MAX + NUMBER_MAX));
	size_t i;

	if (!to)
		return;
	for (i = 0; i < cnt; i++) {
		*to = ',';
		to += j->comma;
		j->comma = true;
		memcpy(to, columns[i].key, JSON_KEY_MAX);
		to = write_fixed(to + columns[i].key_len, values[i], columns[i].decimals);
	}
	end(j, to);
}

/* A reader has the double nearest to the decimals: one division of two exact numbers gives it, as
 * long as the first fits; beyond that the library's own reader does. */
double jsonw_fixed_value(double value, int decimals)
{
	struct fixed f;
	double v;

	if (fabs(value) < TWO_53 && value == (double)(int64_t)value)
		return (double)(int64_t)value; /* without the sign of a zero */
	if (!fixed_split(value, decimals, &f))
		return NAN;
	if (f.whole < (1ULL << 53) / powers_of_ten[decimals]) {
		v = (double)(f.whole * powers_of_ten[decimals] + f.fraction) /
		    powers_of_ten[decimals];
	} else {
		char text[NUMBER_MAX + 1];

		/* An exponent needs no point, which depends on the locale. */
		snprintf(text, sizeof(text), "%llu%0*llue-%d", (unsigned long long)f.whole,
			 decimals, (unsigned long long)f.fraction, decimals);
		v = strtod(text, NULL);
	}
	return f.negative ? -v : v;
}

/* A locale may write the point as any run of other bytes. */
static char *write_unlocalised(char *to, const char *text)
{
	while (*text) {
		size_t n = strspn(text, "0123456789+-e");

		memcpy(to, text, n);
		to += n;
		text += n;
		if (!*text)
			break;
		*to++ = '.';
		text += strcspn(text, "0123456789+-e");
	}
	return to;
}

void jsonw_double(struct json *j, const char *key, double value)
{
	char text[64];
	char *to;

	if (!isfinite(value)) {
		jsonw_null(j, key);
		return;
	}
	if (fabs(value) < TWO_53 && value == (double)(int64_t)value) {
		jsonw_int(j, key, (int64_t)value);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	to = begin(j, key, sizeof(text));
	if (to)
		end(j, write_unlocalised(to, text));
}

void jsonw_bool(struct json *j, const char *key, bool value)
{
	literal(j, key, value ? "true" : "false");
}

void jsonw_null(struct json *j, const char *key)
{
	literal(j, key, "null");
}
