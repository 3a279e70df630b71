// SPDX-License-Identifier: BSD-2-Clause
/* Copies of stacks into call sites: unwound by stacks/, taught to the kernel side row by row, and
 * named later, away from the events that wait. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bpfread.h"
#include "base/hash.h"
#include "bpf/targets.h"
#include "probes/fdstack_internal.h"
#include "stacks/stacks.h"

#define REGS_OF_WALK (1ull << STACK_REG_FP | 1ull << STACK_REG_SP | 1ull << STACK_REG_PC)

#define SPACES_MAX 16384 /* address spaces remembered; beyond, all are learned again */

/* Two hashes of where the frames lie, in files rather than in memory: the same in every process. */
struct site_key {
	uint64_t a, b;
};

struct known_site {
	struct site_key key;
	uint32_t id;
	UT_hash_handle hh;
};

/* Whose memory map tells what lies where. */
struct space {
	uint64_t id;
	uint64_t owner; /* PROCESS_ID */
	UT_hash_handle hh;
};

struct unnamed {
	uint32_t site;
	struct stack_process_id process;
	enum stack_end end;
	size_t cnt;
	struct unnamed *next;
	struct stack_pc pcs[];
};

struct fdstack_sites {
	struct stacks *engine;
	struct leaks *leaks;
	const struct bpf_program *teach_row;
	const struct bpf_program *teach_stack;
	struct known_site *known;
	struct space *spaces;
	struct unnamed *unnamed;
	uint32_t gone; /* site of processes that went before anybody saw their map; 0: none yet */
};

static struct stack_process_id process_of(uint64_t id)
{
	return (struct stack_process_id){ .pid = (pid_t)PROCESS_ID_PID(id),
					  .start_ticks = PROCESS_ID_TICKS(id) };
}

/* A stack without frames that says why. */
static void explain(struct leaks *leaks, uint32_t site, const char *why)
{
	struct leak_stack *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return;
	stack->end = why;
	leaks_set_stack(leaks, site, stack);
}

int fdstack_sites_new(const struct fdstack_sites_opts *opts, struct leaks *leaks,
		      struct fdstack_sites **ret)
{
	struct stacks_opts engine = { .proc_fd = opts->proc_fd, .debuginfod = opts->debuginfod };
	struct fdstack_sites *s = calloc(1, sizeof(*s));
	int err = s ? stacks_new(&engine, &s->engine) : -ENOMEM;

	if (err) {
		free(s);
		return err;
	}
	s->leaks = leaks;
	s->teach_row = opts->teach_row;
	s->teach_stack = opts->teach_stack;
	explain(leaks, LEAKS_SITE_UNSEEN, "opener_not_seen");
	explain(leaks, LEAKS_SITE_LOST, "stack_not_taken");
	*ret = s;
	return 0;
}

static void forget_spaces(struct fdstack_sites *s)
{
	struct space *space, *next;

	HASH_ITER(hh, s->spaces, space, next) {
		HASH_DEL(s->spaces, space);
		free(space);
	}
}

void fdstack_sites_free(struct fdstack_sites *s)
{
	struct known_site *known, *next;
	struct unnamed *u;

	if (!s)
		return;
	HASH_ITER(hh, s->known, known, next) {
		HASH_DEL(s->known, known);
		free(known);
	}
	while ((u = s->unnamed)) {
		s->unnamed = u->next;
		free(u);
	}
	forget_spaces(s);
	stacks_free(s->engine);
	free(s);
}

/* ---- address spaces ---- */

static struct space *space_get(struct fdstack_sites *s, uint64_t id, uint64_t process)
{
	struct space *space;

	HASH_FIND(hh, s->spaces, &id, sizeof(id), space);
	if (space)
		return space;
	if (HASH_COUNT(s->spaces) >= SPACES_MAX)
		forget_spaces(s);
	space = calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	space->id = id;
	space->owner = process;
	HASH_ADD(hh, s->spaces, id, sizeof(space->id), space);
	return space;
}

void fdstack_sites_executed(struct fdstack_sites *s, uint64_t space, uint64_t process)
{
	struct stack_process_id id = process_of(process);

	stacks_forget(s->engine, &id);
	stacks_remember(s->engine, &id);
	space_get(s, space, process);
}

/* By the map of the space's first process, which a child shares until it executes; by the child's
 * own when that one has gone, or does not know the address: a library may have come since. */
static int unwind(struct fdstack_sites *s, struct space *space, uint64_t process,
		  struct stack_capture *capture, struct stack_trace *trace)
{
	struct stack_process_id own = process_of(process);
	int err;

	capture->process = process_of(space->owner);
	err = stacks_unwind(s->engine, capture, trace);
	if (!err && trace->end != STACK_END_UNMAPPED)
		return 0;
	if (stacks_remember(s->engine, &own))
		return err;
	space->owner = process;
	capture->process = own;
	return stacks_unwind(s->engine, capture, trace);
}

/* ---- teaching ---- */

static int teach_row(struct fdstack_sites *s, uint64_t space, uint64_t pc,
		     const struct stack_row *row)
{
	union fdstack_row_word value = { .row = { .cfa_offset = row->cfa_offset,
						  .fp_offset = row->fp_offset,
						  .cfa_from_fp = row->cfa_from_fp,
						  .outermost = row->outermost } };
	uint64_t args[] = { space, pc, value.word };

	return bpf_run_program(s->teach_row, args, sizeof(args));
}

static void teach_known(struct fdstack_sites *s, uint64_t space, uint64_t hash, uint32_t site)
{
	uint64_t args[] = { space, hash, site };

	/* What could not be taught is copied and unwound again. */
	bpf_run_program(s->teach_stack, args, sizeof(args));
}

/* Rows of all frames but those that were walked by rows; only a stack that can be walked to its
 * end, or as deep as is looked, is known again. */
static void teach(struct fdstack_sites *s, uint64_t space, const struct stack_trace *trace,
		  size_t walked, uint32_t site)
{
	static const struct stack_row end = { .outermost = true };
	struct stack_row row = {};
	uint64_t hash = 0;
	size_t i;

	for (i = 0; i < trace->cnt; i++) {
		hash = fdstack_hash(hash, trace->pcs[i].pc);
		if (i >= walked && (stacks_row(s->engine, &trace->pcs[i], &row) ||
				    teach_row(s, space, trace->pcs[i].pc, &row)))
			return;
	}
	if (trace->end != STACK_END_OUTERMOST && trace->end != STACK_END_FULL)
		return;
	/* A return address of zero ends a stack too. */
	if (trace->end == STACK_END_OUTERMOST && !row.outermost) {
		if (teach_row(s, space, 0, &end))
			return;
		hash = fdstack_hash(hash, 0);
	}
	teach_known(s, space, hash, site);
}

/* ---- sites ---- */

static struct site_key key_of(const struct stack_trace *trace)
{
	struct site_key key = { 1, 2 };
	size_t i;

	for (i = 0; i < trace->cnt; i++) {
		const struct stack_pc *pc = &trace->pcs[i];

		key.a = fdstack_hash(fdstack_hash(key.a, pc->module), pc->offset);
		key.b = fdstack_hash(fdstack_hash(key.b, pc->offset), pc->module);
	}
	key.a = fdstack_hash(key.a, trace->end);
	return key;
}

static void keep_unnamed(struct fdstack_sites *s, uint32_t site,
			 const struct stack_process_id *process, const struct stack_trace *trace)
{
	size_t size = trace->cnt * sizeof(*trace->pcs);
	struct unnamed *u = malloc(sizeof(*u) + size);

	if (!u)
		return;
	*u = (struct unnamed){ .site = site, .process = *process, .end = trace->end,
			       .cnt = trace->cnt, .next = s->unnamed };
	memcpy(u->pcs, trace->pcs, size);
	s->unnamed = u;
}

static uint32_t site_of(struct fdstack_sites *s, const struct stack_process_id *process,
			const struct stack_trace *trace)
{
	struct site_key key = key_of(trace);
	struct known_site *known;

	HASH_FIND(hh, s->known, &key, sizeof(key), known);
	if (known)
		return known->id;
	known = calloc(1, sizeof(*known));
	if (!known || leaks_add_site(s->leaks, &known->id)) {
		free(known);
		return LEAKS_SITE_LOST;
	}
	known->key = key;
	HASH_ADD(hh, s->known, key, sizeof(known->key), known);
	keep_unnamed(s, known->id, process, trace);
	return known->id;
}

static uint32_t site_of_gone(struct fdstack_sites *s)
{
	if (!s->gone && !leaks_add_site(s->leaks, &s->gone))
		explain(s->leaks, s->gone, "process_gone");
	return s->gone ? s->gone : LEAKS_SITE_LOST;
}

uint32_t fdstack_sites_capture(struct fdstack_sites *s, const struct fdstack_capture *c)
{
	uint64_t callees[FDSTACK_DEPTH_MAX];
	struct stack_capture capture = { .regs_known = c->callee_cnt ? REGS_OF_WALK :
								       STACK_REGS_ALL,
					 .callees = callees,
					 .callee_cnt = c->callee_cnt,
					 .stack_address = c->stack_address,
					 .stack = (const uint8_t *)(c + 1),
					 .stack_len = c->rec.stack_len };
	struct stack_pc pcs[FDSTACK_DEPTH_MAX];
	struct stack_trace trace = { .pcs = pcs, .cap = FDSTACK_DEPTH_MAX };
	struct space *space = space_get(s, c->rec.space, c->rec.process);
	uint32_t site;
	int err;

	if (!space)
		return LEAKS_SITE_LOST;
	if (c->callee_cnt > FDSTACK_DEPTH_MAX)
		return LEAKS_SITE_LOST;
	memcpy(callees, c->callees, sizeof(callees));
	memcpy(capture.regs, c->regs, sizeof(capture.regs));
	err = unwind(s, space, c->rec.process, &capture, &trace);
	if (err)
		return err == -ESRCH ? site_of_gone(s) : LEAKS_SITE_LOST;
	site = site_of(s, &capture.process, &trace);
	if (site != LEAKS_SITE_LOST)
		teach(s, c->rec.space, &trace, c->callee_cnt, site);
	return site;
}

/* ---- names ---- */

/* Frames as they come; their texts as offsets plus one, until all are there. */
struct naming {
	struct buf frames;
	struct buf text;
};

static const char *add_text(struct naming *n, const char *text)
{
	size_t at = n->text.len;

	if (!text)
		return NULL;
	buf_append(&n->text, text, strlen(text) + 1);
	return (const char *)(at + 1);
}

static void add_frames(struct naming *n, const struct frame *frames, size_t cnt)
{
	size_t i;

	for (i = 0; i < cnt; i++) {
		struct frame f = frames[i];

		f.function = add_text(n, f.function);
		f.module = add_text(n, f.module);
		f.file = add_text(n, f.file);
		buf_append(&n->frames, &f, sizeof(f));
	}
}

static const char *moved(const char *offset, char *base)
{
	return offset ? base + (size_t)offset - 1 : NULL;
}

static struct leak_stack *finish(const struct naming *n, enum stack_end end)
{
	size_t i, cnt = n->frames.len / sizeof(struct frame);
	struct leak_stack *stack;
	char *text;

	if (n->frames.err || n->text.err)
		return NULL;
	stack = malloc(sizeof(*stack) + n->frames.len + n->text.len);
	if (!stack)
		return NULL;
	*stack = (struct leak_stack){ .frames = (struct frame *)(stack + 1), .cnt = cnt,
				      .end = stack_end_names[end] };
	text = (char *)(stack->frames + cnt);
	if (cnt)
		memcpy(stack->frames, n->frames.data, n->frames.len);
	if (n->text.len)
		memcpy(text, n->text.data, n->text.len);
	for (i = 0; i < cnt; i++) {
		stack->frames[i].function = moved(stack->frames[i].function, text);
		stack->frames[i].module = moved(stack->frames[i].module, text);
		stack->frames[i].file = moved(stack->frames[i].file, text);
	}
	return stack;
}

static void name(struct fdstack_sites *s, const struct unnamed *u)
{
	const struct frame *frames;
	struct naming n = {};
	struct leak_stack *stack;
	size_t i, cnt;

	for (i = 0; i < u->cnt; i++)
		if (!stacks_resolve(s->engine, &u->process, &u->pcs[i], &frames, &cnt))
			add_frames(&n, frames, cnt);
	stack = finish(&n, u->end);
	if (stack)
		leaks_set_stack(s->leaks, u->site, stack);
	buf_fini(&n.frames);
	buf_fini(&n.text);
}

bool fdstack_sites_name(struct fdstack_sites *s)
{
	struct unnamed *u;

	while ((u = s->unnamed)) {
		s->unnamed = u->next;
		name(s, u);
		free(u);
	}
	return !stacks_servers_timed_out(s->engine);
}
