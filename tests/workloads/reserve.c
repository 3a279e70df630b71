// SPDX-License-Identifier: BSD-2-Clause
/*
 * Descriptors that are taken and not open: while accept(2) waits for a peer, and open(2) of a FIFO
 * for a writer, their number is nobody else's and no file is behind it.
 *
 *   reserve [-n DESCRIPTORS] [--hold]
 *
 * 11 threads wait in accept(2) and 7 for a FIFO, above so many open descriptors (23). With --hold
 * it waits to be watched while all are there, and once more before it ends. Prints what is open, as
 * one JSON line.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "workload.h"

#define ACCEPTS 11
#define FIFOS	7

static uint64_t files = 23, holds;
static char fifo[32];
static int server;

static void *wait_for_peer(void *arg)
{
	accept(server, NULL, NULL);
	die("accept: %s", strerror(errno));
	return arg;
}

static void *wait_for_writer(void *arg)
{
	open(fifo, O_RDONLY | O_CLOEXEC);
	die("%s: %s", fifo, strerror(errno));
	return arg;
}

static int lowest_free(void)
{
	int fd = dup(server);

	if (fd < 0)
		die("dup: %s", strerror(errno));
	close(fd);
	return fd;
}

/* Numbers below the end that are reserved: nothing is put over those. To look takes a free one for
 * a moment, so that a thread may get the next. */
static int reserved(int end)
{
	int fd, cnt = 0;

	for (fd = 0; fd < end; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (dup2(server, fd) == fd)
			close(fd);
		else
			cnt += errno == EBUSY;
	}
	return cnt;
}

static void start(void *(*run)(void *), int cnt, int end, int all)
{
	pthread_t id;

	while (cnt--)
		if (pthread_create(&id, NULL, run, NULL))
			die("pthread_create: %s", strerror(errno));
	while (reserved(end) != all)
		sleep_ns(1000000);
}

static void listen_anywhere(void)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };

	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server < 0 || bind(server, (void *)&any, sizeof(any.sun_family)) || listen(server, 1))
		die("socket: %s", strerror(errno));
}

static void open_files(void)
{
	uint64_t i;

	for (i = 0; i < files; i++)
		if (open("/proc/self/exe", O_RDONLY | O_CLOEXEC) < 0)
			die("open: %s", strerror(errno));
}

static void report(void)
{
	struct line out = { .len = 0 };

	put(&out, "{\"level_end\":%ju,\"regular_end\":%ju}", (uintmax_t)fd_level(),
	    (uintmax_t)fd_regular());
	put_line(&out);
}

int main(int argc, char **argv)
{
	const struct option_u64 options[] = {
		{ "-n", &files, false },
		{ "--hold", &holds, true },
		{ NULL, NULL, false },
	};
	int end;

	argc = parse_options(argv, options);
	if (argc)
		die("usage: reserve [-n DESCRIPTORS] [--hold]");
	hold_init();
	listen_anywhere();
	snprintf(fifo, sizeof(fifo), "reserve.%d", getpid());
	if (mkfifo(fifo, 0600))
		die("%s: %s", fifo, strerror(errno));
	open_files();
	end = lowest_free() + ACCEPTS + FIFOS + 8;
	start(wait_for_peer, ACCEPTS, end, ACCEPTS);
	start(wait_for_writer, FIFOS, end, ACCEPTS + FIFOS);
	if (holds)
		hold_ready();
	report();
	if (holds)
		hold();
	/* Not before: a thread reserves its number first, and then looks for the file. */
	unlink(fifo);
	_exit(0);
}
