// SPDX-License-Identifier: BSD-2-Clause
/* The table of leaks.h: events in. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/internal.h"

int leaks_add_site(struct leaks *l, uint32_t *ret)
{
	if (l->site_cnt == LEAKS_SITES_MAX)
		return -ENOSPC;
	l->sites[l->site_cnt] = calloc(1, sizeof(struct site));
	if (!l->sites[l->site_cnt])
		return -ENOMEM;
	*ret = l->site_cnt++;
	return 0;
}

int leaks_new(struct leaks **ret)
{
	struct leaks *l = calloc(1, sizeof(*l));
	uint32_t site;
	int i, err = l ? 0 : -ENOMEM;

	for (i = 0; i < LEAKS_SITE_FIRST && !err; i++)
		err = leaks_add_site(l, &site);
	if (err)
		leaks_free(l);
	else
		*ret = l;
	return err;
}

const struct leak_stack *leaks_stack(const struct leaks *l, uint32_t site)
{
	return site < l->site_cnt ? l->sites[site]->stack : NULL;
}

void leaks_set_stack(struct leaks *l, uint32_t site, struct leak_stack *stack)
{
	free(l->sites[site]->stack);
	l->sites[site]->stack = stack;
}

/* ---- processes ---- */

static struct holder *holder_find(const struct leaks *l, uint64_t id)
{
	struct holder *h;

	HASH_FIND(hh, l->holders, &id, sizeof(id), h);
	return h;
}

static struct holder *holder_get(struct leaks *l, uint64_t id)
{
	struct holder *h = holder_find(l, id);

	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->id = id;
	h->open_fds = h->limit = NAN;
	HASH_ADD(hh, l->holders, id, sizeof(h->id), h);
	return h;
}

static void holder_remove(struct leaks *l, struct holder *h)
{
	HASH_DEL(l->holders, h);
	free(h);
}

void leaks_describe(struct leaks *l, uint64_t process, const char comm[16], double open_fds,
		    double limit)
{
	struct holder *h = holder_find(l, process);

	if (!h)
		return;
	memcpy(h->comm, comm, sizeof(h->comm));
	h->comm[sizeof(h->comm) - 1] = '\0';
	h->open_fds = isnan(open_fds) ? h->open_fds : open_fds;
	h->limit = isnan(limit) ? h->limit : limit;
}

/* ---- descriptors ---- */

static struct entry *entry_find(const struct leaks *l, uint64_t process, int32_t fd)
{
	struct entry_key key = { process, fd };
	struct entry *e;

	HASH_FIND(hh, l->entries, &key, sizeof(key), e);
	return e;
}

static void lower(uint64_t *low, uint64_t open)
{
	if (open < *low)
		*low = open;
}

static void note_recent(struct leaks *l, uint64_t process, int32_t fd)
{
	struct entry_key *grown;

	if (!l->look_ns)
		return;
	if (l->recent_cnt == l->recent_cap) {
		grown = realloc(l->recent, (l->recent_cap * 2 + 64) * sizeof(*grown));
		if (!grown)
			return;
		l->recent = grown;
		l->recent_cap = l->recent_cap * 2 + 64;
	}
	l->recent[l->recent_cnt++] = (struct entry_key){ process, fd };
}

/* Gone, one way or another; which one is the caller's to count. */
static void entry_remove(struct leaks *l, struct entry *e)
{
	struct holder *h = holder_find(l, e->key.process);
	struct site *s = l->sites[e->site];

	lower(&s->low, --s->open);
	s->texts -= e->text != NULL;
	lower(&h->low, --h->open);
	note_recent(l, e->key.process, (int32_t)e->key.fd);
	DL_DELETE(h->entries, e);
	HASH_DEL(l->entries, e);
	free(e->text);
	free(e);
}

static void entry_closed(struct leaks *l, struct entry *e)
{
	l->sites[e->site]->closed++;
	entry_remove(l, e);
}

/* NULL: it did not fit, and is counted. */
static struct entry *entry_add(struct leaks *l, uint64_t process, int32_t fd, uint32_t site)
{
	struct holder *h = holder_get(l, process);
	struct entry *e = NULL;

	if (h && HASH_COUNT(l->entries) < LEAKS_FDS_MAX)
		e = calloc(1, sizeof(*e));
	if (!e) {
		l->lost++;
		return NULL;
	}
	e->key = (struct entry_key){ process, fd };
	e->site = site;
	l->sites[site]->open++;
	h->open++;
	DL_APPEND(h->entries, e);
	HASH_ADD(hh, l->entries, key, sizeof(e->key), e);
	return e;
}

static void set_text(struct leaks *l, struct entry *e, const char *text)
{
	struct site *s = l->sites[e->site];

	if (!text || (e->text && !strcmp(e->text, text)))
		return;
	s->texts -= e->text != NULL;
	free(e->text);
	e->text = strdup(text);
	s->texts += e->text != NULL;
}

static void put(struct leaks *l, const struct leaks_fd *fd, uint32_t site)
{
	struct entry *e = entry_find(l, fd->process, fd->fd);

	if (e)
		entry_closed(l, e);
	e = entry_add(l, fd->process, fd->fd, site);
	if (!e)
		return;
	e->file = fd->file;
	e->opened_ns = fd->ts_ns;
	e->type = leak_type_of(fd->mode, fd->name);
	set_text(l, e, fd->text);
}

void leaks_open(struct leaks *l, const struct leaks_fd *fd)
{
	uint32_t site = fd->site < l->site_cnt ? fd->site : LEAKS_SITE_LOST;

	l->sites[site]->opened++;
	put(l, fd, site);
}

/* By the file alone: one of these, if there is one. */
static bool close_file(struct leaks *l, const struct leaks_fd *fd)
{
	struct holder *h = holder_find(l, fd->process);
	struct entry *e, *found = NULL;

	DL_FOREACH((h ? h->entries : NULL), e) {
		if (e->file != fd->file)
			continue;
		if (found)
			return true;
		found = e;
	}
	if (found)
		entry_closed(l, found);
	return false;
}

bool leaks_close(struct leaks *l, const struct leaks_fd *fd)
{
	struct entry *e;

	if (fd->fd < 0)
		return close_file(l, fd);
	e = entry_find(l, fd->process, fd->fd);
	/* Another file: the number was taken again before the old file was let go. */
	if (e && (!fd->file || !e->file || e->file == fd->file))
		entry_closed(l, e);
	else
		note_recent(l, fd->process, fd->fd);
	return false;
}

void leaks_close_range(struct leaks *l, uint64_t process, uint32_t first, uint32_t last)
{
	struct holder *h = holder_find(l, process);
	struct entry *e, *next;

	DL_FOREACH_SAFE((h ? h->entries : NULL), e, next)
		if (e->key.fd >= (int64_t)first && e->key.fd <= (int64_t)last)
			entry_closed(l, e);
}

void leaks_exec(struct leaks *l, uint64_t process, const uint64_t *open, uint32_t bits)
{
	struct holder *h = holder_find(l, process);
	struct entry *e, *next;

	DL_FOREACH_SAFE((h ? h->entries : NULL), e, next)
		if (e->key.fd < (int64_t)bits && !(open[e->key.fd / 64] >> (e->key.fd % 64) & 1))
			entry_closed(l, e);
}

void leaks_fork(struct leaks *l, uint64_t parent, uint64_t child)
{
	struct holder *h = holder_find(l, parent);
	struct entry *e, *copy;

	DL_FOREACH((h ? h->entries : NULL), e) {
		if (entry_find(l, child, (int32_t)e->key.fd))
			continue;
		copy = entry_add(l, child, (int32_t)e->key.fd, e->site);
		if (!copy)
			return;
		copy->file = e->file;
		copy->opened_ns = e->opened_ns;
		copy->type = e->type;
		l->sites[e->site]->inherited++;
	}
}

static void take_out(struct leaks *l, struct holder *h, bool ended)
{
	struct entry *e, *next;

	DL_FOREACH_SAFE(h->entries, e, next) {
		struct site *s = l->sites[e->site];

		++*(ended ? &s->torn_down : &s->moved_out);
		entry_remove(l, e);
	}
	holder_remove(l, h);
}

void leaks_exit(struct leaks *l, uint64_t process, bool keep)
{
	struct holder *h = holder_find(l, process);

	if (!h || h->ended)
		return;
	h->ended = true;
	if (!keep)
		take_out(l, h, true);
}

void leaks_leave(struct leaks *l, uint64_t process)
{
	struct holder *h = holder_find(l, process);

	if (h && !h->ended)
		take_out(l, h, false);
}

/* ---- looks ---- */

void leaks_look_begin(struct leaks *l, uint64_t begin_ns)
{
	struct entry *e, *next;

	l->look_ns = begin_ns;
	l->recent_cnt = 0;
	HASH_ITER(hh, l->entries, e, next)
		e->seen = false;
}

static int compare_keys(const void *a, const void *b)
{
	const struct entry_key *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

static bool is_recent(const struct leaks *l, const struct leaks_fd *fd)
{
	struct entry_key key = { fd->process, fd->fd };

	return l->recent_cnt &&
	       bsearch(&key, l->recent, l->recent_cnt, sizeof(key), compare_keys);
}

/* What was there before ktally came did not grow. */
static void settle_low(struct leaks *l, const struct leaks_fd *fd)
{
	struct holder *h = holder_find(l, fd->process);

	l->sites[LEAKS_SITE_UNSEEN]->low = l->sites[LEAKS_SITE_UNSEEN]->open;
	if (h)
		h->low = h->open;
}

static void look_at(struct leaks *l, const struct leaks_fd *fd)
{
	struct entry *e = entry_find(l, fd->process, fd->fd);

	if (e && (e->file == fd->file || e->opened_ns >= l->look_ns)) {
		e->seen = true;
		if (e->file == fd->file)
			set_text(l, e, fd->text);
		return;
	}
	if (is_recent(l, fd))
		return;
	put(l, fd, LEAKS_SITE_UNSEEN);
	e = entry_find(l, fd->process, fd->fd);
	if (e)
		e->seen = true;
	if (!fd->ts_ns)
		settle_low(l, fd);
}

void leaks_look(struct leaks *l, const struct leaks_fd *seen, size_t cnt)
{
	struct holder *h, *next_holder;
	struct entry *e, *next;
	size_t i;

	if (l->recent_cnt)
		qsort(l->recent, l->recent_cnt, sizeof(*l->recent), compare_keys);
	for (i = 0; i < cnt; i++)
		look_at(l, &seen[i]);
	HASH_ITER(hh, l->holders, h, next_holder)
		DL_FOREACH_SAFE(h->entries, e, next)
			if (!h->ended && !e->seen && e->opened_ns < l->look_ns)
				entry_closed(l, e);
	l->look_ns = 0;
	l->recent_cnt = 0;
}

bool leaks_wants_text(const struct leaks *l, uint64_t process, int32_t fd)
{
	const struct entry *e = entry_find(l, process, fd);

	return e && !e->text && l->sites[e->site]->texts < LEAK_EXAMPLES_MAX;
}

void leaks_set_text(struct leaks *l, uint64_t process, int32_t fd, const char *text)
{
	struct entry *e = entry_find(l, process, fd);

	if (e)
		set_text(l, e, text);
}

/* ---- the course of time ---- */

void leaks_sample(struct leaks *l, uint64_t now_ns)
{
	struct holder *h, *next;
	uint32_t i;

	for (i = 0; i < l->site_cnt; i++) {
		struct site *s = l->sites[i];

		trend_add(&s->trend, now_ns, s->low);
		s->low = s->open;
	}
	HASH_ITER(hh, l->holders, h, next) {
		if (h->ended)
			continue;
		trend_add(&h->trend, now_ns, h->low);
		h->low = h->open;
	}
}

uint64_t leaks_lost(const struct leaks *l)
{
	return l->lost;
}

void leaks_free(struct leaks *l)
{
	struct holder *h, *next_holder;
	struct entry *e, *next;
	uint32_t i;

	if (!l)
		return;
	HASH_ITER(hh, l->entries, e, next) {
		HASH_DEL(l->entries, e);
		free(e->text);
		free(e);
	}
	HASH_ITER(hh, l->holders, h, next_holder)
		holder_remove(l, h);
	for (i = 0; i < l->site_cnt; i++) {
		free(l->sites[i]->stack);
		free(l->sites[i]);
	}
	free(l->recent);
	free(l);
}
