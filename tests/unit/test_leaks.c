// SPDX-License-Identifier: BSD-2-Clause
/* Who opened what is still open: every way in which a descriptor comes and goes. */
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "bpf/targets.h"
#include "leaks/leaks.h"

#define SECOND 1000000000ull
#define PARENT PROCESS_ID(101, 7)
#define CHILD  PROCESS_ID(102, 8)

struct bed {
	struct leaks *l;
	uint32_t a, b; /* sites */
	uint64_t now;
	uint64_t files;
	struct leaks_report report;
};

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_int_equal(leaks_new(&b->l), 0);
	assert_int_equal(leaks_add_site(b->l, &b->a), 0);
	assert_int_equal(leaks_add_site(b->l, &b->b), 0);
	b->now = 100 * SECOND;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	leaks_report_fini(&b->report);
	leaks_free(b->l);
	free(b);
	return 0;
}

static struct leaks_fd fd_of(struct bed *b, uint64_t process, int fd)
{
	return (struct leaks_fd){ .process = process, .fd = fd, .file = ++b->files,
				  .mode = S_IFREG | 0644, .name = "", .ts_ns = b->now };
}

/* Returns the address of its file. */
static uint64_t open_at(struct bed *b, uint64_t process, int fd, uint32_t site)
{
	struct leaks_fd f = fd_of(b, process, fd);

	f.site = site;
	leaks_open(b->l, &f);
	return f.file;
}

static bool close_at(struct bed *b, uint64_t process, int fd, uint64_t file)
{
	struct leaks_fd f = { .process = process, .fd = fd, .file = file, .ts_ns = b->now };

	return leaks_close(b->l, &f);
}

static void tick(struct bed *b)
{
	b->now += SECOND;
	leaks_sample(b->l, b->now);
}

/* NULL: not in the report. */
static const struct leak_record *site(struct bed *b, uint32_t id)
{
	size_t i;

	leaks_report_fini(&b->report);
	assert_int_equal(leaks_report(b->l, b->now, 1, NULL, NULL, &b->report), 0);
	for (i = 0; i < b->report.cnt; i++)
		if (b->report.list[i].site == id)
			return &b->report.list[i];
	return NULL;
}

#define assert_counts(b, id, open_, opened_, closed_)              \
	do {                                                       \
		const struct leak_record *r_ = site(b, id);        \
		assert_non_null(r_);                               \
		assert_int_equal(r_->open, open_);                 \
		assert_int_equal(r_->opened, opened_);             \
		assert_int_equal(r_->closed, closed_);             \
	} while (0)

static void opens_and_closes(void **state)
{
	struct bed *b = *state;
	uint64_t first = open_at(b, PARENT, 3, b->a);

	open_at(b, PARENT, 4, b->b);
	assert_false(close_at(b, PARENT, 3, first));
	assert_counts(b, b->a, 0, 1, 1);
	assert_counts(b, b->b, 1, 1, 0);
	assert_null(site(b, LEAKS_SITE_UNSEEN));
}

static void replaced_is_closed(void **state)
{
	struct bed *b = *state;

	open_at(b, PARENT, 3, b->a);
	open_at(b, PARENT, 3, b->b);
	assert_counts(b, b->a, 0, 1, 1);
	assert_counts(b, b->b, 1, 1, 0);
}

/* The kernel frees a number before it lets the file go: another thread may have it by then. */
static void late_close_of_another_file(void **state)
{
	struct bed *b = *state;
	uint64_t old = open_at(b, PARENT, 3, b->a);

	open_at(b, PARENT, 3, b->b);
	close_at(b, PARENT, 3, old);
	assert_counts(b, b->a, 0, 1, 1);
	assert_counts(b, b->b, 1, 1, 0);
}

static void by_file_alone(void **state)
{
	struct bed *b = *state;
	struct leaks_fd copy = fd_of(b, PARENT, 5);
	uint64_t file = open_at(b, PARENT, 3, b->a);

	assert_false(close_at(b, PARENT, -1, 4711));
	assert_counts(b, b->a, 1, 1, 0);
	copy.file = file;
	copy.site = b->b;
	leaks_open(b->l, &copy);
	assert_true(close_at(b, PARENT, -1, file));
	close_at(b, PARENT, 5, file);
	assert_false(close_at(b, PARENT, -1, file));
	assert_counts(b, b->a, 0, 1, 1);
}

static void range(void **state)
{
	struct bed *b = *state;
	int fd;

	for (fd = 3; fd < 20; fd++)
		open_at(b, PARENT, fd, b->a);
	open_at(b, CHILD, 6, b->b);
	leaks_close_range(b->l, PARENT, 5, 9);
	assert_counts(b, b->a, 12, 17, 5);
	leaks_close_range(b->l, PARENT, 15, ~0u);
	assert_counts(b, b->a, 7, 17, 10);
	assert_counts(b, b->b, 1, 1, 0);
}

static void exec_keeps_what_is_marked(void **state)
{
	struct bed *b = *state;
	uint64_t open[2] = { 1ull << 3, 1ull << (70 - 64) };

	open_at(b, PARENT, 3, b->a);
	open_at(b, PARENT, 4, b->a);
	open_at(b, PARENT, 70, b->a);
	open_at(b, PARENT, 71, b->a);
	open_at(b, PARENT, 500, b->a); /* beyond the words: nobody knows yet */
	leaks_exec(b->l, PARENT, open, 128);
	assert_counts(b, b->a, 3, 5, 2);
}

static void fork_copies(void **state)
{
	struct bed *b = *state;
	uint64_t file = open_at(b, PARENT, 3, b->a);

	open_at(b, PARENT, 4, b->b);
	leaks_fork(b->l, PARENT, CHILD);
	assert_counts(b, b->a, 2, 1, 0);
	assert_int_equal(site(b, b->a)->inherited, 1);
	close_at(b, PARENT, 3, file);
	assert_counts(b, b->a, 1, 1, 1);
	assert_int_equal(site(b, b->a)->holders[0].pid, 102);
	leaks_exit(b->l, CHILD, false);
	assert_counts(b, b->a, 0, 1, 1);
	assert_int_equal(site(b, b->a)->torn_down, 1);
	assert_counts(b, b->b, 1, 1, 0);
}

static void leavers_take_what_is_open(void **state)
{
	struct bed *b = *state;

	open_at(b, PARENT, 3, b->a);
	open_at(b, CHILD, 3, b->a);
	leaks_leave(b->l, PARENT);
	assert_counts(b, b->a, 1, 2, 0);
	assert_int_equal(site(b, b->a)->moved_out, 1);
	assert_int_equal(site(b, b->a)->torn_down, 0);
	leaks_exit(b->l, CHILD, true);
	leaks_leave(b->l, CHILD);
	assert_counts(b, b->a, 1, 2, 0);
	assert_int_equal(site(b, b->a)->moved_out, 1);
}

static void kept_beyond_its_end(void **state)
{
	struct bed *b = *state;

	open_at(b, PARENT, 3, b->a);
	leaks_exit(b->l, PARENT, true);
	leaks_exit(b->l, PARENT, false);
	leaks_look_begin(b->l, b->now + SECOND);
	leaks_look(b->l, NULL, 0);
	assert_counts(b, b->a, 1, 1, 0);
	assert_int_equal(site(b, b->a)->torn_down, 0);
}

/* What is not there any more has gone, what is there and was never seen opened is told apart. */
static void look(void **state)
{
	struct bed *b = *state;
	struct leaks_fd seen[3];

	seen[0] = fd_of(b, PARENT, 3);
	seen[0].file = open_at(b, PARENT, 3, b->a);
	open_at(b, PARENT, 4, b->a);
	open_at(b, PARENT, 5, b->b);
	seen[1] = fd_of(b, PARENT, 5); /* another file by now */
	seen[2] = fd_of(b, CHILD, 0);
	leaks_look_begin(b->l, b->now + 1);
	leaks_look(b->l, seen, 3);
	assert_counts(b, b->a, 1, 2, 1);
	assert_counts(b, b->b, 0, 1, 1);
	assert_counts(b, LEAKS_SITE_UNSEEN, 2, 0, 0);
	assert_int_equal(b->report.list[b->report.cnt - 1].open, 0);
}

/* Between the look and now: closed since, or opened since. */
static void look_while_things_happen(void **state)
{
	struct bed *b = *state;
	struct leaks_fd seen = fd_of(b, PARENT, 3);

	seen.file = open_at(b, PARENT, 3, b->a);
	leaks_look_begin(b->l, b->now + 1);
	b->now += 2;
	close_at(b, PARENT, 3, seen.file);
	open_at(b, PARENT, 7, b->b);
	leaks_look(b->l, &seen, 1);
	assert_counts(b, b->a, 0, 1, 1);
	assert_counts(b, b->b, 1, 1, 0);
	assert_null(site(b, LEAKS_SITE_UNSEEN));
}

static void unknown_sites_are_lost_ones(void **state)
{
	struct bed *b = *state;

	open_at(b, PARENT, 3, 0xffffffff);
	assert_counts(b, LEAKS_SITE_LOST, 1, 1, 0);
}

static void what_does_not_fit_is_counted(void **state)
{
	struct bed *b = *state;
	int fd;

	for (fd = 0; fd < LEAKS_FDS_MAX + 13; fd++)
		open_at(b, PARENT, fd, b->a);
	assert_int_equal(leaks_lost(b->l), 13);
	assert_counts(b, b->a, LEAKS_FDS_MAX, LEAKS_FDS_MAX + 13, 0);
}

/* ---- the report ---- */

static void ages_and_examples(void **state)
{
	struct bed *b = *state;
	const struct leak_record *r;
	int fd;

	for (fd = 3; fd < 8; fd++) {
		open_at(b, PARENT, fd, b->a);
		b->now += 10 * SECOND;
	}
	leaks_set_text(b->l, PARENT, 3, "/etc/passwd");
	r = site(b, b->a);
	assert_float_equal(r->oldest_seconds, 50, 1e-6);
	assert_float_equal(r->median_seconds, 30, 1e-6);
	assert_int_equal(r->example_cnt, 3);
	assert_int_equal(r->examples[0].fd, 3);
	assert_string_equal(r->examples[0].text, "/etc/passwd");
	assert_int_equal(r->examples[1].fd, 5);
	assert_int_equal(r->examples[2].fd, 7);
	assert_null(r->examples[2].text);
}

static void types_by_mode_and_name(void **state)
{
	static const struct {
		uint32_t mode;
		const char *name;
		const char *type;
	} rows[] = {
		{ S_IFREG, "", "file" },	   { S_IFDIR, "", "directory" },
		{ S_IFSOCK, "", "socket" },	   { S_IFIFO, "", "pipe" },
		{ S_IFCHR, "", "device" },	   { 0600, "[eventfd]", "eventfd" },
		{ 0600, "[eventpoll]", "epoll" },  { 0600, "inotify", "inotify" },
		{ S_IFREG, "[pidfd]", "pidfd" },   { 0600, "bpf-map", "bpf_map" },
		{ 0600, "[nobody]", "anonymous" }, { 0600, "", "anonymous" },
	};
	struct bed *b = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct leaks_fd f = fd_of(b, PARENT, 3);
		const struct leak_record *r;

		f.mode = rows[i].mode;
		f.name = rows[i].name;
		f.site = b->a;
		leaks_open(b->l, &f);
		r = site(b, b->a);
		assert_int_equal(r->type_cnt, 1);
		assert_string_equal(r->types[0].name, rows[i].type);
	}
}

static void leak_first_matched_last(void **state)
{
	struct bed *b = *state;
	uint32_t pool, matched;
	int i;

	leaks_add_site(b->l, &matched);
	leaks_add_site(b->l, &pool);
	for (i = 0; i < 120; i++) {
		uint64_t file = open_at(b, PARENT, 3, matched);

		if (i < 40)
			open_at(b, PARENT, 1000 + i, pool);
		if (i % 4 == 0)
			open_at(b, PARENT, 100 + i, b->a);
		if (i % 3 == 0)
			open_at(b, PARENT, 400 + i, b->b);
		close_at(b, PARENT, 3, file);
		tick(b);
	}
	assert_int_equal(site(b, pool)->verdict, TREND_WARM);
	assert_int_equal(b->report.cnt, 4);
	assert_int_equal(b->report.list[0].site, b->b);
	assert_int_equal(b->report.list[1].site, b->a);
	assert_int_equal(b->report.list[0].verdict, TREND_GROWS);
	assert_int_equal(b->report.list[1].verdict, TREND_GROWS);
	assert_int_equal(b->report.list[2].site, pool);
	assert_int_equal(b->report.list[3].site, matched);
	assert_int_equal(b->report.list[3].verdict, TREND_STEADY);
}

/* 20 a minute of 1,000 descriptors of which 400 are used: half an hour. */
static void time_to_the_limit(void **state)
{
	static const char comm[16] = "server";
	struct bed *b = *state;
	const struct leak_holder *h;
	int i;

	for (i = 0; i < 120; i++) {
		if (i % 3 == 0)
			open_at(b, PARENT, 100 + i, b->a);
		leaks_describe(b->l, PARENT, comm, 400, 1000);
		tick(b);
	}
	h = &site(b, b->a)->holders[0];
	assert_string_equal(h->comm, "server");
	assert_true(h->growth_per_minute > 18 && h->growth_per_minute < 22);
	assert_true(h->seconds_to_limit > 1600 && h->seconds_to_limit < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_and_closes, setup, teardown),
		cmocka_unit_test_setup_teardown(replaced_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(late_close_of_another_file, setup, teardown),
		cmocka_unit_test_setup_teardown(by_file_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(range, setup, teardown),
		cmocka_unit_test_setup_teardown(exec_keeps_what_is_marked, setup, teardown),
		cmocka_unit_test_setup_teardown(fork_copies, setup, teardown),
		cmocka_unit_test_setup_teardown(leavers_take_what_is_open, setup, teardown),
		cmocka_unit_test_setup_teardown(kept_beyond_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(look, setup, teardown),
		cmocka_unit_test_setup_teardown(look_while_things_happen, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_sites_are_lost_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(ages_and_examples, setup, teardown),
		cmocka_unit_test_setup_teardown(types_by_mode_and_name, setup, teardown),
		cmocka_unit_test_setup_teardown(leak_first_matched_last, setup, teardown),
		cmocka_unit_test_setup_teardown(time_to_the_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
