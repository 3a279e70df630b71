/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as other programs write them, whatever the locale. */
#ifndef KTALLY_DOORS_NUMBER_H
#define KTALLY_DOORS_NUMBER_H

#include <stddef.h>

/* All of the text, at most 63 bytes; also "NaN" and "+Inf". -EINVAL. */
int number_parse(const char *text, size_t len, double *ret);
/* A PID: 1 to 4194304. -EINVAL. */
int number_parse_pid(const char *text, size_t len, int *ret);

#endif
