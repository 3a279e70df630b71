// SPDX-License-Identifier: BSD-2-Clause
/* Addresses into names: debug information first, then symbol tables, then the JIT's own word. A
 * symbol without a size, or one that ends before the address, names nothing. */
#include <string.h>

#include <dwarf.h>

#include "stacks/demangle.h"
#include "stacks/internal.h"

/* One allocation: frames, and behind them the strings that they point to. */
struct names {
	size_t cnt;
	struct frame frames[];
};

/* While strings move: their places, 0 for none. */
struct draft {
	struct buf text; /* starts with one byte that nobody refers to */
	size_t cnt;
	struct frame frames[STACKS_FRAMES_MAX];
	size_t function[STACKS_FRAMES_MAX];
	size_t file[STACKS_FRAMES_MAX];
};

void names_free(void *names)
{
	free(names);
}

static size_t add_function(struct draft *d, const char *symbol)
{
	size_t at = d->text.len;

	if (!symbol)
		return 0;
	demangle(symbol, &d->text);
	buf_putc(&d->text, 0);
	return at;
}

static size_t add_file(struct draft *d, const char *file)
{
	size_t at = d->text.len;

	if (!file)
		return 0;
	buf_append(&d->text, file, strlen(file) + 1);
	return at;
}

static int finish(const struct draft *d, struct names **ret)
{
	size_t frames = sizeof(struct names) + d->cnt * sizeof(struct frame);
	struct names *names;
	char *text;
	size_t i;

	if (d->text.err)
		return d->text.err;
	names = malloc(frames + d->text.len);
	if (!names)
		return -ENOMEM;
	text = (char *)names + frames;
	memcpy(text, d->text.data, d->text.len);
	names->cnt = d->cnt;
	for (i = 0; i < d->cnt; i++) {
		names->frames[i] = d->frames[i];
		names->frames[i].function = d->function[i] ? text + d->function[i] : NULL;
		names->frames[i].file = d->file[i] ? text + d->file[i] : NULL;
	}
	*ret = names;
	return 0;
}

/* ---- debug information ---- */

/* The linkage name tells overloads apart; C has none. */
static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attr) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr))
		name = dwarf_formstring(&attr);
	return name ? name : dwarf_diename(die);
}

static bool die_number(Dwarf_Die *die, unsigned int name, Dwarf_Word *ret)
{
	Dwarf_Attribute attr;

	return dwarf_attr(die, name, &attr) && !dwarf_formudata(&attr, ret);
}

/* Where the function that is inlined here was called: a place in the frame around it. */
static void call_site(struct draft *d, size_t i, Dwarf_Die *cu, Dwarf_Die *inlined)
{
	Dwarf_Files *files;
	Dwarf_Word number;
	size_t cnt;

	if (die_number(inlined, DW_AT_call_line, &number))
		d->frames[i].line = (uint32_t)number;
	if (die_number(inlined, DW_AT_call_file, &number) && !dwarf_getsrcfiles(cu, &files, &cnt) &&
	    number < cnt)
		d->file[i] = add_file(d, dwarf_filesrc(files, number, NULL, NULL));
}

/* The first frame is there already, with its line; each function around adds one. */
static void walk_scopes(struct draft *d, Dwarf_Die *cu, Dwarf_Die *scopes, int cnt)
{
	int i;

	for (i = 0; i < cnt; i++) {
		int tag = dwarf_tag(&scopes[i]);
		size_t at = d->cnt - 1;

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		d->function[at] = add_function(d, die_name(&scopes[i]));
		if (tag == DW_TAG_subprogram || d->cnt == STACKS_FRAMES_MAX)
			return;
		d->frames[at].inlined = true;
		d->frames[d->cnt++] = (struct frame){ .module = d->frames[at].module,
							    .offset = d->frames[at].offset };
		call_site(d, at + 1, cu, &scopes[i]);
	}
}

/* Scopes by address follow an inlined function to where it is defined; by entry, to where it was
 * put. */
static void add_scopes(struct draft *d, Dwarf_Die *cu, Dwarf_Addr address)
{
	Dwarf_Die *by_address = NULL, *by_entry = NULL;
	int cnt = dwarf_getscopes(cu, address, &by_address);

	if (cnt > 0) {
		cnt = dwarf_getscopes_die(&by_address[0], &by_entry);
		if (cnt > 0)
			walk_scopes(d, cu, by_entry, cnt);
	}
	free(by_entry);
	free(by_address);
}

static void add_line(struct draft *d, Dwarf_Die *cu, Dwarf_Addr address)
{
	Dwarf_Line *line = dwarf_getsrc_die(cu, address);
	int number = 0;

	if (!line || dwarf_lineno(line, &number) || number <= 0)
		return;
	d->file[0] = add_file(d, dwarf_linesrc(line, NULL, NULL));
	d->frames[0].line = (uint32_t)number;
}

/* gcc writes an index of addresses, .debug_aranges; clang, rustc and Go do not, and every unit is
 * asked. */
static Dwarf_Die *find_unit(const struct module *m, uint64_t address, Dwarf_Addr *ret_bias)
{
	Dwarf_Die *cu = dwfl_module_addrdie(m->mod, address, ret_bias);

	if (cu)
		return cu;
	while ((cu = dwfl_module_nextcu(m->mod, cu, ret_bias)))
		if (dwarf_haspc(cu, address - *ret_bias) > 0)
			return cu;
	return NULL;
}

/* ---- symbols ---- */

static const char *symbol_of(const struct module *m, uint64_t address)
{
	GElf_Off off = 0;
	GElf_Sym sym;
	const char *name = dwfl_module_addrinfo(m->mod, address, &off, &sym, NULL, NULL, NULL);

	return name && *name && off < sym.st_size ? name : NULL;
}

static void draft_module(struct draft *d, const struct module *m, uint64_t address)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *cu;
	size_t last;

	d->frames[0].module = m->path;
	if (!m->elf || !m->may_name)
		return;
	cu = find_unit(m, address, &bias);
	if (cu) {
		add_line(d, cu, address - bias);
		add_scopes(d, cu, address - bias);
	}
	last = d->cnt - 1;
	if (!d->function[last])
		d->function[last] = add_function(d, symbol_of(m, address));
}

static int look_up(const struct module *m, const struct stack_pc *pc, const char *jit_name,
		   struct names **ret)
{
	struct draft d = { .cnt = 1 };
	int err;

	buf_putc(&d.text, 0);
	d.frames[0].offset = pc->offset;
	if (m)
		draft_module(&d, m, pc_lookup(pc));
	if (!d.function[0] && d.cnt == 1 && jit_name) {
		d.function[0] = d.text.len;
		buf_append(&d.text, jit_name, strlen(jit_name) + 1);
	}
	err = finish(&d, ret);
	buf_fini(&d.text);
	return err;
}

static int look_up_file(struct stacks *s, const struct module *m, const struct stack_pc *pc,
			struct names **ret)
{
	struct cache_slot *slot = cache_find(&s->names, m->id, pc_lookup(pc));
	int err;

	if (slot) {
		*ret = slot->value;
		return 0;
	}
	err = look_up(m, pc, NULL, ret);
	if (!err)
		cache_put(&s->names, m->id, pc_lookup(pc), *ret);
	return err;
}

/* Code in memory, which changes: nothing is remembered. */
static int look_up_memory(struct stacks *s, const struct stack_process_id *id,
			  const struct module *m, const struct stack_pc *pc, struct names **ret)
{
	struct space *p = space_find(s, id);
	uint64_t at = pc->pc - (pc->is_return ? 1 : 0);
	const char *name = p ? space_jit_name(s, p, at) : NULL;
	int err = look_up(m, pc, name, ret);

	if (err)
		return err;
	names_free(s->latest);
	s->latest = *ret;
	return 0;
}

int stacks_resolve(struct stacks *s, const struct stack_process_id *id, const struct stack_pc *pc,
		   const struct frame **ret_frames, size_t *ret_cnt)
{
	const struct module *m = pc->module ? module_find(s, pc->module) : NULL;
	struct names *names = NULL;
	size_t i;
	int err;

	if (m && m->elf)
		err = look_up_file(s, m, pc, &names);
	else
		err = look_up_memory(s, id, m, pc, &names);
	if (err)
		return err;
	for (i = 0; i < names->cnt; i++) {
		names->frames[i].trusted = pc->how < STACK_GUESSED;
		names->frames[i].offset = pc->offset;
	}
	*ret_frames = names->frames;
	*ret_cnt = names->cnt;
	return 0;
}
