// SPDX-License-Identifier: BSD-2-Clause
/* The look through /proc, over a folder of fixtures. */
#include "unit.h"

#include <stdbool.h>

#include "base/clock.h"
#include "bpf/targets.h"
#include "fixture_proc.h"
#include "targets/scan.h"

#define CHAIN 40

struct world {
	struct folder proc;
	struct targets t;
	char error[256];
};

/* A tree of 10, another of 20, a thread of the kernel's, and some who belong to nobody. */
static const struct fixture_process everybody[] = {
	{ 1, 0, "init", 0, 1 },		{ 2, 0, "kthreadd", FIXTURE_PF_KTHREAD, 1 },
	{ 10, 1, "web", 0, 5 },		{ 11, 10, "web-worker", 0, 6 },
	{ 12, 10, "web-worker", 0, 7 }, { 13, 12, "sh", 0, 8 },
	{ 20, 1, "db", 0, 5 },		{ 21, 20, "db-writer", 0, 6 },
	{ 3, 2, "web-kernel", FIXTURE_PF_KTHREAD, 1 },
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	size_t i;

	assert_non_null(w);
	folder_init(&w->proc);
	for (i = 0; i < ARRAY_LEN(everybody); i++)
		fixture_put(&w->proc, &everybody[i]);
	targets_init(&w->t, w->proc.fd);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	targets_fini(&w->t);
	folder_fini(&w->proc);
	free(w);
	return 0;
}

static const struct process *find(const struct world *w, int pid)
{
	struct process *p, *next;

	HASH_ITER(hh, w->t.table.by_id, p, next)
		if (p->pid == pid)
			return p;
	return NULL;
}

/* pids ends with 0. */
static void assert_members(const struct world *w, size_t target, const int *pids)
{
	struct process *p, *next;
	size_t members = 0, want = 0;

	HASH_ITER(hh, w->t.table.by_id, p, next)
		members += target_has(&w->t.list[target], p);
	for (; pids[want]; want++) {
		const struct process *found = find(w, pids[want]);

		if (!found || !target_has(&w->t.list[target], found))
			fail_msg("%d is not a member of target %zu", pids[want], target);
	}
	assert_int_equal(members, want);
}

static void a_process_is_only_itself(void **state)
{
	struct world *w = *state;

	assert_int_equal(targets_add_pid(&w->t, 10, false, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, (const int[]){ 10, 0 });
	assert_int_equal(HASH_COUNT(w->t.table.by_id), 1);
}

static void a_tree_has_grandchildren(void **state)
{
	struct world *w = *state;

	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, (const int[]){ 10, 11, 12, 13, 0 });
	assert_int_equal(find(w, 13)->ppid, 12);
	assert_string_equal(find(w, 13)->comm, "sh");
	assert_true(find(w, 13)->id == PROCESS_ID(13, 8));
	assert_false(find(w, 13)->born);
}

static void trees_do_not_mix(void **state)
{
	struct world *w = *state;

	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_add_pid(&w->t, 20, true, w->error), 0);
	assert_int_equal(targets_add_pid(&w->t, 12, true, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, (const int[]){ 10, 11, 12, 13, 0 });
	assert_members(w, 1, (const int[]){ 20, 21, 0 });
	assert_members(w, 2, (const int[]){ 12, 13, 0 });
}

/* Two long chains, one with rising PIDs and one with falling: one of them is listed child first. */
static void a_chain_is_found_whatever_the_order(void **state)
{
	struct world *w = *state;
	int i, pids[2 * CHAIN + 1] = { 0 };

	for (i = 0; i < CHAIN; i++) {
		struct fixture_process up = { 1000 + i, i ? 999 + i : 1, "up", 0, 9 };
		struct fixture_process down = { 2000 - i, i ? 2001 - i : 1000, "down", 0, 9 };

		fixture_put(&w->proc, &up);
		fixture_put(&w->proc, &down);
		pids[2 * i] = up.pid;
		pids[2 * i + 1] = down.pid;
	}
	assert_int_equal(targets_add_pid(&w->t, 1000, true, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, pids);
}

static void names_are_matched_and_their_children_are_not(void **state)
{
	struct world *w = *state;

	assert_int_equal(targets_add_comm(&w->t, "web*", w->error), 0);
	assert_int_equal(targets_add_comm(&w->t, "d[ab]", w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, (const int[]){ 10, 11, 12, 0 });
	assert_members(w, 1, (const int[]){ 20, 0 });
}

static void everybody_but_the_kernels_threads(void **state)
{
	struct world *w = *state;

	assert_int_equal(targets_add_all(&w->t, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, (const int[]){ 1, 10, 11, 12, 13, 20, 21, 0 });
}

static void one_process_may_be_in_several_targets(void **state)
{
	struct world *w = *state;

	assert_int_equal(targets_add_all(&w->t, w->error), 0);
	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_add_comm(&w->t, "web-*", w->error), 0);
	assert_int_equal(targets_add_pid(&w->t, 11, false, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_int_equal(find(w, 11)->groups, 1 | 2 | 4);
	assert_members(w, 2, (const int[]){ 11, 12, 0 });
	assert_members(w, 3, (const int[]){ 11, 0 });
}

/* A child of what matched a name has to match it itself. */
static void only_trees_are_inherited(void **state)
{
	struct world *w = *state;

	assert_int_equal(targets_add_comm(&w->t, "web", w->error), 0);
	assert_int_equal(targets_add_pid(&w->t, 20, true, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, (const int[]){ 10, 0 });
	assert_members(w, 1, (const int[]){ 20, 21, 0 });
}

static void a_second_look_finds_the_new_and_keeps_the_old(void **state)
{
	static const struct fixture_process late = { 14, 13, "late", 0, 50 };
	struct world *w = *state;
	const struct process *before;

	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	before = find(w, 13);
	fixture_put(&w->proc, &late);
	fixture_remove(&w->proc, 11);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_ptr_equal(find(w, 13), before);
	assert_members(w, 0, (const int[]){ 10, 11, 12, 13, 14, 0 });
	assert_false(process_ended(find(w, 11)));
}

/* The old 13 has ended; what has its number now is somebody else, and not in the tree. */
static void a_reused_pid_inherits_nothing(void **state)
{
	static const struct fixture_process other = { 13, 1, "other", 0, 99 };
	struct world *w = *state;

	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	fixture_put(&w->proc, &other);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_null(process_find(&w->t.table, PROCESS_ID(13, 99)));
}

/* A process that nobody has reaped is in /proc; a first thread that has ended is a zombie too while
 * others of its process live. */
static void who_has_ended_is_nobody(void **state)
{
	static const struct fixture_process ended = { 14, 10, "ended", 0, 9 };
	static const struct fixture_process headless = { 15, 10, "headless", 0, 9 };
	static const struct fixture_process child = { 16, 15, "child", 0, 9 };
	struct world *w = *state;

	fixture_put_in_state(&w->proc, &ended, 'Z', 1);
	fixture_put_in_state(&w->proc, &headless, 'Z', 3);
	fixture_put(&w->proc, &child);
	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_add_all(&w->t, w->error), 0);
	assert_int_equal(targets_add_pid(&w->t, 15, false, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_members(w, 0, (const int[]){ 10, 11, 12, 13, 15, 16, 0 });
	assert_members(w, 1, (const int[]){ 1, 10, 11, 12, 13, 15, 16, 20, 21, 0 });
	assert_members(w, 2, (const int[]){ 15, 0 });
	assert_int_equal(targets_add_pid(&w->t, 14, true, w->error), -ESRCH);
	assert_string_equal(w->error, "process 14 (ended) has ended and waits for its parent, "
				      "process 10, to reap it");
}

static void refusals_say_why(void **state)
{
	static const struct fixture_process thread = { 30, 1, "thread", 0, 5 };
	struct world *w = *state;

	fixture_put(&w->proc, &thread);
	folder_puts(&w->proc, "30/status", "Name:\tthread\nTgid:\t20\nPid:\t30\n");
	assert_int_equal(targets_add_pid(&w->t, 30, false, w->error), -ESRCH);
	assert_non_null(strstr(w->error, "30 is a thread of process 20"));
	assert_int_equal(targets_add_pid(&w->t, 4711, false, w->error), -ESRCH);
	assert_non_null(strstr(w->error, "4711"));
	assert_int_equal(targets_add_pid(&w->t, 0, false, w->error), -ESRCH);
	assert_int_equal(targets_add_pid(&w->t, -10, false, w->error), -ESRCH);
	assert_int_equal(targets_add_pid(&w->t, 2, false, w->error), -EPERM);
	assert_non_null(strstr(w->error, "kernel thread"));
	assert_int_equal(targets_add_comm(&w->t, "[", w->error), -EINVAL);
	assert_int_equal(targets_add_comm(&w->t, "", w->error), -EINVAL);
	assert_int_equal(w->t.cnt, 0);
}

static void sixty_four_targets_can_grow(void **state)
{
	struct world *w = *state;
	int i;

	for (i = 0; i < 64; i++)
		assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_add_all(&w->t, w->error), -ENOSPC);
	assert_int_equal(targets_add_pid(&w->t, 20, false, w->error), 0);
	assert_int_equal(targets_scan(&w->t), 0);
	assert_true(find(w, 13)->groups == ~0ULL);
}

/* Who started before the last look and is found at this one has a past of its own. */
static void without_bpf_newcomers_are_born_under_watch(void **state)
{
	struct fixture_process late = { 14, 13, "late", 0, 0 };
	static const struct fixture_process joiner = { 15, 13, "joiner", 0, 50 };
	const struct ladder_wish wish = { .bpf = LADDER_BPF_OFF };
	struct world *w = *state;

	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_open(&w->t, &wish), 0);
	assert_string_equal(w->t.ladder.active->name, "/proc");
	assert_true(find(w, 13)->initial);
	assert_false(find(w, 13)->born);
	late.start = clock_ns_to_ticks(clock_boottime_ns()) + 1;
	fixture_put(&w->proc, &late);
	fixture_put(&w->proc, &joiner);
	assert_int_equal(targets_refresh(&w->t), 0);
	assert_false(find(w, 14)->initial);
	assert_true(find(w, 14)->born);
	assert_true(find(w, 14)->groups_before);
	assert_false(find(w, 15)->born);
	assert_true(find(w, 15)->move_cnt == 1 && find(w, 15)->moves[0].at_read);
	assert_false(w->t.list[0].ended);
}

static void without_bpf_who_matches_no_more_has_left(void **state)
{
	static const struct fixture_process renamed = { 11, 10, "sh", 0, 6 },
					    root = { 10, 1, "sh", 0, 5 };
	const struct ladder_wish wish = { .bpf = LADDER_BPF_OFF };
	static const int both[] = { 11, 12, 0 }, one[] = { 12, 0 }, tree[] = { 10, 11, 12, 13, 0 };
	struct world *w = *state;

	assert_int_equal(targets_add_comm(&w->t, "web-worker", w->error), 0);
	assert_int_equal(targets_add_pid(&w->t, 10, true, w->error), 0);
	assert_int_equal(targets_open(&w->t, &wish), 0);
	assert_members(w, 0, both);
	fixture_put(&w->proc, &renamed);
	fixture_put(&w->proc, &root);
	assert_int_equal(targets_refresh(&w->t), 0);
	assert_members(w, 0, one);
	assert_members(w, 1, tree);
	assert_true(find(w, 11)->move_cnt == 1);
	assert_int_equal(find(w, 12)->move_cnt, 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_process_is_only_itself),
		IN_WORLD(a_tree_has_grandchildren),
		IN_WORLD(trees_do_not_mix),
		IN_WORLD(a_chain_is_found_whatever_the_order),
		IN_WORLD(names_are_matched_and_their_children_are_not),
		IN_WORLD(everybody_but_the_kernels_threads),
		IN_WORLD(one_process_may_be_in_several_targets),
		IN_WORLD(only_trees_are_inherited),
		IN_WORLD(a_second_look_finds_the_new_and_keeps_the_old),
		IN_WORLD(a_reused_pid_inherits_nothing),
		IN_WORLD(who_has_ended_is_nobody),
		IN_WORLD(refusals_say_why),
		IN_WORLD(sixty_four_targets_can_grow),
		IN_WORLD(without_bpf_newcomers_are_born_under_watch),
		IN_WORLD(without_bpf_who_matches_no_more_has_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
