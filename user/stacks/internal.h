/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine of stacks.h, from the inside. */
#ifndef KTALLY_STACKS_INTERNAL_H
#define KTALLY_STACKS_INTERNAL_H

#include <sys/stat.h>

#include <elfutils/libdwfl.h>

#include "base/buf.h"
#include "stacks/cache.h"
#include "stacks/jitmap.h"
#include "stacks/maps.h"
#include "stacks/stacks.h"

enum module_table { TABLE_EH_FRAME, TABLE_DEBUG_FRAME, TABLE_COUNT };

/* One ELF file, however many processes map it; its addresses are those of its program headers. */
struct module {
	uint32_t id;	/* never the same twice; its slot is id % STACKS_MODULES_MAX */
	uint32_t users; /* rows of maps */
	uint64_t last_use;
	char *path;	/* as the first process that mapped it saw it */
	struct stat st; /* of a file: what it is known by */
	void *image;	/* of the vdso, which has no file; owned */
	size_t image_len;
	Dwfl *dwfl;
	Dwfl_Module *mod; /* of dwfl */
	Elf *elf;	/* NULL: the file could not be read */
	int fd;		/* of elf; -1: it needs none */
	bool handed_over; /* elf and fd are dwfl's to close */
	bool shed;	/* closed to keep descriptors few; may be opened again */
	bool may_name;	/* its debug information is safe to look at */
	struct servers *servers; /* the engine's */
	bool table_asked[TABLE_COUNT];
	Dwarf_CFI *tables[TABLE_COUNT];
};

struct space {
	struct stack_process_id id;
	uint64_t last_use;
	uint64_t read_ns; /* CLOCK_MONOTONIC of maps */
	struct maps maps;
	struct jitmap jit;
	struct stat jit_st;
	uint64_t jit_ns;  /* 0: not looked for yet */
};

/* Of debug information. */
struct servers {
	bool asked;
	bool timed_out; /* and so no longer asked: each module would wait as long */
};

struct names; /* what symbolize.c knows of an address */

struct stacks {
	int proc_fd;
	struct servers servers;
	uint64_t use_cnt;
	uint32_t module_serial;
	struct module *modules[STACKS_MODULES_MAX];
	struct space *processes[STACKS_PROCESSES_MAX];
	struct cache tables; /* Dwarf_Frame by module and address */
	struct cache names;  /* struct names likewise */
	struct names *latest; /* of an address that is in no file */
};

/* module.c. fd is consumed. Both count one more user; the caller puts it back. */
int module_open(struct stacks *s, int fd, const struct stat *st, const char *path,
		struct module **ret);
int module_open_image(struct stacks *s, void *image, size_t len, const char *path,
		      struct module **ret);
void module_put(struct stacks *s, uint32_t id);
void module_free(struct module *m);
/* NULL: closed since, or 0. */
struct module *module_find(struct stacks *s, uint32_t id);
/* False when no executable segment holds this place of the file. */
bool module_offset(const struct module *m, uint64_t file_offset, uint64_t *ret);
/* What the unwind tables say of an address; NULL: nothing. Lives until the next call. */
Dwarf_Frame *module_frame(struct stacks *s, struct module *m, uint64_t offset);

/* process.c */
int space_get(struct stacks *s, const struct stack_process_id *id, struct space **ret);
struct space *space_find(struct stacks *s, const struct stack_process_id *id);
/* Fills in where pc lies; maps are read again when it is nowhere. False: nothing executable
 * there. */
bool space_locate(struct stacks *s, struct space *p, struct stack_pc *pc);
void space_free(struct stacks *s, struct space *p);
/* The name a JIT gave the address; NULL: none. */
const char *space_jit_name(struct stacks *s, struct space *p, uint64_t pc);

/* procfiles.c: files of one process, below its folder in /proc */
int procfile_open_process(int proc_fd, const struct stack_process_id *id, int *ret_fd);
int procfile_read(int fd, size_t max, struct buf *out);
/* The regular file that is mapped, not one of the same name; consumes nothing. */
int procfile_open_mapped(int proc_fd, int pid_fd, const struct map_row *row, const char *path,
			 struct stat *ret_st, int *ret_fd);
int procfile_read_vdso(int pid_fd, const struct map_row *row, void **ret, size_t *ret_len);
/* /tmp/perf-PID.map as the process sees it, of its own user or root. */
int procfile_open_jitmap(int proc_fd, int pid_fd, pid_t pid, struct stat *ret_st, int *ret_fd);

/* eval.c: the caller's registers. STACK_END_COUNT: done, and *regs are the caller's. */
struct stack_regs {
	uint64_t v[STACK_REG_CNT];
	uint64_t known;
};
enum stack_end frame_step(Dwarf_Frame *frame, const struct stack_capture *capture,
			  struct stack_regs *regs);
bool frame_has_pointer(Dwarf_Frame *frame);
bool frame_is_outermost(Dwarf_Frame *frame);
bool capture_read(const struct stack_capture *capture, uint64_t address, uint64_t *ret);

/* row.c */
int frame_row(Dwarf_Frame *frame, struct stack_row *ret);

/* symbolize.c */
void names_free(void *names);

/* The place to look an address up: within the call, not after it. */
static inline uint64_t pc_lookup(const struct stack_pc *pc)
{
	return pc->offset - (pc->is_return ? 1 : 0);
}

#endif
