// SPDX-License-Identifier: BSD-2-Clause
/* A JSON object of numbers, over jansson. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "doors/promtext.h"

#define NAME_LEN  256
#define DEPTH_MAX 8

struct reader {
	sample_fn fn;
	void *ctx;
	size_t bad;
};

/* False: it has no number. */
static bool number_of(const json_t *value, double *ret)
{
	if (json_is_number(value))
		*ret = json_number_value(value);
	else if (json_is_boolean(value))
		*ret = json_is_true(value);
	else if (json_is_null(value))
		*ret = NAN;
	else
		return false;
	return true;
}

static void read_object(struct reader *r, const char *prefix, json_t *object, int depth)
{
	struct sample sample = { .kind = VALUE_GAUGE, .weight = 1 };
	char name[NAME_LEN];
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		int len = snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] ? "_" : "", key);

		if (json_is_object(value) && depth < DEPTH_MAX && len < (int)sizeof(name))
			read_object(r, name, value, depth + 1);
		else if (number_of(value, &sample.value) &&
			 store_name(name, (size_t)len, sample.name))
			r->fn(r->ctx, &sample);
		else
			r->bad++;
	}
}

size_t jsonvalues_parse(const char *text, size_t len, sample_fn fn, void *ctx, int *ret_err)
{
	struct reader r = { .fn = fn, .ctx = ctx };
	json_t *root = json_loadb(text, len, JSON_DECODE_INT_AS_REAL, NULL);

	if (!json_is_object(root)) {
		json_decref(root);
		*ret_err = -EINVAL;
		return 0;
	}
	read_object(&r, "", root, 0);
	json_decref(root);
	return r.bad;
}
