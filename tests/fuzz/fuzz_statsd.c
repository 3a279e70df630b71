// SPDX-License-Identifier: BSD-2-Clause
/* Fuzz target: StatsD datagrams. Whatever comes, samples are ones that a store and a snapshot can
 * hold. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doors/statsd_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *ctx, const struct sample *s)
{
	if (s->pid < 0 || !s->name[0] || !memchr(s->name, '\0', sizeof(s->name)) ||
	    !isfinite(s->value) || !(s->weight >= 1))
		abort();
	store_add(ctx, s);
}

static void told(void *ctx, const char *name, double value)
{
	if (strlen(name) >= 64)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *s;

	if (store_new(&s))
		return 0;
	if (statsd_parse((const char *)data, size, see, s) > size)
		abort();
	store_take(s, 0, 0);
	store_take(s, 0, 4711);
	store_read(s, 0, 1, told, NULL);
	store_settle(s);
	store_free(s);
	return 0;
}
