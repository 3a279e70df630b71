// SPDX-License-Identifier: BSD-2-Clause
/*
 * A small server with a bug: it answers requests over a socket, opens a file for each, and forgets
 * to close one in so many. For demonstrations; a client thread sends the requests.
 *
 *   leaky [OPTIONS]
 *     -r N        requests per second (50)
 *     -s N        seconds (10)
 *     --one-in N  requests per leaked descriptor (1)
 *     --hold      wait to be watched before and after
 *
 * Prints one JSON line: requests, opens, closes and descriptors leaked.
 */
#include <pthread.h>
#include <sys/socket.h>

#include "workload.h"

struct server {
	int sock;
	uint64_t rate, seconds, one_in, hold;
	uint64_t requests, opens, closes;
};

static void *client(void *arg)
{
	struct server *s = arg;
	uint64_t i, count = s->rate * s->seconds;
	double start = now_seconds(), due, left;
	char reply[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("socketpair: %s", strerror(errno));
	__atomic_store_n(&s->sock, pair[1], __ATOMIC_RELEASE);
	for (i = 0; i < count; i++) {
		if (write(pair[0], "GET", 3) != 3 || read(pair[0], reply, sizeof(reply)) < 0)
			break;
		due = start + (double)(i + 1) / s->rate;
		left = due - now_seconds();
		if (left > 0)
			sleep_ns(left * 1e9);
	}
	close(pair[0]);
	return NULL;
}

/* What a request costs: some arithmetic, and one look into a file. */
static uint64_t answer(struct server *s)
{
	volatile uint64_t x = s->requests;
	char text[256];
	ssize_t n;
	int fd, i;

	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* out of descriptors: a leak's natural end */
	s->opens++;
	n = read(fd, text, sizeof(text));
	for (i = 0; i < 50000; i++)
		x = x * 31 + (n > 0 ? text[i % n] : 0);
	if (++s->requests % s->one_in) {
		close(fd);
		s->closes++;
	}
	return x;
}

static void serve(struct server *s)
{
	char request[16];
	pthread_t thread;

	s->sock = -1;
	if (pthread_create(&thread, NULL, client, s))
		die("pthread_create: %s", strerror(errno));
	while (__atomic_load_n(&s->sock, __ATOMIC_ACQUIRE) < 0)
		sleep_ns(100000);
	s->opens += 2;
	while (read(s->sock, request, sizeof(request)) > 0) {
		answer(s);
		if (write(s->sock, "OK", 2) != 2)
			break;
	}
	close(s->sock);
	s->closes += 2;
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	struct server s = { .rate = 50, .seconds = 10, .one_in = 1 };
	const struct option_u64 options[] = {
		{ "-r", &s.rate, false },	{ "-s", &s.seconds, false },
		{ "--one-in", &s.one_in, false }, { "--hold", &s.hold, true },
		{ NULL, NULL, false },
	};
	struct line out = { .len = 0 };

	argc = parse_options(argv, options);
	if (argc || !s.rate || !s.one_in)
		die("usage: leaky [-r N] [-s N] [--one-in N] [--hold]");
	hold_init();
	signal(SIGPIPE, SIG_IGN);
	if (s.hold)
		hold_ready();
	serve(&s);
	put(&out, "{\"requests\":%ju,\"opens\":%ju,\"closes\":%ju,\"leaked\":%ju}",
	    (uintmax_t)s.requests, (uintmax_t)s.opens, (uintmax_t)s.closes,
	    (uintmax_t)(s.opens - s.closes));
	put_line(&out);
	if (s.hold)
		hold();
	return 0;
}
