// SPDX-License-Identifier: BSD-2-Clause
/* What is said of a whole run, as JSON: verdicts of assertions, and sweeps over thresholds. */
#include "sinks/jsonl.h"

void jsonl_verdict(struct sink *s, struct buf *out, const struct verdict_record *r)
{
	struct json j = jsonl_begin(s, out, "verdict", r->timestamp);

	jsonw_string(&j, "assertion", r->assertion);
	jsonw_bool(&j, "passed", r->passed);
	jsonl_put_number(&j, "value", r->value);
	jsonl_put_number(&j, "threshold", r->threshold);
	jsonw_string(&j, "message", r->message);
	jsonw_int(&j, "target", r->target);
	jsonl_end(&j);
}

void jsonl_sweep(struct sink *s, struct buf *out, const struct sweep_record *r)
{
	struct json j = jsonl_begin(s, out, "sweep", r->timestamp);

	jsonw_string(&j, "expr", r->expr);
	jsonl_put_number(&j, "threshold", r->threshold);
	jsonw_int(&j, "alerts", (int64_t)r->alerts);
	jsonw_fixed(&j, "firing_seconds", r->firing_seconds, 6);
	jsonl_end(&j);
}
