// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: the output of a metrics command, as both of its formats. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doors/promtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *ctx, const struct sample *s)
{
	if (s->pid < 0 || s->kind != VALUE_GAUGE || !s->name[0] ||
	    !memchr(s->name, '\0', sizeof(s->name)) || isinf(s->value))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int err = 0;

	if (promtext_parse((const char *)data, size, see, NULL) > size)
		abort();
	jsonvalues_parse((const char *)data, size, see, NULL, &err);
	return 0;
}
