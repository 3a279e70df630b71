/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON writer into a buf: commas and escaping are its business, order and keys the caller's.
 * Unknown is NaN and becomes null. Bytes that are not UTF-8 become U+FFFD. Never locale-dependent.
 * The prefix is jsonw_ because jansson, which reads our JSON, owns json_object() and the like. */
#ifndef KTALLY_BASE_JSON_H
#define KTALLY_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
	struct buf *out;
	bool comma; /* a value precedes at this level */
};

/* A container or value is either a member (key not NULL) or an element (key NULL). */
void jsonw_object(struct json *j, const char *key);
void jsonw_object_end(struct json *j);
void jsonw_array(struct json *j, const char *key);
void jsonw_array_end(struct json *j);
void jsonw_string(struct json *j, const char *key, const char *value); /* NULL becomes null */
void jsonw_string_n(struct json *j, const char *key, const char *value, size_t len);
void jsonw_int(struct json *j, const char *key, int64_t value);
/* Exactly `decimals` (0 to 9) digits after the point; NaN, infinities and |value| >= 2^53 become
 * null. */
void jsonw_fixed(struct json *j, const char *key, double value, int decimals);
/* Many such numbers at once, for lines of which a second has hundreds of thousands. */
#define JSON_KEY_MAX 48
struct json_column {
	char key[JSON_KEY_MAX]; /* rendered: "name": with quotes and colon */
	uint8_t key_len;
	uint8_t decimals;
};
void jsonw_fixed_row(struct json *j, const struct json_column *columns, const double *values,
		     size_t cnt);
/* The number that jsonw_fixed writes, as a reader has it; NaN where it writes null. */
double jsonw_fixed_value(double value, int decimals);
/* Shortest form that reads back as the same double; for values whose scale is not known. */
void jsonw_double(struct json *j, const char *key, double value);
void jsonw_bool(struct json *j, const char *key, bool value);
void jsonw_null(struct json *j, const char *key);

#endif
