// SPDX-License-Identifier: BSD-2-Clause
/* Call sites for a person at a terminal: what leaks in full, the rest in a line each. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "sinks/formats.h"
#include "sinks/term.h"
#include "sinks/timestamp.h"

enum { WIDTH = 100, INDENT = 8, FRAMES_SHOWN = 12, SITES_IN_FULL = 10 };

/* first, rest: columns that the first line and those after it are indented by. */
static void put_wrapped(struct buf *out, struct buf *line, size_t first, size_t rest)
{
	if (line->err)
		out->err = line->err;
	buf_printf(out, "%*s", (int)first, "");
	term_put_wrapped(out, line->data, line->len, WIDTH - first, rest);
	buf_putc(out, '\n');
	buf_fini(line);
}

/* 4.2s, 3m 20s, 5h 12m, 3d 4h */
static void put_duration(struct buf *line, double seconds)
{
	uint64_t s = (uint64_t)seconds;

	if (!(seconds < 1e12))
		buf_puts(line, "unknown");
	else if (s < 60)
		buf_printf(line, "%" PRIu64 ".%" PRIu64 "s", s, (uint64_t)(seconds * 10) % 10);
	else if (s < 3600)
		buf_printf(line, "%" PRIu64 "m %" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(line, "%" PRIu64 "h %" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		buf_printf(line, "%" PRIu64 "d %" PRIu64 "h", s / 86400, s / 3600 % 24);
}

/* The C library's part of a stack says what was called, not by whom. */
static bool is_system(const struct frame *f)
{
	static const char *const names[] = { "libc.so",	 "libc-",   "libpthread",
					     "ld-linux", "ld-musl", "[vdso]" };
	const char *module = f->module ? frame_base_name(f->module) : "";
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(module, names[i], strlen(names[i])))
			return true;
	return false;
}

static const struct frame *headline(const struct leak_stack *stack)
{
	size_t i;

	for (i = 0; stack && i < stack->cnt; i++)
		if (!is_system(&stack->frames[i]))
			return &stack->frames[i];
	return stack && stack->cnt ? &stack->frames[0] : NULL;
}

static void put_place(struct buf *line, const struct frame *f)
{
	if (!f->trusted)
		buf_puts(line, "?");
	if (f->function)
		buf_puts(line, f->function);
	else if (f->module)
		buf_printf(line, "%s+0x%" PRIx64, frame_base_name(f->module), f->offset);
	else
		buf_puts(line, "[unknown]");
	if (f->file)
		buf_printf(line, " at %s:%u", f->file, f->line);
	else if (f->function && f->module)
		buf_printf(line, " in %s", frame_base_name(f->module));
	if (f->inlined)
		buf_puts(line, " (inlined)");
}

static const char *no_frames(const struct leak_stack *stack)
{
	static const struct {
		const char *end;
		const char *sentence;
	} reasons[] = {
		{ "opener_not_seen", "opened before ktally came, or in a way that this rung does "
				     "not see" },
		{ "stack_not_taken", "their stacks were not taken" },
		{ "process_gone", "opened by processes that ended before their maps were read" },
	};
	size_t i;

	for (i = 0; stack && i < sizeof(reasons) / sizeof(*reasons); i++)
		if (!strcmp(stack->end, reasons[i].end))
			return reasons[i].sentence;
	return "not named yet";
}

static void put_title(struct buf *line, const struct leak_record *r)
{
	const struct frame *f = headline(r->stack);

	buf_printf(line, "%-7s %" PRIu64 " open", trend_verdict_names[r->verdict], r->open);
	if (fabs(r->growth_per_minute) >= 0.05)
		buf_printf(line, " %+lld a minute", llrint(r->growth_per_minute));
	buf_printf(line, " (opened %" PRIu64 ", closed %" PRIu64, r->opened, r->closed);
	if (r->inherited)
		buf_printf(line, ", copied at fork %" PRIu64, r->inherited);
	if (r->torn_down)
		buf_printf(line, ", ended with their process %" PRIu64, r->torn_down);
	if (r->moved_out)
		buf_printf(line, ", left with their process %" PRIu64, r->moved_out);
	buf_puts(line, ")  ");
	if (f)
		put_place(line, f);
	else
		buf_puts(line, no_frames(r->stack));
}

static void put_details(struct buf *out, const struct leak_record *r)
{
	struct buf line = {};
	size_t i;

	for (i = 0; i < r->type_cnt; i++)
		buf_printf(&line, "%s%s %" PRIu64, i ? ", " : "", r->types[i].name,
			   r->types[i].count);
	if (!isnan(r->oldest_seconds)) {
		buf_puts(&line, "; oldest ");
		put_duration(&line, r->oldest_seconds);
	}
	if (!isnan(r->median_seconds)) {
		buf_puts(&line, ", half of them older than ");
		put_duration(&line, r->median_seconds);
	}
	put_wrapped(out, &line, INDENT, INDENT);
}

static void put_stack(struct buf *out, const struct leak_stack *stack)
{
	struct buf line;
	size_t i;

	for (i = 0; stack && i < stack->cnt && i < FRAMES_SHOWN; i++) {
		line = (struct buf){};
		put_place(&line, &stack->frames[i]);
		put_wrapped(out, &line, INDENT + 2, INDENT + 4);
	}
	if (!stack || !stack->cnt)
		return;
	if (stack->cnt > FRAMES_SHOWN)
		buf_printf(out, "          and %zu more\n", stack->cnt - FRAMES_SHOWN);
	if (strcmp(stack->end, "whole"))
		buf_printf(out, "          [the stack ends here: %s]\n", stack->end);
}

static void put_examples(struct buf *out, const struct leak_record *r)
{
	struct buf line = {};
	size_t i;

	buf_puts(&line, "such as");
	for (i = 0; i < r->example_cnt; i++)
		buf_printf(&line, "%s pid %d fd %d %s", i ? "," : "", r->examples[i].pid,
			   r->examples[i].fd,
			   r->examples[i].text ? r->examples[i].text : r->examples[i].type);
	put_wrapped(out, &line, INDENT, INDENT);
}

static void put_holder(struct buf *out, const struct leak_holder *h)
{
	struct buf line = {};

	buf_printf(&line, "pid %d (%.16s) has %" PRIu64 " of them", h->pid, h->comm, h->open);
	if (!isnan(h->open_fds) && !isnan(h->open_fds_limit))
		buf_printf(&line, "; in all %.0f descriptors of %.0f", h->open_fds,
			   h->open_fds_limit);
	if (!isnan(h->seconds_to_limit)) {
		buf_puts(&line, ", all used up in ");
		put_duration(&line, h->seconds_to_limit);
	}
	put_wrapped(out, &line, INDENT, INDENT);
}

static bool in_full(const struct sink *s, const struct leak_record *r)
{
	return s->sites < SITES_IN_FULL && r->open && r->verdict != TREND_STEADY;
}

/* All sites of a report have its time. */
static void begin_report(struct sink *s, struct buf *out, double timestamp)
{
	struct timestamp t;

	if (s->report_time > 0)
		buf_putc(out, '\n');
	timestamp_split(timestamp, &t);
	timestamp_render_clock(&t, out);
	buf_puts(out, " what is open, by who opened it\n");
	s->report_time = timestamp;
	s->sites = 0;
}

void table_leak(struct sink *s, struct buf *out, const struct leak_record *r)
{
	struct buf line = {};
	size_t i;

	s->seq++;
	if (r->timestamp != s->report_time)
		begin_report(s, out, r->timestamp);
	put_title(&line, r);
	put_wrapped(out, &line, 0, INDENT);
	if (!in_full(s, r))
		return;
	s->sites++;
	put_details(out, r);
	put_stack(out, r->stack);
	put_examples(out, r);
	for (i = 0; i < r->holder_cnt; i++)
		put_holder(out, &r->holders[i]);
}
