// SPDX-License-Identifier: BSD-2-Clause
/* Call sites as JSON: records of their own, and the evidence in an alert. */
#include "sinks/jsonl.h"

static void put_frame(struct json *j, const struct frame *f)
{
	jsonw_object(j, NULL);
	jsonw_string(j, "function", f->function);
	jsonw_string(j, "module", f->module);
	jsonw_int(j, "offset", (int64_t)f->offset);
	jsonw_string(j, "file", f->file);
	jsonl_put_id(j, "line", f->line);
	jsonw_bool(j, "inlined", f->inlined);
	jsonw_bool(j, "trusted", f->trusted);
	jsonw_object_end(j);
}

static void put_example(struct json *j, const struct leak_example *e)
{
	jsonw_object(j, NULL);
	jsonl_put_id(j, "pid", e->pid);
	jsonw_int(j, "fd", e->fd);
	jsonw_string(j, "type", e->type);
	jsonw_string(j, "what", e->text);
	jsonw_fixed(j, "age_seconds", e->age_seconds, 3);
	jsonw_object_end(j);
}

static void put_process(struct json *j, const struct leak_holder *h)
{
	jsonw_object(j, NULL);
	jsonl_put_id(j, "pid", h->pid);
	jsonl_put_comm(j, h->pid, h->comm);
	jsonw_int(j, "open", (int64_t)h->open);
	jsonw_fixed(j, "open_fds", h->open_fds, 0);
	jsonw_fixed(j, "open_fds_limit", h->open_fds_limit, 0);
	jsonw_fixed(j, "growth_per_minute", h->growth_per_minute, 3);
	jsonw_fixed(j, "seconds_to_limit", h->seconds_to_limit, 1);
	jsonw_object_end(j);
}

static void put_frames(struct json *j, const struct leak_stack *stack)
{
	size_t i;

	jsonw_string(j, "stack", stack ? stack->end : NULL);
	jsonw_array(j, "frames");
	for (i = 0; stack && i < stack->cnt; i++)
		put_frame(j, &stack->frames[i]);
	jsonw_array_end(j);
}

static void put_counts(struct json *j, const struct leak_record *r)
{
	jsonw_int(j, "open", (int64_t)r->open);
	jsonw_int(j, "opened", (int64_t)r->opened);
	jsonw_int(j, "inherited", (int64_t)r->inherited);
	jsonw_int(j, "closed", (int64_t)r->closed);
	jsonw_int(j, "torn_down", (int64_t)r->torn_down);
	jsonw_int(j, "moved_out", (int64_t)r->moved_out);
	jsonw_fixed(j, "oldest_seconds", r->oldest_seconds, 3);
	jsonw_fixed(j, "median_seconds", r->median_seconds, 3);
	jsonw_fixed(j, "growth_per_minute", r->growth_per_minute, 3);
}

void jsonl_put_site(struct json *j, const struct leak_record *r)
{
	size_t i;

	jsonw_int(j, "site", r->site);
	jsonw_string(j, "verdict", trend_verdict_names[r->verdict]);
	put_counts(j, r);
	jsonw_object(j, "types");
	for (i = 0; i < r->type_cnt; i++)
		jsonw_int(j, r->types[i].name, (int64_t)r->types[i].count);
	jsonw_object_end(j);
	put_frames(j, r->stack);
	jsonw_array(j, "examples");
	for (i = 0; i < r->example_cnt; i++)
		put_example(j, &r->examples[i]);
	jsonw_array_end(j);
	jsonw_array(j, "processes");
	for (i = 0; i < r->holder_cnt; i++)
		put_process(j, &r->holders[i]);
	jsonw_array_end(j);
}

void jsonl_leak(struct sink *s, struct buf *out, const struct leak_record *r)
{
	struct json j = jsonl_begin(s, out, "leak", r->timestamp);

	jsonl_put_site(&j, r);
	jsonl_end(&j);
}

void jsonl_put_evidence(struct json *j, const struct alert_record *r)
{
	size_t i;

	if (!r->has_evidence)
		return;
	jsonw_array(j, "evidence");
	for (i = 0; i < r->evidence_cnt; i++) {
		jsonw_object(j, NULL);
		jsonl_put_site(j, r->evidence[i]);
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
}
