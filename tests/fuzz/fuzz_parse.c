// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: durations and numbers. What is taken must follow from the text. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A value written back must be read as itself. */
static void read_back(uint64_t v)
{
	char text[32];
	uint64_t again = ~v;

	snprintf(text, sizeof(text), "%" PRIu64, v);
	if (parse_uint(text, UINT64_MAX, &again) || again != v)
		abort();
	snprintf(text, sizeof(text), "%" PRIu64 "ns", v);
	if (parse_duration_ns(text, &again) || again != v)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	uint64_t v = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!parse_duration_ns(text, &v))
		read_back(v);
	if (!parse_uint(text, UINT64_MAX, &v))
		read_back(v);
	if (!parse_uint(text, 1000, &v) && v > 1000)
		abort();
	free(text);
	return 0;
}
