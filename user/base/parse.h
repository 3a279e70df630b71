/* SPDX-License-Identifier: BSD-2-Clause */
/* Text from people into numbers with units. 0, -EINVAL, or -ERANGE; nothing may follow the value.
 */
#ifndef KTALLY_BASE_PARSE_H
#define KTALLY_BASE_PARSE_H

#include <stdint.h>

/* "250ms", "1s", "1.5s", "5m", "1h30m", "2d", "500us"; a bare number is seconds. */
int parse_duration_ns(const char *text, uint64_t *ret);
/* Decimal, no sign, no leading blanks. */
int parse_uint(const char *text, uint64_t max, uint64_t *ret);

#endif
