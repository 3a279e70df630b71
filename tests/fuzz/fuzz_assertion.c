// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: assertions on a run; what is accepted is judged, over no snapshot at all. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/assertion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_verdict(void *ctx, const struct verdict_record *verdict)
{
	if (!verdict->message[0])
		abort();
	++*(size_t *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_error err = { .text = "" };
	struct assertions *a = NULL;
	char *text = malloc(size + 1);
	size_t count = 0;
	int refused;

	if (!text || assertions_new(&a)) {
		free(text);
		return 0;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	refused = assertions_add(a, text, &err);
	assertions_judge(a, 1, on_verdict, &count);
	if (count != !refused)
		abort();
	assertions_free(a);
	free(text);
	return 0;
}
