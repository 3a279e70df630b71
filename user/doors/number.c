// SPDX-License-Identifier: BSD-2-Clause
/* strtod for text without an end of its own. */
#include "doors/number.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define PID_MAX_LIMIT 4194304 /* of the kernel */

int number_parse(const char *text, size_t len, double *ret)
{
	char copy[64], *end;
	locale_t c_locale;
	double v;

	if (!len || len >= sizeof(copy) || isspace((unsigned char)text[0]) ||
	    memchr(text, 'x', len) || memchr(text, 'X', len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	c_locale = newlocale(LC_ALL_MASK, "C", NULL); /* glibc's own: nothing is allocated */
	if (!c_locale)
		return -ENOMEM;
	v = strtod_l(copy, &end, c_locale);
	freelocale(c_locale);
	if (end != copy + len)
		return -EINVAL;
	*ret = v;
	return 0;
}

int number_parse_pid(const char *text, size_t len, int *ret)
{
	int pid = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || pid > PID_MAX_LIMIT)
			return -EINVAL;
		pid = pid * 10 + (text[i] - '0');
	}
	if (!pid || pid > PID_MAX_LIMIT)
		return -EINVAL;
	*ret = pid;
	return 0;
}
