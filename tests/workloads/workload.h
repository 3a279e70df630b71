/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the workloads share: output without hidden descriptors, arguments, waiting to be watched.
 * Link them with -static: a dynamic loader would open and close libraries that nobody counts.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One line of output, written by one write(2): nothing of it is left to a buffer at exit. */
struct line {
	char text[16384];
	size_t len;
};

__attribute__((format(printf, 2, 3)))
static inline void put(struct line *l, const char *format, ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->len, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		abort();
	l->len += n;
}

static inline void put_line(struct line *l)
{
	size_t done = 0;
	ssize_t n;

	put(l, "\n");
	while (done < l->len) {
		n = write(STDOUT_FILENO, l->text + done, l->len - done);
		if (n < 0 && errno != EINTR)
			_exit(1);
		done += n > 0 ? n : 0;
	}
	l->len = 0;
}

static inline __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text) - 1, format, args);
	va_end(args);
	n = n < 0 ? 0 : n >= (int)sizeof(text) - 1 ? (int)sizeof(text) - 2 : n;
	text[n] = '\n';
	if (write(STDERR_FILENO, text, n + 1) < 0)
		_exit(3);
	_exit(2);
}

/* ---- arguments ---- */

struct option_u64 {
	const char *name;
	uint64_t *value;
	bool flag; /* takes no argument; sets 1 */
};

static inline uint64_t parse_u64(const char *option, const char *text)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = text ? strtoull(text, &end, 10) : 0;
	if (!text || *text < '0' || *text > '9' || *end || errno)
		die("%s: expected a number, got '%s'", option, text ? text : "nothing");
	return v;
}

/* Takes the options out of argv and leaves the rest, NULL-terminated; returns how many are left. */
static inline int parse_options(char **argv, const struct option_u64 *options)
{
	const struct option_u64 *o;
	char **rest = argv + 1, **arg;

	for (arg = argv + 1; *arg; arg++) {
		for (o = options; o->name && strcmp(o->name, *arg); o++)
			;
		if (!o->name && **arg == '-')
			die("%s: no such option", *arg);
		if (!o->name)
			*rest++ = *arg;
		else if (o->flag)
			*o->value = 1;
		else if (arg[1])
			*o->value = parse_u64(o->name, *++arg);
		else
			die("%s: expected a number", o->name);
	}
	*rest = NULL;
	return rest - argv - 1;
}

/* ---- being watched ---- */

static inline void hold_signal(int signo)
{
	(void)signo;
}

/* Waits for SIGUSR1, or for a line or the end of standard input where that is a pipe or tty. */
static inline void hold(void)
{
	struct sigaction action = { .sa_handler = hold_signal };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	sigset_t waiting;
	struct stat st;
	char c = 0;

	sigaction(SIGUSR1, &action, NULL);
	sigprocmask(SIG_SETMASK, NULL, &waiting);
	sigdelset(&waiting, SIGUSR1);
	if (fstat(STDIN_FILENO, &st) || S_ISREG(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && !isatty(STDIN_FILENO)))
		input.fd = -1;
	if (ppoll(&input, 1, NULL, &waiting) < 0)
		return;
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
}

/* Call first: a SIGUSR1 that comes before hold() is kept for it. */
static inline void hold_init(void)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
}

/* Tells that everything is set up, then waits. */
static inline void hold_ready(void)
{
	struct line l = { .len = 0 };

	put(&l, "{\"ready\":true,\"pid\":%d}", getpid());
	put_line(&l);
	hold();
}

/* Descriptors open, found without opening one. */
static inline uint64_t fd_level(void)
{
	uint64_t level = 0;
	int fd;

	for (fd = 0; fd < 8192; fd++)
		level += fcntl(fd, F_GETFD) >= 0;
	return level;
}

/* Likewise of regular files. */
static inline uint64_t fd_regular(void)
{
	uint64_t regular = 0;
	struct stat st;
	int fd;

	for (fd = 0; fd < 8192; fd++)
		regular += !fstat(fd, &st) && S_ISREG(st.st_mode);
	return regular;
}

static inline void put_rusage(struct line *l)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	put(l, "\"nvcsw\":%ld,\"nivcsw\":%ld,\"utime_us\":%lld,\"stime_us\":%lld", ru.ru_nvcsw,
	    ru.ru_nivcsw, ru.ru_utime.tv_sec * 1000000LL + ru.ru_utime.tv_usec,
	    ru.ru_stime.tv_sec * 1000000LL + ru.ru_stime.tv_usec);
}

static inline double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static inline uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline void sleep_ns(uint64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

#endif
