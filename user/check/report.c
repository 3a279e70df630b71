// SPDX-License-Identifier: BSD-2-Clause
/* The report as JSON. */
#include "base/json.h"
#include "check/check.h"

static const char *const verdict_names[] = {
	[KTALLY_VERDICT_EXACT] = "exact",
	[KTALLY_VERDICT_DEGRADED] = "degraded",
	[KTALLY_VERDICT_NO_BPF] = "no_bpf",
	[KTALLY_VERDICT_NOT_PERMITTED] = "not_permitted",
};

void check_json(const struct ktally_check *c, struct buf *out)
{
	struct json j = { .out = out };
	size_t i;

	jsonw_object(&j, NULL);
	jsonw_string(&j, "type", "check");
	jsonw_string(&j, "version", ktally_version());
	jsonw_string(&j, "verdict", verdict_names[c->verdict]);
	jsonw_array(&j, "items");
	for (i = 0; i < c->cnt; i++) {
		const struct check_item *item = &c->items[i];

		jsonw_object(&j, NULL);
		jsonw_string(&j, "section", item->section);
		jsonw_string(&j, "name", item->name);
		if (item->ok == CHECK_UNKNOWN)
			jsonw_null(&j, "ok");
		else
			jsonw_bool(&j, "ok", item->ok == CHECK_YES);
		jsonw_string(&j, "detail", item->detail);
		jsonw_string(&j, "fix", item->fix);
		jsonw_object_end(&j);
	}
	jsonw_array_end(&j);
	jsonw_object_end(&j);
}
