// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every way to open and close a descriptor, by name and count; what each does is known beforehand.
 *
 *   fdways list                          names, one a line
 *   fdways [OPTIONS] all|seen|unseen|NAME...
 *     -n COUNT    each way so many times (1)
 *     --primes    the first way 2 times, the second 3, then 5, 7, 11 ...: no two sums are alike
 *     --leak N    leave N descriptors open at the end, every third of them of a regular file
 *     --hold      wait to be watched before the first and after the last; with --leak the second
 *                 release closes what was left open, the third ends
 *
 * Prints one JSON line: opens, closes, open_errors as a table of system calls must see them,
 * unseen_opens and unseen_closes of the rest, the level before and after, regular files in the
 * latter, what was skipped and why.
 */
#include "fdways/unseen.h"

#define STATE_ENV "FDWAYS_STATE"
#define LEAK_MAX  4096

static const struct way seen[] = {
#ifdef SYS_open
	{ "open", way_open },
	{ "creat", way_creat },
	{ "pipe", way_pipe },
	{ "eventfd", way_eventfd },
	{ "epoll_create", way_epoll_create },
	{ "inotify_init", way_inotify_init },
#endif
	{ "openat", way_openat },
	{ "openat-path", way_openat_path },
	{ "openat2", way_openat2 },
	{ "socket", way_socket },
	{ "socketpair", way_socketpair },
	{ "accept", way_accept },
	{ "accept4", way_accept4 },
	{ "pipe2", way_pipe2 },
	{ "eventfd2", way_eventfd2 },
	{ "epoll_create1", way_epoll_create1 },
	{ "timerfd_create", way_timerfd_create },
	{ "signalfd-new", way_signalfd_new },
	{ "signalfd-update", way_signalfd_update },
	{ "inotify_init1", way_inotify_init1 },
	{ "fanotify_init", way_fanotify_init },
	{ "memfd_create", way_memfd_create },
#ifdef SYS_memfd_secret
	{ "memfd_secret", way_memfd_secret },
#endif
	{ "userfaultfd", way_userfaultfd },
	{ "perf_event_open", way_perf_event_open },
	{ "pidfd_open", way_pidfd_open },
	{ "pidfd_getfd", way_pidfd_getfd },
	{ "open_by_handle_at", way_open_by_handle_at },
	{ "fsopen", way_fsopen },
	{ "fsmount", way_fsmount },
	{ "fspick", way_fspick },
	{ "open_tree", way_open_tree },
	{ "mq_open", way_mq_open },
	{ "io_uring_setup", way_io_uring_setup },
	{ "bpf-map", way_bpf_map },
	{ "bpf-update", way_bpf_update },
	{ "landlock", way_landlock },
	{ "landlock-version", way_landlock_version },
	{ "dup", way_dup },
#ifdef SYS_dup2
	{ "dup2-free", way_dup2_free },
	{ "dup2-over", way_dup2_over },
	{ "dup2-same", way_dup2_same },
#endif
	{ "dup3-free", way_dup3_free },
	{ "dup3-over", way_dup3_over },
	{ "fcntl-dupfd", way_fcntl_dupfd },
	{ "fcntl-dupfd-cloexec", way_fcntl_dupfd_cloexec },
	{ "fcntl-getfl", way_fcntl_getfl },
	{ "close-ebadf", way_close_ebadf },
	{ "close_range", way_close_range },
	{ "close_range-unshare", way_close_range_unshare },
	{ "close_range-cloexec", way_close_range_cloexec },
	{ "thread", way_thread },
	{ "fork-exit", way_fork_exit },
	{ "fail-enoent", way_fail_enoent },
	{ "fail-enotdir", way_fail_enotdir },
	{ "fail-eexist", way_fail_eexist },
	{ "fail-eacces", way_fail_eacces },
	{ "fail-emfile", way_fail_emfile },
	{ "fail-eagain", way_fail_eagain },
	{ "fail-dup", way_fail_dup },
	{ "fail-dup3", way_fail_dup3 },
	{ "fail-pipe", way_fail_pipe },
	{ "fail-socket", way_fail_socket },
};

static const struct way unseen[] = {
	{ "scm-rights", way_scm_rights },
	{ "scm-rights-mmsg", way_scm_rights_mmsg },
	{ "scm-pidfd", way_scm_pidfd },
	{ "so-peerpidfd", way_so_peerpidfd },
	{ "clone-pidfd", way_clone_pidfd },
	{ "clone3-pidfd", way_clone3_pidfd },
	{ "tiocgptpeer", way_tiocgptpeer },
	{ "ns-get-userns", way_ns_get_userns },
	{ "fanotify-read", way_fanotify_read },
	{ "seccomp-addfd", way_seccomp_addfd },
	{ "seccomp-addfd-over", way_seccomp_addfd_over },
	{ "uring-openat", way_uring_openat },
	{ "uring-openat-async", way_uring_openat_async },
	{ "uring-openat-sqpoll", way_uring_openat_sqpoll },
	{ "uring-close", way_uring_close },
	{ "uring-close-async", way_uring_close_async },
	{ "uring-close-sqpoll", way_uring_close_sqpoll },
	{ "uring-accept", way_uring_accept },
	{ "uring-socket", way_uring_socket },
	{ "exec-cloexec", NULL }, /* done last, see go_on_in_new_image() */
};

#define SEEN_CNT   (sizeof(seen) / sizeof(*seen))
#define UNSEEN_CNT (sizeof(unseen) / sizeof(*unseen))
#define WAY_CNT	   (SEEN_CNT + UNSEEN_CNT)

/* All that has to survive an exec. */
struct run {
	struct ledger ledger;
	uint64_t level_start;
	uint64_t execs_left, leak, hold;
	int leaked[LEAK_MAX];
	int skipped[WAY_CNT]; /* errno */
};

static const struct way *way_at(size_t i)
{
	return i < SEEN_CNT ? &seen[i] : &unseen[i - SEEN_CNT];
}

static void list_ways(void)
{
	struct line out = { .len = 0 };
	size_t i;

	for (i = 0; i < WAY_CNT; i++)
		put(&out, "%s%s", i ? "\n" : "", way_at(i)->name);
	put_line(&out);
}

static void put_errors(struct line *out, const struct ledger *l)
{
	const char *comma = "";
	int i;

	put(out, "\"errors_by_errno\":{");
	for (i = 0; i < ERRNO_CNT; i++) {
		if (!l->by_errno[i])
			continue;
		put(out, "%s\"%s\":%ju", comma, strerrorname_np(i), (uintmax_t)l->by_errno[i]);
		comma = ",";
	}
	put(out, "}");
}

static void put_skipped(struct line *out, const struct run *run)
{
	const char *comma = "";
	size_t i;

	put(out, "\"skipped\":{");
	for (i = 0; i < WAY_CNT; i++) {
		if (!run->skipped[i])
			continue;
		put(out, "%s\"%s\":\"%s\"", comma, way_at(i)->name,
		    strerrorname_np(run->skipped[i]));
		comma = ",";
	}
	put(out, "}");
}

static void report(const struct run *run)
{
	const struct ledger *l = &run->ledger;
	struct line out = { .len = 0 };

	put(&out, "{\"pid\":%d,\"opens\":%ju,\"closes\":%ju,\"open_errors\":%ju,", getpid(),
	    (uintmax_t)l->opens, (uintmax_t)l->closes, (uintmax_t)l->open_errors);
	put_errors(&out, l);
	put(&out, ",\"unseen_opens\":%ju,\"unseen_closes\":%ju,", (uintmax_t)l->unseen_opens,
	    (uintmax_t)l->unseen_closes);
	put(&out, "\"level_start\":%ju,\"level_end\":%ju,", (uintmax_t)run->level_start,
	    (uintmax_t)fd_level());
	put(&out, "\"regular_end\":%ju,", (uintmax_t)fd_regular());
	put_skipped(&out, run);
	put(&out, "}");
	put_line(&out);
}

static void leak_open(struct run *run)
{
	uint64_t i;

	for (i = 0; i < run->leak; i++)
		run->leaked[i] = i % 3 ? OPENED(&run->ledger, SYS_eventfd2, 0, 0) :
					 any_fd(&run->ledger);
}

static void leak_close(struct run *run)
{
	uint64_t i;

	for (i = 0; i < run->leak; i++)
		closing(&run->ledger, run->leaked[i]);
}

static void finish(struct run *run)
{
	struct ledger *l = &run->ledger;

	leak_open(run);
	unlink(l->file);
	rmdir(l->dir);
	report(run);
	if (run->hold)
		hold();
	if (run->hold && run->leak) {
		leak_close(run);
		report(run);
		hold();
	}
	exit(0);
}

/* ---- close-on-exec: the ledger goes on in the new image ---- */

#define CLOEXEC_CNT 3

static void state_put(const struct run *run)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = (const void *)run;
	char text[2 * sizeof(*run) + 1];
	size_t i;

	for (i = 0; i < sizeof(*run); i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * i] = 0;
	setenv(STATE_ENV, text, 1);
}

static bool state_get(struct run *run)
{
	const char *text = getenv(STATE_ENV);
	unsigned char *bytes = (void *)run;
	size_t i;

	if (!text || strlen(text) != 2 * sizeof(*run))
		return false;
	for (i = 0; i < sizeof(*run); i++)
		if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
			return false;
	return true;
}

static void go_on_in_new_image(struct run *run)
{
	char self[4096], *argv[] = { "fdways", "resume", NULL };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int i;

	if (n < 0)
		die("/proc/self/exe: %s", strerror(errno));
	self[n] = 0;
	for (i = 0; i < CLOEXEC_CNT; i++)
		OPENED(&run->ledger, SYS_openat, AT_FDCWD, run->ledger.file, O_RDONLY | O_CLOEXEC);
	run->ledger.unseen_closes += CLOEXEC_CNT;
	run->execs_left--;
	state_put(run);
	execv(self, argv);
	die("%s: %s", self, strerror(errno));
}

static void run_to_end(struct run *run)
{
	if (run->execs_left)
		go_on_in_new_image(run);
	finish(run);
}

/* ---- the run ---- */

static void set_up(struct ledger *l)
{
	const char *tmp = getenv("TMPDIR");

	tmp = tmp && strlen(tmp) <= 40 ? tmp : "/tmp";
	snprintf(l->dir, sizeof(l->dir), "%.40s/fdways-XXXXXX", tmp);
	if (!mkdtemp(l->dir))
		die("%s: %s", l->dir, strerror(errno));
	snprintf(l->file, sizeof(l->file), "%s/file", l->dir);
	closing(l, OPENED(l, SYS_openat, AT_FDCWD, l->file, O_CREAT | O_RDWR, 0600));
}

static void run_way(struct run *run, size_t i, uint64_t count)
{
	const struct way *w = way_at(i);
	int r;

	if (!w->run) {
		run->execs_left += count;
		return;
	}
	while (count--) {
		r = w->run(&run->ledger);
		if (r)
			run->skipped[i] = -r;
	}
}

/* Does what was asked for by this argument include this way? */
static bool wanted(const char *arg, size_t i)
{
	if (!strcmp(arg, "all"))
		return true;
	if (!strcmp(arg, "seen") || !strcmp(arg, "unseen"))
		return (i < SEEN_CNT) == !strcmp(arg, "seen");
	return !strcmp(arg, way_at(i)->name);
}

static uint64_t next_prime(uint64_t n)
{
	uint64_t d;

	for (n++;; n++) {
		for (d = 2; d * d <= n && n % d; d++)
			;
		if (n > 1 && d * d > n)
			return n;
	}
}

static void run_wanted(struct run *run, char **args, uint64_t count, bool primes)
{
	uint64_t prime = 0;
	bool found;
	size_t i;

	for (; *args; args++) {
		found = false;
		for (i = 0; i < WAY_CNT; i++) {
			if (!wanted(*args, i))
				continue;
			found = true;
			prime = next_prime(prime);
			run_way(run, i, primes ? prime : count);
		}
		if (!found)
			die("%s: no such way; see fdways list", *args);
	}
}

int main(int argc, char **argv)
{
	static struct run run;
	uint64_t count = 1, primes = 0;
	const struct option_u64 options[] = {
		{ "-n", &count, false },	 { "--primes", &primes, true },
		{ "--leak", &run.leak, false }, { "--hold", &run.hold, true },
		{ NULL, NULL, false },
	};

	(void)argc;
	if (state_get(&run))
		run_to_end(&run);
	hold_init();
	if (!parse_options(argv, options) || run.leak > LEAK_MAX)
		die("usage: fdways list | [OPTIONS] all|seen|unseen|NAME...");
	if (!strcmp(argv[1], "list")) {
		list_ways();
		return 0;
	}
	run.level_start = fd_level();
	if (run.hold)
		hold_ready();
	set_up(&run.ledger);
	run_wanted(&run, argv + 1, count, primes);
	run_to_end(&run);
}
