// SPDX-License-Identifier: BSD-2-Clause
/* ELF files, opened once, shared by all processes that map them, and closed when nobody does and
 * the room is needed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "stacks/internal.h"

/* Debug information of a file that anybody may have made: what is unpacked or read of it, at
 * most. */
#define FOREIGN_DEBUG_MAX (256ull << 20)
/* Files that are read and not mapped cost a descriptor each. */
#define DESCRIPTORS_MAX 128

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* A page of a mapping that its owner cuts off would kill us, so that only files of root are
 * mapped. */
static bool is_foreign(const struct stat *st)
{
	return st->st_uid != 0 || st->st_mode & (S_IWGRP | S_IWOTH);
}

/* Sections through which a file makes us open another one, or unpack without limit. */
static bool leads_astray(const char *section)
{
	return !strcmp(section, ".gnu_debugaltlink") || !strcmp(section, ".gnu_debugdata");
}

static bool foreign_may_name(Elf *elf)
{
	uint64_t total = 0;
	size_t strings;
	Elf_Scn *scn = NULL;

	if (elf_getshdrstrndx(elf, &strings))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		GElf_Chdr chdr;
		const char *name;
		uint64_t bytes;

		if (!gelf_getshdr(scn, &shdr))
			return false;
		name = elf_strptr(elf, strings, shdr.sh_name);
		if (!name || leads_astray(name))
			return false;
		bytes = gelf_getchdr(scn, &chdr) ? chdr.ch_size : shdr.sh_size;
		if (shdr.sh_type != SHT_NOBITS && __builtin_add_overflow(total, bytes, &total))
			return false;
	}
	return total <= FOREIGN_DEBUG_MAX;
}

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
		    char **file_name, Elf **ret_elf)
{
	struct module *m = *userdata;

	m->handed_over = true;
	*ret_elf = m->elf;
	return m->fd;
}

/* Under /usr/lib/debug/.build-id and nowhere else; then from the servers, if they are asked. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file_name, const char *link, GElf_Word link_crc,
			  char **ret_name)
{
	struct servers *servers = ((struct module *)*userdata)->servers;
	int fd;

	if (!servers->asked)
		return dwfl_build_id_find_debuginfo(mod, userdata, name, base, file_name, link,
						    link_crc, ret_name);
	fd = dwfl_standard_find_debuginfo(mod, userdata, name, base, file_name, link, link_crc,
					  ret_name);
	servers->timed_out = fd == -ETIME; /* as debuginfod_find_debuginfo(3) has it */
	servers->asked = !servers->timed_out;
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

/* Where libdwfl puts the file when told to keep its addresses: the aligned start of the first
 * segment, to the end of the last. */
static bool span(Elf *elf, uint64_t *ret_start, uint64_t *ret_end)
{
	uint64_t start = UINT64_MAX, end = 0;
	size_t cnt, i;

	if (elf_getphdrnum(elf, &cnt))
		return false;
	for (i = 0; i < cnt; i++) {
		GElf_Phdr p;
		uint64_t stop;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD)
			continue;
		if (__builtin_add_overflow(p.p_vaddr, p.p_memsz, &stop))
			return false;
		if (start == UINT64_MAX)
			start = p.p_align > 1 ? p.p_vaddr & -p.p_align : p.p_vaddr;
		end = stop > end ? stop : end;
	}
	*ret_start = start;
	*ret_end = end;
	return start < end;
}

/* Hands m->elf over to a session of its own; bias 0 is what makes all addresses those of the
 * file. */
static int start_session(struct stacks *s, struct module *m)
{
	uint64_t start, end;
	void **userdata;
	GElf_Addr bias = 0;

	if (elf_kind(m->elf) != ELF_K_ELF || !span(m->elf, &start, &end))
		return -ENOEXEC;
	m->servers = &s->servers;
	m->dwfl = dwfl_begin(&callbacks);
	if (!m->dwfl)
		return -ENOMEM;
	dwfl_report_begin(m->dwfl);
	m->mod = dwfl_report_module(m->dwfl, m->path, start, end);
	if (!m->mod || dwfl_report_end(m->dwfl, NULL, NULL))
		return -ENOMEM;
	dwfl_module_info(m->mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = m;
	if (dwfl_module_getelf(m->mod, &bias) != m->elf || bias)
		return -ENOEXEC;
	return 0;
}

/* Takes fd. A mapped file needs it no longer; a foreign one is read through it, as parts are
 * needed. */
static int open_elf(struct stacks *s, struct module *m, int fd)
{
	bool foreign = is_foreign(&m->st);

	m->fd = fd;
	m->elf = elf_begin(fd, foreign ? ELF_C_READ : ELF_C_READ_MMAP_PRIVATE, NULL);
	if (!m->elf)
		return -ENOEXEC;
	m->may_name = !foreign || foreign_may_name(m->elf);
	if (!foreign && !elf_cntl(m->elf, ELF_C_FDREAD)) {
		close(fd);
		m->fd = -1;
	}
	return start_session(s, m);
}

/* The name stays: a file that cannot be read is still where the code is. */
static void close_elf(struct module *m)
{
	dwfl_end(m->dwfl);
	if (!m->handed_over) {
		elf_end(m->elf);
		if (m->fd >= 0)
			close(m->fd);
	}
	m->dwfl = NULL;
	m->mod = NULL;
	m->elf = NULL;
	m->fd = -1;
	m->handed_over = false;
	memset(m->table_asked, 0, sizeof(m->table_asked));
	memset(m->tables, 0, sizeof(m->tables));
}

void module_free(struct module *m)
{
	if (!m)
		return;
	close_elf(m);
	free(m->image);
	free(m->path);
	free(m);
}

/* What was learned of a file refers to it. */
static void forget_learned(struct stacks *s, const struct module *m)
{
	cache_forget_module(&s->tables, m->id);
	cache_forget_module(&s->names, m->id);
}

static void evict(struct stacks *s, uint32_t slot)
{
	struct module *m = s->modules[slot];

	forget_learned(s, m);
	module_free(m);
	s->modules[slot] = NULL;
}

/* The longest unused of too many descriptors is closed; its module keeps its name and its users. */
static void shed_descriptor(struct stacks *s)
{
	struct module *oldest = NULL;
	size_t cnt = 0, i;

	for (i = 0; i < STACKS_MODULES_MAX; i++) {
		struct module *m = s->modules[i];

		if (!m || m->fd < 0)
			continue;
		cnt++;
		if (!oldest || m->last_use < oldest->last_use)
			oldest = m;
	}
	if (cnt < DESCRIPTORS_MAX)
		return;
	forget_learned(s, oldest);
	close_elf(oldest);
	oldest->shed = true;
}

/* An empty slot, else that of the longest unused module that no process maps. */
static int free_slot(struct stacks *s, uint32_t *ret)
{
	const struct module *oldest = NULL;
	uint32_t i;

	for (i = 0; i < STACKS_MODULES_MAX; i++) {
		const struct module *m = s->modules[i];

		if (!m) {
			*ret = i;
			return 0;
		}
		if (!m->users && (!oldest || m->last_use < oldest->last_use))
			oldest = m;
	}
	if (!oldest)
		return -ENOSPC;
	*ret = oldest->id % STACKS_MODULES_MAX;
	evict(s, *ret);
	return 0;
}

static struct module *use(struct stacks *s, struct module *m)
{
	m->users++;
	m->last_use = ++s->use_cnt;
	return m;
}

static int add(struct stacks *s, struct module *m, struct module **ret)
{
	uint32_t slot = 0;
	int err = free_slot(s, &slot);

	if (err) {
		module_free(m);
		return err;
	}
	if (++s->module_serial == UINT32_MAX / STACKS_MODULES_MAX)
		s->module_serial = 1;
	m->id = s->module_serial * STACKS_MODULES_MAX + slot;
	s->modules[slot] = m;
	*ret = use(s, m);
	return 0;
}

static struct module *new_module(const char *path)
{
	struct module *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->fd = -1;
	m->path = strdup(path);
	if (m->path)
		return m;
	free(m);
	return NULL;
}

static void open_or_name_only(struct stacks *s, struct module *m, int fd)
{
	shed_descriptor(s);
	m->shed = false;
	if (open_elf(s, m, fd))
		close_elf(m);
}

static struct module *find_file(struct stacks *s, const struct stat *st)
{
	size_t i;

	for (i = 0; i < STACKS_MODULES_MAX; i++)
		if (s->modules[i] && !s->modules[i]->image && same_file(&s->modules[i]->st, st))
			return s->modules[i];
	return NULL;
}

int module_open(struct stacks *s, int fd, const struct stat *st, const char *path,
		struct module **ret)
{
	struct module *m = find_file(s, st);
	bool known = m != NULL;

	if (!known)
		m = new_module(path);
	if (m && fd >= 0 && (!known || m->shed)) {
		m->st = *st;
		open_or_name_only(s, m, fd);
	} else if (fd >= 0) {
		close(fd);
	}
	if (!m)
		return -ENOMEM;
	m->st = *st;
	if (!known)
		return add(s, m, ret);
	*ret = use(s, m);
	return 0;
}

int module_open_image(struct stacks *s, void *image, size_t len, const char *path,
		      struct module **ret)
{
	struct module *m;
	size_t i;

	for (i = 0; i < STACKS_MODULES_MAX; i++) {
		m = s->modules[i];
		if (!m || m->image_len != len || !m->image || memcmp(m->image, image, len))
			continue;
		free(image);
		*ret = use(s, m);
		return 0;
	}
	m = new_module(path);
	if (!m) {
		free(image);
		return -ENOMEM;
	}
	m->image = image;
	m->image_len = len;
	m->elf = elf_memory(image, len);
	m->may_name = true;
	if (!m->elf || start_session(s, m))
		close_elf(m);
	return add(s, m, ret);
}

struct module *module_find(struct stacks *s, uint32_t id)
{
	struct module *m = s->modules[id % STACKS_MODULES_MAX];

	if (!m || m->id != id)
		return NULL;
	m->last_use = ++s->use_cnt;
	return m;
}

void module_put(struct stacks *s, uint32_t id)
{
	struct module *m = id ? module_find(s, id) : NULL;

	if (m && m->users)
		m->users--;
}

bool module_offset(const struct module *m, uint64_t file_offset, uint64_t *ret)
{
	size_t cnt, i;

	if (!m->elf || elf_getphdrnum(m->elf, &cnt))
		return false;
	for (i = 0; i < cnt; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(m->elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
			continue;
		if (file_offset >= p.p_offset && file_offset - p.p_offset < p.p_filesz) {
			*ret = p.p_vaddr + (file_offset - p.p_offset);
			return true;
		}
	}
	return false;
}

/* ---- unwind tables ---- */

static bool is_our_machine(Elf *elf)
{
	GElf_Ehdr ehdr;

	return gelf_getehdr(elf, &ehdr) && ehdr.e_machine == STACK_MACHINE &&
	       ehdr.e_ident[EI_CLASS] == ELFCLASS64;
}

/* .debug_frame means opening the debug information: last resort, for what .eh_frame leaves out. */
static Dwarf_CFI *table_of(struct module *m, enum module_table which)
{
	Dwarf_Addr bias = 0;

	if (m->table_asked[which] || !m->elf)
		return m->tables[which];
	m->table_asked[which] = true;
	if (!is_our_machine(m->elf))
		return NULL;
	if (which == TABLE_EH_FRAME)
		m->tables[which] = dwfl_module_eh_cfi(m->mod, &bias);
	else if (m->may_name)
		m->tables[which] = dwfl_module_dwarf_cfi(m->mod, &bias);
	if (bias)
		m->tables[which] = NULL;
	return m->tables[which];
}

Dwarf_Frame *module_frame(struct stacks *s, struct module *m, uint64_t offset)
{
	struct cache_slot *slot = cache_find(&s->tables, m->id, offset);
	Dwarf_Frame *frame = NULL;
	int which;

	if (slot)
		return slot->value;
	for (which = 0; !frame && which < TABLE_COUNT; which++) {
		Dwarf_CFI *table = table_of(m, which);

		if (!table || dwarf_cfi_addrframe(table, offset, &frame))
			frame = NULL;
	}
	cache_put(&s->tables, m->id, offset, frame);
	return frame;
}
