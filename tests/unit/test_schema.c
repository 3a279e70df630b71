// SPDX-License-Identifier: BSD-2-Clause
/* docs/schema/ktally.v1.json and jsonl.c name the same keys. */
#include "jsonl.h"

/* The published schema, read where it stands beside this file. */
static json_t *load_schema(void)
{
	const char *name = strrchr(__FILE__, '/');
	char path[512];
	json_error_t error;
	json_t *schema;

	snprintf(path, sizeof(path), "%.*s../../docs/schema/ktally.v1.json",
		 name ? (int)(name - __FILE__) + 1 : 0, __FILE__);
	schema = json_load_file(path, 0, &error);
	if (!schema) {
		print_message("%s: %s\n", path, error.text);
		skip();
	}
	return schema;
}

static json_t *resolve(json_t *schema, json_t *node)
{
	const char *ref = json_string_value(json_object_get(node, "$ref"));

	return ref ? get(get(schema, "definitions"), strrchr(ref, '/') + 1) : node;
}

/* A key in the record that the schema does not describe, or one that it requires and that is not
 * there, is a change to one that the other has missed. */
static void want_described(json_t *schema, json_t *node, json_t *value)
{
	json_t *properties, *member;
	const char *key;
	size_t i;

	node = resolve(schema, node);
	properties = json_object_get(node, "properties");
	json_array_foreach(value, i, member) want_described(schema, get(node, "items"), member);
	if (!json_is_object(value) || !properties)
		return;
	json_array_foreach(get(node, "required"), i, member) get(value, json_string_value(member));
	json_object_foreach(value, key, member)
	{
		if (json_object_get(get(schema, "properties"), key) &&
		    !json_object_get(properties, key))
			continue; /* of every record */
		want_described(schema, get(properties, key), member);
	}
}

static void want_record_described(json_t *schema, json_t *record)
{
	const char *type = json_string_value(get(record, "type"));

	want_described(schema, get(get(schema, "definitions"), type), record);
	json_decref(record);
}

static void test_schema_describes_every_key(void **state)
{
	static const struct target_record target = { .kind = "pid", .pid = 1 };
	static const struct rule_record rule = { "a", "b", 0, "c" };
	static const struct alert_record alert = { .alert = "a", .state = ALERT_PENDING };
	const struct header_record h = {
		.targets = &target, .target_cnt = 1, .rules = &rule, .rule_cnt = 1
	};
	const struct event_record exit_event = { .kind = EVENT_PROCESS_EXIT, .pid = 1 };
	const struct event_record message = { .kind = EVENT_MESSAGE };
	const struct snapshot s = snapshot_of(1);
	static const struct averages averages[2];
	const struct trailer_record t = { .averages = averages, .target_cnt = 2 };
	json_t *schema = load_schema();

	(void)state;
	want_record_described(schema, render_header(&h));
	want_record_described(schema, render_snapshot(&s));
	want_record_described(schema, render_event(&exit_event));
	want_record_described(schema, render_event(&message));
	want_record_described(schema, render_alert(&alert));
	want_record_described(schema, render_trailer(&t));
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema_describes_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
