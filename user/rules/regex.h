/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular expressions over short texts, as RE2 and so Prometheus read them: always anchored at both
 * ends. Matching takes no memory and no more time than the pattern is long, times the square of the
 * text; regcomp(3) of the C library hangs on patterns as short as ((|a)*){9}.
 */
#ifndef KTALLY_RULES_REGEX_H
#define KTALLY_RULES_REGEX_H

#include <stdbool.h>

#define REGEX_TEXT_MAX 30

/* NULL, or what is wrong with the pattern. */
const char *regex_check(const char *pattern);
/* pattern: one that regex_check finds right; text: at most REGEX_TEXT_MAX bytes count. */
bool regex_matches(const char *pattern, const char *text);

#endif
