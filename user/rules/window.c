// SPDX-License-Identifier: BSD-2-Clause
/* Rings of points, and sums over them. */
#include "rules/window.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rules/window_ring.h"

#define N_MAX ((1U << 20) - 1)
/* Two more than fill the range: the point still open, and the one that is about to leave. */
#define POINTS_SPARE 2

/* A cache line: the sums and the rings of a block start with one. */
#define LINE_BYTES   64
#define RANGE_US_MAX ((1ULL << 52) - 1)
#define STRIDE_MAX   ((1U << 9) - 1)

/* ---- sums ---- */

/* What is kept of the points beside them. */
struct keeper {
	size_t bytes;
	/* Of a window that has no points, or whose oldest one this is. */
	void (*start)(struct window *w, const struct point *first);
	/* sign: 1 when the point comes, -1 when it goes. before, after: NULL: it is the only one.
	 */
	void (*count_newest)(struct window *w, const struct point *before, const struct point *p,
			     double sign);
	void (*count_gone)(struct window *w, const struct point *p, const struct point *after);
	/* An infinity never leaves a sum again, and beside a number this large that has left, what
	 * remains is mostly rounding. */
	bool (*is_spoilt)(const struct window *w, double gone);
};

static void line_start(struct window *w, const struct point *first)
{
	*w->line = (struct line_sums){ .ref_us = first->t_us, .y0 = first->v };
}

static inline void line_count(struct line_sums *s, const struct point *p, double sign)
{
	double x = seconds_after(p->t_us, s->ref_us);
	double y = p->v - s->y0;

	s->x += sign * x;
	s->y += sign * y;
	s->xx += sign * x * x;
	s->xy += sign * x * y;
}

static void line_count_newest(struct window *w, const struct point *before, const struct point *p,
			      double sign)
{
	(void)before;
	line_count(w->line, p, sign);
}

static void line_count_gone(struct window *w, const struct point *p, const struct point *after)
{
	(void)after;
	line_count(w->line, p, -1);
}

static bool line_is_spoilt(const struct window *w, double gone)
{
	const struct line_sums *s = w->line;

	return !isfinite(s->xy) || fabs(s->y) < fabs(gone - s->y0) * 1e-6;
}

static void mean_start(struct window *w, const struct point *first)
{
	*w->mean = (struct mean_sums){ .y0 = first->v };
}

static void mean_count_newest(struct window *w, const struct point *before, const struct point *p,
			      double sign)
{
	double weight = sign * (double)p->n;

	(void)before;
	w->mean->weight += weight;
	w->mean->y += weight * (p->v - w->mean->y0);
}

static void mean_count_gone(struct window *w, const struct point *p, const struct point *after)
{
	mean_count_newest(w, after, p, -1);
}

static bool mean_is_spoilt(const struct window *w, double gone)
{
	const struct mean_sums *s = w->mean;

	return !isfinite(s->y) || fabs(s->y) < fabs(gone - s->y0) * 1e-6;
}

static void rate_start(struct window *w, const struct point *first)
{
	(void)first;
	*w->drops = 0;
}

/* Point p with the step that leads to it. */
static void rate_count_newest(struct window *w, const struct point *before, const struct point *p,
			      double sign)
{
	if (before && p->v < before->v)
		*w->drops += sign * before->v;
}

static void rate_count_gone(struct window *w, const struct point *p, const struct point *after)
{
	if (after)
		rate_count_newest(w, p, after, -1);
}

static bool rate_is_spoilt(const struct window *w, double gone)
{
	bool fell = w->cnt && at(w, 0)->v < gone;

	return fell && (!isfinite(*w->drops) || fabs(*w->drops) < fabs(gone) * 1e-6);
}

static const struct keeper keepers[] = {
	[KEEP_RATE] = { sizeof(double), rate_start, rate_count_newest, rate_count_gone,
			rate_is_spoilt },
	[KEEP_LINE] = { sizeof(struct line_sums), line_start, line_count_newest, line_count_gone,
			line_is_spoilt },
	[KEEP_MEAN] = { sizeof(struct mean_sums), mean_start, mean_count_newest, mean_count_gone,
			mean_is_spoilt },
	[KEEP_MAX] = {},
	[KEEP_MIN] = {},
};

static bool keeps_sums(const struct window *w)
{
	return keepers[w->keep].bytes;
}

static void refresh(struct window *w, const struct keeper *k)
{
	w->refresh_in = w->cap;
	if (!w->cnt)
		return;
	k->start(w, at(w, 0));
	for (uint32_t i = 0; i < w->cnt; i++)
		k->count_newest(w, i ? at(w, i - 1) : NULL, at(w, i), 1);
}

/* ---- room ---- */

void window_init(struct window *w, uint64_t range_ns, uint64_t interval_ns, enum window_keep keep,
		 uint32_t phase)
{
	uint64_t range_us = range_ns / NS_PER_US;
	uint64_t interval_us = interval_ns / NS_PER_US;
	uint64_t cap = WINDOW_POINTS_MAX;

	/* A quarter more than the interval asks for, so that ticks that come early are not merged.
	 */
	if (interval_us && range_us / interval_us < WINDOW_POINTS_MAX / 5 * 4 - POINTS_SPARE)
		cap = range_us / interval_us * 5 / 4 + 1 + POINTS_SPARE;
	*w = (struct window){
		.range_us = range_us < RANGE_US_MAX ? range_us : RANGE_US_MAX,
		.keep = keep,
		.cap = (uint16_t)cap,
		.refresh_in = (uint16_t)(cap + phase % cap),
	};
}

static bool wants_room(const struct window *w)
{
	return w->cap && !w->points;
}

/* Filled at the same moments, so that their points come to lie in the same places. */
static bool go_together(const struct window *a, const struct window *b)
{
	return wants_room(b) && a->range_us == b->range_us && a->cap == b->cap &&
	       keeps_sums(a) == keeps_sums(b);
}

/* Side by side the points of one moment are in one cache line or two, not in one each. Returns what
 * is left of the room. */
static struct point *place_points(struct window *v, size_t cnt, struct point *room)
{
	struct window first = v[0];
	uint32_t stride = 0;

	for (size_t i = 0; i < cnt && stride < STRIDE_MAX; i++)
		stride += go_together(&first, &v[i]);
	for (size_t i = 0, k = 0; k < stride; i++) {
		if (!go_together(&first, &v[i]))
			continue;
		v[i].stride = stride;
		v[i].points = room + k++;
	}
	return room + (size_t)stride * first.cap;
}

static size_t round_up(size_t bytes)
{
	return (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

int windows_alloc(struct window *v, size_t cnt, struct window_block **ret)
{
	size_t sums = sizeof(struct window_block), points = 0;
	struct window_block *block;
	struct point *room;
	char *next;

	for (size_t i = 0; i < cnt; i++) {
		sums += wants_room(&v[i]) ? keepers[v[i].keep].bytes : 0;
		points += wants_room(&v[i]) ? v[i].cap : 0;
	}
	*ret = NULL;
	if (!points)
		return 0;
	block = calloc(1, sums + LINE_BYTES + points * sizeof(*room));
	if (!block)
		return -ENOMEM;
	next = (char *)(block + 1);
	room = (struct point *)round_up((uintptr_t)block + sums);
	for (size_t i = 0; i < cnt; i++) {
		if (!wants_room(&v[i]))
			continue;
		v[i].sums = next;
		next += keepers[v[i].keep].bytes;
	}
	for (size_t i = 0; i < cnt; i++)
		if (wants_room(&v[i]))
			room = place_points(&v[i], cnt - i, room);
	*ret = block;
	return 0;
}

void window_copy(struct window *w, const struct window *from)
{
	uint32_t skip = from->cnt > w->cap ? from->cnt - w->cap : 0;

	w->head = 0;
	w->cnt = (uint16_t)(from->cnt - skip);
	for (uint32_t i = 0; i < w->cnt; i++)
		*at(w, i) = *at(from, skip + i);
	if (!keeps_sums(w))
		return;
	if (skip)
		refresh(w, &keepers[w->keep]);
	else
		memcpy(w->sums, from->sums, keepers[w->keep].bytes);
}

/* ---- points come and go ---- */

static void forget_oldest(struct window *w)
{
	w->head = w->head + 1 < w->cap ? w->head + 1 : 0;
	w->cnt--;
}

/* The range is open on the left, as in Prometheus 3: a sample exactly range_us old is out. */
static inline bool is_over(const struct window *w, uint64_t now_us)
{
	return w->cnt && age_us(at(w, 0), now_us) >= w->range_us;
}

/* The newest point takes more samples until it is far enough from the one before it: by what the
 * range has for each point. */
static inline bool is_open(const struct window *w)
{
	uint64_t distance_us;

	if (w->cnt == w->cap)
		return true;
	if (w->cnt < 2)
		return false;
	distance_us = age_us(at(w, w->cnt - 2), at(w, w->cnt - 1)->t_us);
	return (distance_us + 1) * (w->cap - POINTS_SPARE) <= w->range_us;
}

static void append(struct window *w, uint64_t now_us, double v)
{
	*at(w, w->cnt++) = (struct point){ .t_us = now_us & T_MASK, .n = 1, .v = v };
}

static inline __attribute__((always_inline)) void expire_sums(struct window *w, uint64_t now_us,
							      const struct keeper *k)
{
	bool spoilt = false;

	while (is_over(w, now_us)) {
		const struct point *gone = at(w, 0);

		k->count_gone(w, gone, w->cnt > 1 ? at(w, 1) : NULL);
		forget_oldest(w);
		spoilt |= k->is_spoilt(w, gone->v);
	}
	if (spoilt)
		refresh(w, k);
}

/* The newest point becomes this sample too. */
static void merge(struct window *w, struct point *p, uint64_t now_us, double v)
{
	p->n += p->n < N_MAX;
	p->v = w->keep == KEEP_MEAN ? p->v + (v - p->v) / (double)p->n : v;
	p->t_us = now_us & T_MASK;
}

static inline __attribute__((always_inline)) void push_sums(struct window *w, uint64_t now_us,
							    double v, const struct keeper *k)
{
	const struct point *before;
	struct point *p;

	expire_sums(w, now_us, k);
	if (isnan(v))
		return;
	if (!w->cnt || !--w->refresh_in)
		refresh(w, k);
	if (is_open(w)) {
		p = at(w, w->cnt - 1);
		before = w->cnt > 1 ? at(w, w->cnt - 2) : NULL;
		k->count_newest(w, before, p, -1);
		merge(w, p, now_us, v);
	} else {
		append(w, now_us, v);
		p = at(w, w->cnt - 1);
		before = w->cnt > 1 ? at(w, w->cnt - 2) : NULL;
		if (!before)
			k->start(w, p);
	}
	k->count_newest(w, before, p, 1);
}

static void push_rate(struct window *w, uint64_t now_us, double v)
{
	push_sums(w, now_us, v, &keepers[KEEP_RATE]);
}

static void push_line(struct window *w, uint64_t now_us, double v)
{
	push_sums(w, now_us, v, &keepers[KEEP_LINE]);
}

static void push_mean(struct window *w, uint64_t now_us, double v)
{
	push_sums(w, now_us, v, &keepers[KEEP_MEAN]);
}

/* Points that a later one outdoes are let go, so that the oldest left is the answer. */
static void push_extreme(struct window *w, uint64_t now_us, double v)
{
	while (is_over(w, now_us))
		forget_oldest(w);
	if (isnan(v))
		return;
	while (w->cnt &&
	       (w->keep == KEEP_MAX ? at(w, w->cnt - 1)->v <= v : at(w, w->cnt - 1)->v >= v))
		w->cnt--;
	if (is_open(w))
		at(w, w->cnt - 1)->t_us = now_us & T_MASK;
	else
		append(w, now_us, v);
}

void window_prefetch(const struct window *w)
{
	__builtin_prefetch(at(w, 0));
	if (w->cnt)
		__builtin_prefetch(at(w, w->cnt - 1), 1);
}

void window_push(struct window *w, uint64_t now_ns, double v)
{
	static void (*const pushes[])(struct window *, uint64_t, double) = {
		[KEEP_RATE] = push_rate,   [KEEP_LINE] = push_line,   [KEEP_MEAN] = push_mean,
		[KEEP_MAX] = push_extreme, [KEEP_MIN] = push_extreme,
	};

	pushes[w->keep](w, now_ns / NS_PER_US, v);
}
