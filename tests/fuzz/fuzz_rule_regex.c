// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: patterns and texts, in bounded time. First line the pattern, the rest the text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *pattern = malloc(size + 1);
	char *text;

	if (!pattern)
		return 0;
	memcpy(pattern, data, size);
	pattern[size] = '\0';
	text = strchr(pattern, '\n');
	if (text)
		*text++ = '\0';
	if (!regex_check(pattern)) {
		regex_matches(pattern, text ? text : "aaaaaaaaaaaaaaaaaaaaaaa");
		regex_matches(pattern, "");
	}
	free(pattern);
	return 0;
}
