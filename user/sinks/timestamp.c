// SPDX-License-Identifier: BSD-2-Clause
/* UTC by arithmetic: gmtime_r takes the lock of the time zone, and a stream renders it on each
 * line. */
#include "sinks/timestamp.h"

#include <math.h>

#define MICROS     1000000
#define YEAR_10000 253402300800.0 /* epoch seconds */

struct date {
	uint32_t year, month, day;
};

void timestamp_split(double epoch_seconds, struct timestamp *ret)
{
	double whole;

	if (!(epoch_seconds >= 0 && epoch_seconds < YEAR_10000 - 1))
		epoch_seconds = 0;
	/* The fraction alone is exact; jsonw_fixed rounds it the same way. */
	ret->micros = llrint(modf(epoch_seconds, &whole) * 1e6);
	ret->seconds = whole + ret->micros / MICROS;
	ret->micros %= MICROS;
}

/* Years are counted from March, so that the leap day is the last of its year; an era is 400 years.
 */
static struct date date_of(uint64_t days_since_epoch)
{
	uint32_t days = days_since_epoch + 719468; /* since 0000-03-01 */
	uint32_t era_day = days % 146097;
	uint32_t era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	uint32_t year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
	uint32_t month = (5 * year_day + 2) / 153; /* 0: March */
	struct date d = {
		.year = days / 146097 * 400 + era_year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = year_day - (153 * month + 2) / 5 + 1,
	};

	return d;
}

static char *put_digits(char *p, uint64_t value, int width)
{
	int i;

	for (i = width - 1; i >= 0; i--, value /= 10)
		p[i] = '0' + value % 10;
	return p + width;
}

static char *put_clock(char *p, uint64_t seconds)
{
	p = put_digits(p, seconds / 3600 % 24, 2);
	*p++ = ':';
	p = put_digits(p, seconds / 60 % 60, 2);
	*p++ = ':';
	return put_digits(p, seconds % 60, 2);
}

void timestamp_render_epoch(const struct timestamp *t, struct buf *out)
{
	uint64_t rest = t->seconds;
	char text[32], *p;
	int width = 1;

	while (rest /= 10)
		width++;
	p = put_digits(text, t->seconds, width);
	*p++ = '.';
	p = put_digits(p, t->micros, 6);
	buf_append(out, text, p - text);
}

void timestamp_render_rfc3339(const struct timestamp *t, struct buf *out)
{
	struct date d = date_of(t->seconds / 86400);
	char text[32], *p;

	p = put_digits(text, d.year, 4);
	*p++ = '-';
	p = put_digits(p, d.month, 2);
	*p++ = '-';
	p = put_digits(p, d.day, 2);
	*p++ = 'T';
	p = put_clock(p, t->seconds);
	*p++ = '.';
	p = put_digits(p, t->micros, 6);
	*p++ = 'Z';
	buf_append(out, text, p - text);
}

void timestamp_render_clock(const struct timestamp *t, struct buf *out)
{
	char text[8];

	buf_append(out, text, put_clock(text, t->seconds) - text);
}
