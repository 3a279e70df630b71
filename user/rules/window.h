/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recent past of one field of one process, for open_fds[5m]: at most WINDOW_POINTS_MAX points,
 * all allocated at once. Samples that come closer than the window has room for are merged in a way
 * that keeps the answer of the function that reads it.
 */
#ifndef KTALLY_RULES_WINDOW_H
#define KTALLY_RULES_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_POINTS_MAX 512

/* What the window is for, and so what it may forget. KEEP_RATE: everything that a rate needs;
 * KEEP_LINE: a line; KEEP_MEAN: the mean; KEEP_MAX, KEEP_MIN: only points that no later one
 * outdoes.
 */
enum window_keep { KEEP_RATE, KEEP_LINE, KEEP_MEAN, KEEP_MAX, KEEP_MIN };

struct point {
	uint64_t t_us : 44; /* monotonic, modulo half a year */
	uint64_t n : 20;    /* samples merged */
	double v;
};

/* Over the points, kept as they come and go; x is seconds after ref_us, y the distance from y0,
 * which keeps the digits that matter when a large number changes little. */
struct line_sums {
	uint64_t ref_us;
	double y0;
	double x, y, xx, xy;
};

struct mean_sums {
	double y0;
	double y, weight;
};

/* Every process has one for each range of every rule, and each tick touches all of them: what they
 * take of a cache line is most of what they cost. */
struct window {
	struct point *points; /* in a block, every stride-th; NULL: not in use */
	union {
		struct line_sums *line;
		struct mean_sums *mean;
		double *drops; /* of a counter that fell: what it had counted */
		void *sums;
	};
	uint64_t range_us : 52;
	uint64_t stride : 9;
	uint64_t keep : 3; /* enum window_keep */
	uint16_t cap;      /* 0: never initialized */
	uint16_t head;
	uint16_t cnt;
	uint16_t refresh_in; /* pushes until the sums are made anew, before rounding adds up */
};

/* What windows remember, owned by whoever asked for it. */
struct window_block {
	struct window_block *next; /* free for the owner to use */
};

/* interval_ns: of the samples to come; 0: not known. phase: any number; windows of different phases
 * do not all refresh in the same tick. Not in use before windows_alloc. */
void window_init(struct window *w, uint64_t range_ns, uint64_t interval_ns, enum window_keep keep,
		 uint32_t phase);
/* Takes into use those of v that are initialized and not yet in use. Their points come in one
 * block, to be freed after them; NULL: there are none. */
int windows_alloc(struct window *v, size_t cnt, struct window_block **ret);
/* The points of another window in use, with as many of them as there is room for. */
void window_copy(struct window *w, const struct window *from);
/* A push will come: the points that it looks at may be far away in memory, and those of many
 * windows come together as fast as those of one. */
void window_prefetch(const struct window *w);
/* A sample of this moment; NaN, an unknown one, only lets the old ones go. */
void window_push(struct window *w, uint64_t now_ns, double v);

/* The functions, as PromQL defines them. False: too few points. arg is for window_predict. */
typedef bool window_fn(const struct window *w, uint64_t now_ns, double arg, double *ret);
window_fn window_avg, window_extreme, window_rate, window_deriv, window_predict;

#endif
