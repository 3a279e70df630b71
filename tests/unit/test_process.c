// SPDX-License-Identifier: BSD-2-Clause
/* The table of watched processes: identity is PID and start time. */
#include "unit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bpf/targets.h"
#include "fixture_proc.h"
#include "targets/process.h"

static void put_stat(const struct folder *proc, int pid, const char *comm, uint64_t start)
{
	const struct fixture_process p = { .pid = pid, .comm = comm, .start = start };

	fixture_put(proc, &p);
}

static void an_identity_is_packed_and_unpacked(void **state)
{
	uint64_t id = PROCESS_ID(4194304 - 1, 123456789012ULL);

	(void)state;
	assert_int_equal(PROCESS_ID_PID(id), 4194303);
	assert_true(PROCESS_ID_TICKS(id) == 123456789012ULL);
	assert_true(PROCESS_ID(7, 1) != PROCESS_ID(7, 2));
}

static void a_new_process_knows_nothing(void **state)
{
	struct process_table t = { 0 };
	struct process *p = process_add(&t, PROCESS_ID(42, 9));
	size_t i;

	(void)state;
	assert_int_equal(p->pid, 42);
	for (i = 0; i < RAW_COUNT; i++) {
		assert_true(p->now.v[i] == RAW_UNKNOWN);
		assert_true(p->last.v[i] == RAW_UNKNOWN);
	}
	assert_true(p->fd_base == RAW_UNKNOWN);
	assert_false(process_ended(p));
	process_table_fini(&t);
}

static void a_reused_pid_is_another_process(void **state)
{
	struct process_table t = { 0 };
	struct process *old = process_add(&t, PROCESS_ID(42, 9));
	struct process *new = process_add(&t, PROCESS_ID(42, 10));

	(void)state;
	assert_ptr_equal(process_find(&t, PROCESS_ID(42, 9)), old);
	assert_ptr_equal(process_find(&t, PROCESS_ID(42, 10)), new);
	assert_null(process_find(&t, PROCESS_ID(42, 11)));
	process_remove(&t, old);
	assert_null(process_find(&t, PROCESS_ID(42, 9)));
	assert_ptr_equal(process_find(&t, PROCESS_ID(42, 10)), new);
	process_table_fini(&t);
	assert_null(process_find(&t, PROCESS_ID(42, 10)));
}

static void many_come_and_go(void **state)
{
	struct process_table t = { 0 };
	uint32_t i;

	(void)state;
	for (i = 1; i <= 5000; i++)
		assert_non_null(process_add(&t, PROCESS_ID(i, i * 3)));
	for (i = 1; i <= 5000; i += 2)
		process_remove(&t, process_find(&t, PROCESS_ID(i, i * 3)));
	assert_int_equal(HASH_COUNT(t.by_id), 2500);
	for (i = 1; i <= 5000; i++)
		assert_int_equal(!process_find(&t, PROCESS_ID(i, i * 3)), i % 2);
	process_table_fini(&t);
}

static void its_directory_is_opened_once_and_closed_with_it(void **state)
{
	struct process_table t = { .fds_max = 1 };
	struct process *p = process_add(&t, PROCESS_ID(42, 9));
	struct folder proc;
	int fd;

	(void)state;
	folder_init(&proc);
	put_stat(&proc, 42, "x", 9);
	fd = process_dir(&t, p, proc.fd);
	assert_true(fd >= 0);
	assert_int_equal(process_dir(&t, p, proc.fd), fd);
	assert_true(process_there(&t, p, proc.fd));
	process_dir_done(p, fd);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	process_remove(&t, p);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	folder_fini(&proc);
}

static void more_directories_than_may_be_kept_are_given_back(void **state)
{
	struct process_table t = { .fds_max = 1 };
	struct process *kept = process_add(&t, PROCESS_ID(42, 9));
	struct process *lent = process_add(&t, PROCESS_ID(43, 9));
	struct folder proc;
	int fd;

	(void)state;
	folder_init(&proc);
	put_stat(&proc, 42, "x", 9);
	put_stat(&proc, 43, "y", 9);
	process_dir_done(kept, process_dir(&t, kept, proc.fd));
	fd = process_dir(&t, lent, proc.fd);
	assert_true(fd >= 0);
	process_dir_done(lent, fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(process_there(&t, lent, proc.fd));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	process_dir_done(lent, -ESRCH);
	process_remove(&t, kept);
	process_dir_done(lent, process_dir(&t, lent, proc.fd));
	assert_true(lent->dir_fd >= 0);
	process_table_fini(&t);
	assert_int_equal(t.fds_kept, 0);
	folder_fini(&proc);
}

static void half_of_what_may_still_be_opened_is_kept(void **state)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct process_table t = { 0 }, less = { 0 };
	struct rlimit limit;
	int more[8];
	size_t i;

	(void)state;
	assert_true(proc_fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	process_table_set_room(&t, proc_fd);
	assert_in_range(t.fds_max, 1, limit.rlim_cur / 2);
	for (i = 0; i < ARRAY_LEN(more); i++)
		more[i] = dup(proc_fd);
	process_table_set_room(&less, proc_fd);
	assert_int_equal(less.fds_max, t.fds_max - ARRAY_LEN(more) / 2);
	for (i = 0; i < ARRAY_LEN(more); i++)
		close(more[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 2, limit.rlim_max }), 0);
	process_table_set_room(&t, proc_fd);
	assert_int_equal(t.fds_max, 0);
	assert_false(process_table_keep(&t));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	close(proc_fd);
}

static void somebody_else_under_its_pid_is_not_it(void **state)
{
	struct process_table t = { 0 };
	struct process *p = process_add(&t, PROCESS_ID(42, 9));
	struct folder proc;

	(void)state;
	folder_init(&proc);
	assert_int_equal(process_dir(&t, p, proc.fd), -ESRCH);
	put_stat(&proc, 42, "x", 10);
	assert_int_equal(process_dir(&t, p, proc.fd), -ESRCH);
	assert_int_equal(p->dir_fd, PROCESS_FD_NONE);
	assert_false(process_there(&t, p, proc.fd));
	process_table_fini(&t);
	folder_fini(&proc);
}

static void the_interval_begins_at_the_last_tick_or_the_first_sight(void **state)
{
	struct process_table t = { 0 };
	struct process *p = process_add(&t, PROCESS_ID(1, 1));
	struct raw_move *first;
	struct raw_row before;

	(void)state;
	assert_null(process_first(p));
	p->had_past = true;
	first = process_add_move(p, 1);
	assert_ptr_equal(process_first(p), &first->at);
	first->at.v[RAW_CPU_NS] = 10;
	first->at.v[RAW_VOLUNTARY] = 20;
	p->last.v[RAW_VOLUNTARY] = 30;
	process_before(p, &before);
	assert_int_equal(before.v[RAW_CPU_NS], 10);
	assert_int_equal(before.v[RAW_VOLUNTARY], 30);
	assert_true(before.v[RAW_ONCPU_NS] == RAW_UNKNOWN);
	process_end_tick(p);
	assert_null(process_first(p));
	process_table_fini(&t);
}

static void it_has_ended_whoever_noticed(void **state)
{
	struct process p = { .exited = true }, q = { .gone = true };

	(void)state;
	assert_true(process_ended(&p));
	assert_true(process_ended(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_identity_is_packed_and_unpacked),
		cmocka_unit_test(a_new_process_knows_nothing),
		cmocka_unit_test(a_reused_pid_is_another_process),
		cmocka_unit_test(many_come_and_go),
		cmocka_unit_test(its_directory_is_opened_once_and_closed_with_it),
		cmocka_unit_test(more_directories_than_may_be_kept_are_given_back),
		cmocka_unit_test(half_of_what_may_still_be_opened_is_kept),
		cmocka_unit_test(somebody_else_under_its_pid_is_not_it),
		cmocka_unit_test(the_interval_begins_at_the_last_tick_or_the_first_sight),
		cmocka_unit_test(it_has_ended_whoever_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
