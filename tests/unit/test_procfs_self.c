// SPDX-License-Identifier: BSD-2-Clause
/* Readers of /proc on the test's own process and its children, beside what the kernel tells about
 * them in other ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"

static int open_proc(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void own_stat_tells_the_truth(void **state)
{
	int proc_fd = open_proc(), pid_fd = -1;
	char name[16] = {};
	struct proc_stat st;
	uint64_t rss = 0, limit = 0;
	struct rlimit rlimit;

	(void)state;
	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, ") R 1 (\n");
	assert_int_equal(proc_open(proc_fd, getpid(), &pid_fd), 0);
	assert_int_equal(proc_read_stat(pid_fd, &st), 0);
	assert_int_equal(st.pid, getpid());
	assert_int_equal(st.ppid, getppid());
	assert_string_equal(st.comm, ") R 1 (\n");
	assert_int_equal(st.threads, 1);
	assert_int_equal(st.state, 'R');
	assert_true(st.start_ticks <= clock_ns_to_ticks(clock_boottime_ns()));
	assert_true(proc_read_rss_bytes(pid_fd, &rss) == 0 && rss > 4096);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rlimit), 0);
	assert_int_equal(proc_read_nofile(pid_fd, &limit), 0);
	assert_true(limit == rlimit.rlim_cur || rlimit.rlim_cur == RLIM_INFINITY);
	prctl(PR_SET_NAME, name);
	close(pid_fd);
	close(proc_fd);
}

static void *spin(void *arg)
{
	uint64_t until = clock_monotonic_ns() + *(uint64_t *)arg;

	while (clock_monotonic_ns() < until)
		;
	return NULL;
}

/* The clock keeps what ended threads used, which is where sums over live threads go wrong. */
static void own_cpu_time_agrees_with_getrusage(void **state)
{
	uint64_t spin_ns = 60000000, before = 0, after = 0;
	struct rusage usage;
	double used_ns;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, spin, &spin_ns), 0);
	pthread_join(thread, NULL);
	before = clock_own_cpu_ns();
	assert_int_equal(proc_cpu_ns(getpid(), &after), 0);
	assert_true(after >= before);
	getrusage(RUSAGE_SELF, &usage);
	used_ns = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
		  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
	assert_true(used_ns + 1e6 > (double)after && used_ns - (double)after < 1e8);
}

static void own_switches_agree_with_getrusage(void **state)
{
	int proc_fd = open_proc(), pid_fd = -1;
	const struct timespec nap = { .tv_nsec = 100000 };
	struct rusage before, after;
	struct proc_switches s = {};

	(void)state;
	assert_int_equal(proc_open(proc_fd, getpid(), &pid_fd), 0);
	for (int i = 0; i < 23; i++)
		nanosleep(&nap, NULL);
	/* RUSAGE_THREAD: the joined thread of another test is in the process's sums only. */
	getrusage(RUSAGE_THREAD, &before);
	assert_int_equal(proc_read_switches(pid_fd, &s), 0);
	getrusage(RUSAGE_THREAD, &after);
	assert_true(s.voluntary >= 23);
	assert_in_range(s.voluntary, (uint64_t)before.ru_nvcsw, (uint64_t)after.ru_nvcsw);
	assert_in_range(s.involuntary, (uint64_t)before.ru_nivcsw, (uint64_t)after.ru_nivcsw);
	close(pid_fd);
	close(proc_fd);
}

static void own_schedstat_grows_with_cpu_time(void **state)
{
	int proc_fd = open_proc(), pid_fd = -1;
	uint64_t oncpu[2] = {}, runqueue = 0, spin_ns = 30000000;
	int err;

	(void)state;
	assert_int_equal(proc_open(proc_fd, getpid(), &pid_fd), 0);
	close(proc_fd);
	err = proc_read_schedstat(pid_fd, &oncpu[0], &runqueue);
	if (err == -ENODATA) {
		close(pid_fd);
		print_message("this kernel keeps no schedstat\n");
		skip();
	}
	assert_int_equal(err, 0);
	spin(&spin_ns);
	assert_int_equal(proc_read_schedstat(pid_fd, &oncpu[1], &runqueue), 0);
	assert_true(oncpu[1] > oncpu[0]);
	close(pid_fd);
}

static void own_descriptors_are_counted(void **state)
{
	int proc_fd = open_proc(), pid_fd = -1, fds[23], pair[2];
	struct proc_fds before = {}, after = {};
	uint64_t level = 0;
	int err;

	(void)state;
	assert_int_equal(proc_open(proc_fd, getpid(), &pid_fd), 0);
	close(proc_fd);
	assert_int_equal(proc_count_fds(pid_fd, &before), 0);
	for (int i = 0; i < 23; i++)
		fds[i] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(proc_count_fds(pid_fd, &after), 0);
	assert_int_equal(after.open - before.open, 25);
	assert_int_equal(after.regular - before.regular, 23);
	err = proc_fd_level(pid_fd, &level);
	/* The list that counts holds a descriptor of its own. */
	if (err != -EOPNOTSUPP) {
		assert_int_equal(err, 0);
		assert_int_equal(level, after.open - 1);
	}
	for (int i = 0; i < 23; i++)
		close(fds[i]);
	close(pair[0]);
	close(pair[1]);
	close(pid_fd);
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	for (;;)
		pause();
}

/* Every reader, on a directory that was opened while the process lived. */
static void a_process_that_has_gone_is_esrch(void **state)
{
	int proc_fd = open_proc(), pid_fd = -1;
	pid_t pid = start_child();
	struct proc_switches switches;
	struct proc_stat st;
	struct proc_fds fds;
	uint64_t a = 0, b = 0;

	(void)state;
	assert_int_equal(proc_open(proc_fd, pid, &pid_fd), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_read_stat(pid_fd, &st), 0);
	assert_int_equal(st.state, 'Z');
	assert_int_equal(proc_cpu_ns(pid, &a), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	assert_int_equal(proc_read_stat(pid_fd, &st), -ESRCH);
	assert_int_equal(proc_read_rss_bytes(pid_fd, &a), -ESRCH);
	assert_int_equal(proc_read_switches(pid_fd, &switches), -ESRCH);
	assert_int_equal(proc_read_schedstat(pid_fd, &a, &b), -ESRCH);
	assert_int_equal(proc_read_nofile(pid_fd, &a), -ESRCH);
	assert_int_equal(proc_fd_level(pid_fd, &a), -ESRCH);
	assert_int_equal(proc_count_fds(pid_fd, &fds), -ESRCH);
	assert_int_equal(proc_cpu_ns(pid, &a), -ESRCH);
	close(pid_fd);
	pid_fd = -1;
	assert_int_equal(proc_open(proc_fd, pid, &pid_fd), -ESRCH);
	assert_int_equal(proc_open(proc_fd, -1, &pid_fd), -ESRCH);
	assert_int_equal(pid_fd, -1);
	close(proc_fd);
}

static int find_self(void *ctx, pid_t pid)
{
	(*(int *)ctx)++;
	return pid == getpid() ? 99 : 0;
}

static void the_real_proc_lists_this_process(void **state)
{
	int proc_fd = open_proc();
	uint64_t bytes = 0;
	uint32_t max = 0;
	int visits = 0;

	(void)state;
	/* Twice: the caller's descriptor keeps no position. */
	assert_int_equal(proc_for_each(proc_fd, find_self, &visits), 99);
	assert_int_equal(proc_for_each(proc_fd, find_self, &visits), 99);
	assert_true(visits >= 2);
	assert_int_equal(proc_memory_bytes(proc_fd, &bytes), 0);
	assert_int_equal(bytes / 1024 % 4, 0);
	assert_true(bytes >=
		    (uint64_t)sysconf(_SC_PHYS_PAGES) / 2 * (uint64_t)sysconf(_SC_PAGESIZE));
	assert_int_equal(proc_pid_max(proc_fd, &max), 0);
	assert_true((uint32_t)getpid() <= max);
	close(proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_stat_tells_the_truth),
		cmocka_unit_test(own_cpu_time_agrees_with_getrusage),
		cmocka_unit_test(own_switches_agree_with_getrusage),
		cmocka_unit_test(own_schedstat_grows_with_cpu_time),
		cmocka_unit_test(own_descriptors_are_counted),
		cmocka_unit_test(a_process_that_has_gone_is_esrch),
		cmocka_unit_test(the_real_proc_lists_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
