// SPDX-License-Identifier: BSD-2-Clause
/* The reader of bpfread.h. */
#include "base/bpfread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfload.h"
#include "bpf/read.h"

/* The kernel hands out an iterator's output in pieces of at most this (bpf_seq_read). */
#define PIECE_SIZE 32768

#define BATCH_START 256 /* elements; a bucket must fit, so it may grow */

/* Maps with less room are read whole as fast. */
#define FIND_MIN (4 * WANTED_MAX)

#define WANTED_BYTES (WANTED_MAX * sizeof(uint64_t))

/* ---- what is wanted ---- */

int bpf_wanted_open(struct bpf_wanted *w, const struct bpf_map *map)
{
	void *ids = mmap(NULL, WANTED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map),
			 0);

	if (ids == MAP_FAILED)
		return -errno;
	*w = (struct bpf_wanted){ .fd = bpf_map__fd(map), .ids = ids };
	return 0;
}

void bpf_wanted_close(struct bpf_wanted *w)
{
	if (w->ids)
		munmap(w->ids, WANTED_BYTES);
	*w = (struct bpf_wanted){ .fd = -1 };
}

static void want(struct bpf_wanted *w, uint32_t i, uint64_t id)
{
	w->changed |= w->ids[i] != id;
	w->ids[i] = id;
}

void bpf_wanted_begin(struct bpf_wanted *w)
{
	w->next = 0;
	w->changed = false;
}

bool bpf_wanted_add(struct bpf_wanted *w, uint64_t id)
{
	bool fits = w->next < WANTED_MAX;

	if (fits)
		want(w, w->next, id);
	if (w->next <= WANTED_MAX)
		w->next++;
	return fits;
}

void bpf_wanted_end(struct bpf_wanted *w)
{
	uint32_t i, cnt = w->next > WANTED_MAX ? 0 : w->next;

	for (i = cnt; i < WANTED_MAX && w->ids[i]; i++)
		want(w, i, 0);
	w->changes += cnt != w->cnt || (cnt && w->changed);
	w->cnt = cnt;
}

/* ---- readers ---- */

void bpf_reader_enable(const struct bpf_shared *shared, struct bpf_program *read,
		       struct bpf_program *forget)
{
	bpf_program__set_autoload(read, shared->map_iterators);
	bpf_program__set_autoattach(read, false);
	bpf_run_enable(forget);
}

static struct bpf_link *iterate(const struct bpf_program *prog, int map_fd)
{
	union bpf_iter_link_info info = { .map.map_fd = map_fd };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__fd(prog) < 0 ? NULL : bpf_program__attach_iter(prog, &opts);
}

void bpf_reader_open(struct bpf_reader *r, const struct bpf_map *map,
		     const struct bpf_program *read, const struct bpf_program *forget)
{
	bpf_reader_close(r);
	r->map = map;
	r->key_size = bpf_map__key_size(map);
	r->value_size = bpf_map__value_size(map);
	r->link = iterate(read, bpf_map__fd(map));
	if (bpf_program__fd(forget) >= 0)
		r->forget = forget;
}

void bpf_reader_enable_find(const struct bpf_shared *shared, struct bpf_program *find)
{
	bpf_program__set_autoload(find,
				  shared->map_iterators && shared->capacity >= FIND_MIN);
	bpf_program__set_autoattach(find, false);
}

void bpf_reader_find(struct bpf_reader *r, const struct bpf_wanted *wanted,
		     const struct bpf_program *find)
{
	r->wanted = wanted;
	r->find = iterate(find, wanted->fd);
}

void bpf_reader_share(struct bpf_reader *r, struct bpf_room *room)
{
	r->shared = room;
}

void bpf_reader_count(struct bpf_reader *r, const unsigned long long *changes, bool values_too)
{
	r->changes = changes;
	r->values_too = values_too && !r->shared;
	r->changes_seen = UINT64_MAX;
	r->still = false;
}

int bpf_reader_open_tasks(struct bpf_reader *r, const struct bpf_program *read, int32_t only_pid,
			  size_t record_size, char *reason)
{
	bpf_reader_close(r);
	r->value_size = record_size;
	return bpfload_attach_task_iter(read, only_pid, &r->link, reason);
}

void bpf_reader_close(struct bpf_reader *r)
{
	bpf_link__destroy(r->link);
	bpf_link__destroy(r->find);
	bpf_room_fini(&r->own);
	free(r->batch.keys);
	free(r->batch.values);
	memset(r, 0, sizeof(*r));
}

void bpf_room_fini(struct bpf_room *room)
{
	free(room->records);
	*room = (struct bpf_room){ 0 };
}

static struct bpf_room *room_of(struct bpf_reader *r)
{
	return r->shared ? r->shared : &r->own;
}

/* Room for so many bytes more. */
static int make_room(struct bpf_reader *r, size_t more)
{
	struct bpf_room *room = room_of(r);
	size_t size = room->size ? room->size : more;
	char *records;

	while (size - r->len < more)
		size += size / 4;
	if (size == room->size)
		return 0;
	records = realloc(room->records, size);
	if (!records)
		return -ENOMEM;
	room->records = records;
	room->size = size;
	return 0;
}

/* ---- by iterator ---- */

/* One piece. Bytes, 0 at the end, or -errno. */
static ssize_t read_piece(struct bpf_reader *r, int fd)
{
	const struct bpf_room *room = room_of(r);
	int err = make_room(r, PIECE_SIZE);
	ssize_t n;

	if (err)
		return err;
	do
		n = read(fd, room->records + r->len, room->size - r->len);
	while (n < 0 && errno == EAGAIN); /* after a million elements that wrote nothing */
	return n < 0 ? -errno : n;
}

static bool finds(const struct bpf_reader *r)
{
	return r->find && r->wanted->cnt;
}

static int read_iterator(struct bpf_reader *r)
{
	int fd = bpf_iter_create(bpf_link__fd(finds(r) ? r->find : r->link));
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read_piece(r, fd)) > 0)
		r->len += n;
	close(fd);
	return n;
}

/* ---- by batches ---- */

static int batch_resize(struct bpf_batch *b, const struct bpf_reader *r, uint32_t cap)
{
	free(b->keys);
	free(b->values);
	b->keys = malloc(cap * r->key_size);
	b->values = malloc(cap * r->value_size);
	b->cap = b->keys && b->values ? cap : 0;
	return b->cap ? 0 : -ENOMEM;
}

static int batch_append(struct bpf_reader *r, uint32_t count)
{
	int err = make_room(r, count * (r->key_size + r->value_size));
	char *out = room_of(r)->records + r->len;
	uint32_t i;

	if (err)
		return err;
	for (i = 0; i < count; i++) {
		memcpy(out, r->batch.keys + i * r->key_size, r->key_size);
		memcpy(out + r->key_size, r->batch.values + i * r->value_size, r->value_size);
		out += r->key_size + r->value_size;
	}
	r->len += count * (r->key_size + r->value_size);
	return 0;
}

/* cursor: a bucket number for hash maps; room for any key. 0: more follows, -ENOENT: that was the
 * end. */
static int batch_next(struct bpf_reader *r, char cursor[64], bool *first)
{
	struct bpf_batch *b = &r->batch;
	__u32 count = b->cap;
	int append_err, err;

	err = bpf_map_lookup_batch(bpf_map__fd(r->map), *first ? NULL : cursor, cursor, b->keys,
				   b->values, &count, NULL);
	if (err == -ENOSPC)
		return batch_resize(b, r, b->cap * 2);
	if (err && err != -ENOENT)
		return err;
	*first = false;
	append_err = batch_append(r, count);
	return append_err ? append_err : err;
}

static int read_batches(struct bpf_reader *r)
{
	char cursor[64];
	bool first = true;
	int err = r->batch.cap ? 0 : batch_resize(&r->batch, r, BATCH_START);

	while (!err)
		err = batch_next(r, cursor, &first);
	return err == -ENOENT ? 0 : err;
}

/* Is what was read last still all there is? A change may be seen after its count, where the machine
 * orders neither: so the count has to stand still for one whole read. */
static bool is_current(struct bpf_reader *r)
{
	uint64_t changes = r->changes ? *(const volatile unsigned long long *)r->changes : 0;
	uint64_t wanted = r->wanted ? r->wanted->changes : 0;
	bool was_still = r->still;

	if (!r->changes)
		return false;
	r->still = changes == r->changes_seen && wanted == r->wanted_seen;
	r->changes_seen = changes;
	r->wanted_seen = wanted;
	return was_still && r->still && (r->values_too || !r->count);
}

int bpf_reader_read(struct bpf_reader *r)
{
	int err;

	if (is_current(r))
		return 0;
	r->len = 0;
	err = r->link ? read_iterator(r) : read_batches(r);
	r->count = r->len / (r->key_size + r->value_size);
	r->still = r->still && !err;
	return err;
}

const void *bpf_reader_key(const struct bpf_reader *r, size_t i)
{
	const struct bpf_room *room = r->shared ? r->shared : &r->own;

	return room->records + i * (r->key_size + r->value_size);
}

const void *bpf_reader_value(const struct bpf_reader *r, size_t i)
{
	return (const char *)bpf_reader_key(r, i) + r->key_size;
}

void bpf_run_enable(struct bpf_program *prog)
{
	bpf_program__set_autoload(prog, true);
	bpf_program__set_autoattach(prog, false);
}

int bpf_run_program(const struct bpf_program *prog, const uint64_t *args, size_t args_size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = args_size);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return err ? err : (int)opts.retval;
}

void bpf_reader_forget(struct bpf_reader *r, const uint64_t *keys, size_t cnt)
{
	uint64_t args[FORGET_MAX] = { 0 };
	size_t i;

	if (!cnt)
		return;
	memcpy(args, keys, cnt * sizeof(*keys));
	r->still = false;
	if (r->forget && !bpf_run_program(r->forget, args, sizeof(args)))
		return;
	for (i = 0; i < cnt; i++)
		bpf_map_delete_elem(bpf_map__fd(r->map), &keys[i]);
}
