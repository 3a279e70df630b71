// SPDX-License-Identifier: BSD-2-Clause
/* jsonw_fixed_value: what rules judge live is what a reader of the record has. */
#include "unit.h"

#include <stdlib.h>

#include "base/json.h"

static double written_fixed(double value, int decimals)
{
	struct buf b = {};
	struct json j = { .out = &b };
	double v;

	jsonw_fixed(&j, NULL, value, decimals);
	buf_putc(&b, '\0');
	v = !strcmp(b.data, "null") ? NAN : strtod(b.data, NULL);
	buf_fini(&b);
	return v;
}

static void fixed_value_is_what_is_written(void **state)
{
	static const double hard[] = { 0, -0.0, 0.004, -0.004, 0.005, 0x1p53, -0x1p53 + 1, 1e-300,
				       9007199254.740993, 123456789012345.678, INFINITY, NAN };
	uint64_t bits = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < 20000 + ARRAY_LEN(hard); i++) {
		double v = i < ARRAY_LEN(hard) ? hard[i] : 0;
		int decimals = (int)(i % 10);
		double got, want;

		bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
		if (i >= ARRAY_LEN(hard))
			v = (double)(int64_t)bits / (double)(1ULL << (bits % 61));
		got = jsonw_fixed_value(v, decimals);
		want = written_fixed(v, decimals);
		assert_true(got == want || (isnan(got) && isnan(want)));
		/* And written once more it is the same text. */
		assert_true(isnan(want) || written_fixed(want, decimals) == want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_value_is_what_is_written),
	};

	return cmocka_run_group_tests_name("fixed", tests, NULL, NULL);
}
