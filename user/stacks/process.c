// SPDX-License-Identifier: BSD-2-Clause
/* Remembered processes: what they mapped where, and the files open for as long as they are
 * known. */
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "stacks/internal.h"

#define MAPS_BYTES_MAX (32 << 20)
/* An address outside of all that is known means a new library, or garbage: no more looks than
 * these. */
#define AGAIN_NS 200000000ull

static bool same_id(const struct stack_process_id *a, const struct stack_process_id *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks;
}

struct space *space_find(struct stacks *s, const struct stack_process_id *id)
{
	size_t i;

	for (i = 0; i < STACKS_PROCESSES_MAX; i++) {
		struct space *p = s->processes[i];

		if (!p || !same_id(&p->id, id))
			continue;
		p->last_use = ++s->use_cnt;
		return p;
	}
	return NULL;
}

static void put_modules(struct stacks *s, struct maps *maps)
{
	size_t i;

	for (i = 0; i < maps->cnt; i++)
		module_put(s, maps->rows[i].module);
	maps_fini(maps);
}

void space_free(struct stacks *s, struct space *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < STACKS_PROCESSES_MAX; i++)
		if (s->processes[i] == p)
			s->processes[i] = NULL;
	put_modules(s, &p->maps);
	jitmap_fini(&p->jit);
	free(p);
}

/* The place of a new process: empty, or made so. */
static struct space **free_place(struct stacks *s)
{
	struct space **oldest = &s->processes[0];
	size_t i;

	for (i = 0; i < STACKS_PROCESSES_MAX; i++) {
		if (!s->processes[i])
			return &s->processes[i];
		if (s->processes[i]->last_use < (*oldest)->last_use)
			oldest = &s->processes[i];
	}
	space_free(s, *oldest);
	return oldest;
}

static int add_process(struct stacks *s, const struct stack_process_id *id, struct space **ret)
{
	struct space *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->id = *id;
	p->last_use = ++s->use_cnt;
	*free_place(s) = p;
	*ret = p;
	return 0;
}

/* ---- maps and their files ---- */

static int read_maps(int pid_fd, struct maps *ret)
{
	int fd = openat(pid_fd, "maps", O_RDONLY | O_CLOEXEC);
	struct buf text = {};
	int err;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	err = procfile_read(fd, MAPS_BYTES_MAX, &text);
	close(fd);
	if (!err)
		err = maps_parse(text.data, text.len, ret);
	buf_fini(&text);
	return err;
}

static bool same_file(const struct map_row *a, const struct map_row *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* From the row before, or from the same row of what was known. 0: neither. */
static uint32_t known_module(struct stacks *s, const struct maps *maps, size_t i,
			     const struct maps *old)
{
	const struct map_row *row = &maps->rows[i];
	const struct map_row *like = i ? &maps->rows[i - 1] : NULL;
	struct module *m;

	if (!like || !like->module || !same_file(like, row))
		like = maps_find(old, row->start);
	if (!like || !like->module || !same_file(like, row))
		return 0;
	m = module_find(s, like->module);
	if (!m || !m->elf || m->image)
		return 0;
	m->users++;
	return m->id;
}

/* A file that cannot be opened still has a name, and is known by what maps say. */
static int open_file(struct stacks *s, int pid_fd, const struct map_row *row, const char *path,
		     struct module **ret)
{
	struct stat st = { .st_dev = makedev(row->dev_major, row->dev_minor),
			   .st_ino = (ino_t)row->inode };
	int fd = -1;

	if (procfile_open_mapped(s->proc_fd, pid_fd, row, path, &st, &fd))
		fd = -1;
	return module_open(s, fd, &st, path, ret);
}

static int open_vdso(struct stacks *s, int pid_fd, const struct map_row *row, const char *path,
		     struct module **ret)
{
	void *image = NULL;
	size_t len = 0;
	int err = procfile_read_vdso(pid_fd, row, &image, &len);

	return err ? err : module_open_image(s, image, len, path, ret);
}

/* A row without a module costs names, not the rest of the stack. */
static void open_row(struct stacks *s, int pid_fd, struct maps *maps, size_t i,
		     const struct maps *old)
{
	struct map_row *row = &maps->rows[i];
	const char *path = maps_path(maps, row);
	struct module *m = NULL;
	int err = -ENOENT;

	row->module = known_module(s, maps, i, old);
	if (row->module)
		return;
	if (maps_is_vdso(maps, row))
		err = open_vdso(s, pid_fd, row, path, &m);
	else if (row->inode && path[0] == '/')
		err = open_file(s, pid_fd, row, path, &m);
	row->module = err ? 0 : m->id;
}

static int read_process(struct stacks *s, struct space *p)
{
	struct maps maps = {};
	int pid_fd = -1;
	size_t i;
	int err = procfile_open_process(s->proc_fd, &p->id, &pid_fd);

	if (err)
		return err;
	err = read_maps(pid_fd, &maps);
	/* A process that is a zombie by now has no maps left, and what is known of it is better. */
	if (!err && !maps.cnt) {
		maps_fini(&maps);
		err = -ESRCH;
	}
	for (i = 0; !err && i < maps.cnt; i++)
		open_row(s, pid_fd, &maps, i, &p->maps);
	close(pid_fd);
	if (err)
		return err;
	put_modules(s, &p->maps);
	p->maps = maps;
	return 0;
}

int stacks_remember(struct stacks *s, const struct stack_process_id *id)
{
	struct space *p = space_find(s, id);
	bool is_new = !p;
	int err = 0;

	if (is_new)
		err = add_process(s, id, &p);
	if (err)
		return err;
	err = read_process(s, p);
	p->read_ns = clock_monotonic_ns();
	if (err && is_new)
		space_free(s, p);
	return err;
}

void stacks_forget(struct stacks *s, const struct stack_process_id *id)
{
	space_free(s, space_find(s, id));
}

int space_get(struct stacks *s, const struct stack_process_id *id, struct space **ret)
{
	struct space *p = space_find(s, id);
	int err = p ? 0 : stacks_remember(s, id);

	if (err)
		return err;
	*ret = p ? p : space_find(s, id);
	return 0;
}

static struct map_row *find_row(struct stacks *s, struct space *p, uint64_t pc)
{
	struct map_row *row = maps_find(&p->maps, pc);

	if (row || clock_monotonic_ns() - p->read_ns < AGAIN_NS)
		return row;
	stacks_remember(s, &p->id);
	return maps_find(&p->maps, pc);
}

bool space_locate(struct stacks *s, struct space *p, struct stack_pc *pc)
{
	/* A call that never returns may be the last instruction of its mapping. */
	uint64_t back = pc->is_return ? 1 : 0;
	const struct map_row *row = find_row(s, p, pc->pc - back);
	const struct module *m;

	pc->module = 0;
	pc->offset = pc->pc;
	if (!row)
		return false;
	m = row->module ? module_find(s, row->module) : NULL;
	if (!m)
		return true;
	pc->module = m->id;
	pc->offset = pc->pc - row->start + row->offset;
	if (module_offset(m, pc->offset - back, &pc->offset))
		pc->offset += back;
	return true;
}

/* ---- names of a JIT ---- */

static void read_jitmap(struct stacks *s, struct space *p)
{
	struct buf text = {};
	struct jitmap map = {};
	struct stat st;
	int pid_fd = -1, fd = -1;

	if (procfile_open_process(s->proc_fd, &p->id, &pid_fd))
		return;
	if (!procfile_open_jitmap(s->proc_fd, pid_fd, p->id.pid, &st, &fd)) {
		bool same = st.st_size == p->jit_st.st_size && st.st_ino == p->jit_st.st_ino;

		if (!same && !procfile_read(fd, JITMAP_BYTES_MAX, &text) &&
		    !jitmap_parse(text.data, text.len, &map)) {
			jitmap_fini(&p->jit);
			p->jit = map;
			p->jit_st = st;
		}
		close(fd);
	}
	buf_fini(&text);
	close(pid_fd);
}

const char *space_jit_name(struct stacks *s, struct space *p, uint64_t pc)
{
	const char *name = jitmap_find(&p->jit, pc);

	if (name || (p->jit_ns && clock_monotonic_ns() - p->jit_ns < AGAIN_NS))
		return name;
	p->jit_ns = clock_monotonic_ns();
	read_jitmap(s, p);
	return jitmap_find(&p->jit, pc);
}
