// SPDX-License-Identifier: BSD-2-Clause
/* The answer of leaks.h: one record a site, the ones that leak first. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/targets.h"
#include "leaks/internal.h"

struct work {
	struct leaks *l;
	struct entry **open; /* all, by site, oldest first */
	size_t cnt;
	uint64_t now_ns;
	leaks_text_fn text;
	void *ctx;
	struct leak_type *types; /* free ones, leak_type_cnt a site */
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->opened_ns != y->opened_ns)
		return x->opened_ns < y->opened_ns ? -1 : 1;
	return (x->key.fd > y->key.fd) - (x->key.fd < y->key.fd);
}

static int collect(struct work *w)
{
	struct entry *e, *next;

	w->open = calloc(HASH_COUNT(w->l->entries) + 1, sizeof(struct entry *));
	if (!w->open)
		return -ENOMEM;
	HASH_ITER(hh, w->l->entries, e, next)
		w->open[w->cnt++] = e;
	qsort(w->open, w->cnt, sizeof(struct entry *), compare_entries);
	return 0;
}

static double age(const struct work *w, const struct entry *e)
{
	if (!e->opened_ns || e->opened_ns > w->now_ns)
		return e->opened_ns ? 0 : NAN;
	return (double)(w->now_ns - e->opened_ns) * 1e-9;
}

static int compare_types(const void *a, const void *b)
{
	const struct leak_type *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void set_types(struct work *w, struct entry **open, size_t cnt, struct leak_record *r)
{
	uint64_t counts[64] = { 0 };
	size_t i;

	for (i = 0; i < cnt; i++)
		counts[open[i]->type]++;
	r->types = w->types;
	for (i = 0; i < leak_type_cnt; i++)
		if (counts[i])
			w->types[r->type_cnt++] = (struct leak_type){ leak_types[i], counts[i] };
	qsort(w->types, r->type_cnt, sizeof(*w->types), compare_types);
	w->types += r->type_cnt;
}

static void add_example(struct work *w, struct entry *e, struct leak_record *r)
{
	struct leak_example *ex = &r->examples[r->example_cnt++];

	if (!e->text && w->text)
		leaks_set_text(w->l, e->key.process, (int32_t)e->key.fd,
			       w->text(w->ctx, e->key.process, (int32_t)e->key.fd));
	*ex = (struct leak_example){ .pid = (int32_t)PROCESS_ID_PID(e->key.process),
				     .fd = (int32_t)e->key.fd,
				     .age_seconds = age(w, e),
				     .type = leak_types[e->type],
				     .text = e->text };
}

/* The oldest, one of the middle, the newest. */
static void set_examples(struct work *w, struct entry **open, size_t cnt, struct leak_record *r)
{
	const size_t wanted[LEAK_EXAMPLES_MAX] = { 0, cnt / 2, cnt - 1 };
	size_t i;

	for (i = 0; i < LEAK_EXAMPLES_MAX; i++)
		if (!i || wanted[i] != wanted[i - 1])
			add_example(w, open[wanted[i]], r);
}

static struct holder *holder_of(const struct work *w, const struct entry *e)
{
	struct holder *h;

	HASH_FIND(hh, w->l->holders, &e->key.process, sizeof(e->key.process), h);
	return h;
}

static void describe_holder(const struct holder *h, struct leak_holder *ret)
{
	enum trend_verdict verdict;

	*ret = (struct leak_holder){ .pid = (int32_t)PROCESS_ID_PID(h->id),
				     .open = h->of_site,
				     .open_fds = h->open_fds,
				     .open_fds_limit = h->limit,
				     .seconds_to_limit = NAN };
	memcpy(ret->comm, h->comm, sizeof(ret->comm));
	verdict = trend_judge(&h->trend, &ret->growth_per_minute);
	if (verdict == TREND_GROWS && !h->ended && h->limit >= h->open_fds)
		ret->seconds_to_limit =
			(h->limit - h->open_fds) / ret->growth_per_minute * 60;
}

/* Those with the most, most first. */
static void offer(struct holder **best, size_t *cnt, struct holder *h)
{
	size_t i;

	if (*cnt < LEAK_PROCESSES_MAX)
		++*cnt;
	else if (best[*cnt - 1]->of_site >= h->of_site)
		return;
	for (i = *cnt - 1; i && best[i - 1]->of_site < h->of_site; i--)
		best[i] = best[i - 1];
	best[i] = h;
}

static void set_holders(struct work *w, struct entry **open, size_t cnt, struct leak_record *r)
{
	struct holder *best[LEAK_PROCESSES_MAX], *h;
	size_t i;

	for (i = 0; i < cnt; i++) {
		h = holder_of(w, open[i]);
		h->of_site = 0;
		h->offered = false;
	}
	for (i = 0; i < cnt; i++)
		holder_of(w, open[i])->of_site++;
	for (i = 0; i < cnt; i++) {
		h = holder_of(w, open[i]);
		if (!h->offered)
			offer(best, &r->holder_cnt, h);
		h->offered = true;
	}
	for (i = 0; i < r->holder_cnt; i++)
		describe_holder(best[i], &r->holders[i]);
}

/* Those of before ktally have no age, and come first. */
static void set_ages(struct work *w, struct entry **open, size_t cnt, struct leak_record *r)
{
	size_t known = 0;

	while (known < cnt && !open[known]->opened_ns)
		known++;
	r->oldest_seconds = known ? NAN : age(w, open[0]);
	r->median_seconds = known < cnt ? age(w, open[known + (cnt - known) / 2]) : NAN;
}

static void describe(struct work *w, uint32_t site, struct entry **open, struct leak_record *r)
{
	const struct site *s = w->l->sites[site];

	r->stack = s->stack;
	r->open = s->open;
	r->opened = s->opened;
	r->inherited = s->inherited;
	r->closed = s->closed;
	r->torn_down = s->torn_down;
	r->moved_out = s->moved_out;
	r->verdict = trend_judge(&s->trend, &r->growth_per_minute);
	r->oldest_seconds = r->median_seconds = NAN;
	if (!s->open) {
		r->verdict = TREND_STEADY;
		return;
	}
	set_types(w, open, s->open, r);
	set_examples(w, open, s->open, r);
	set_holders(w, open, s->open, r);
	set_ages(w, open, s->open, r);
}

/* ---- the order ---- */

static int by_number(double a, double b)
{
	a = isnan(a) ? 0 : a;
	b = isnan(b) ? 0 : b;
	return (a < b) - (a > b);
}

static int compare_records(const void *a, const void *b)
{
	static const int ranks[TREND_VERDICT_CNT] = {
		[TREND_GROWS] = 0, [TREND_UNCLEAR] = 1, [TREND_WARM] = 2, [TREND_STEADY] = 3
	};
	const struct leak_record *x = a, *y = b;
	int order = ranks[x->verdict] - ranks[y->verdict];

	if (!order)
		order = by_number(x->growth_per_minute, y->growth_per_minute);
	if (!order)
		order = by_number((double)x->open, (double)y->open);
	return order ? order : by_number((double)x->opened, (double)y->opened);
}

static bool worth_telling(const struct site *s)
{
	return s->open || s->opened || s->inherited;
}

static void fill(struct work *w, double timestamp, struct leaks_report *report)
{
	size_t at = 0;
	uint32_t i;

	for (i = 0; i < w->l->site_cnt; i++) {
		if (!worth_telling(w->l->sites[i]))
			continue;
		describe(w, i, &w->open[at], &report->list[report->cnt]);
		report->list[report->cnt].timestamp = timestamp;
		report->list[report->cnt++].site = i;
		at += w->l->sites[i]->open;
	}
	if (report->cnt)
		qsort(report->list, report->cnt, sizeof(*report->list), compare_records);
}

int leaks_report(struct leaks *l, uint64_t now_ns, double timestamp, leaks_text_fn text, void *ctx,
		 struct leaks_report *ret)
{
	struct work w = { .l = l, .now_ns = now_ns, .text = text, .ctx = ctx };
	struct leaks_report report = {};
	int err = collect(&w);

	report.list = calloc(l->site_cnt, sizeof(*report.list));
	report.types = calloc(l->site_cnt * leak_type_cnt, sizeof(*report.types));
	w.types = report.types;
	if (!err && report.list && report.types)
		fill(&w, timestamp, &report);
	else
		err = -ENOMEM;
	free(w.open);
	if (err) {
		leaks_report_fini(&report);
		return err;
	}
	*ret = report;
	return 0;
}

void leaks_report_fini(struct leaks_report *r)
{
	free(r->list);
	free(r->types);
	*r = (struct leaks_report){};
}
