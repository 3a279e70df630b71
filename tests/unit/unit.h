/* SPDX-License-Identifier: BSD-2-Clause */
/* What cmocka wants included before it, and what its asserts lack. */
#ifndef KTALLY_TESTS_UNIT_H
#define KTALLY_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

#define assert_nan(x)	      assert_true(isnan(x))
#define assert_near(a, b, by) assert_true(fabs((a) - (b)) <= (by))
/* Of doubles that were computed exactly. */
#define assert_same_double(a, b) assert_true((a) == (b))

#endif
