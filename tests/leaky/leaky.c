// SPDX-License-Identifier: BSD-2-Clause
/*
 * Five places that leak, each at another depth of calls and a prime number of times, evenly spread
 * over the rounds; seven that close what they open; threads. Plain C that is C++ as well. Built as
 * programs are built: -O2, dynamic, without frame pointers.
 *
 * leaky [--rounds N] [--pause MS] [--fork] [--stop FILE] [--pool] [--stack BYTES]
 *   --fork    a child does it, and the parent waits
 *   --stop    when done, interrupt the process whose PID is in FILE, and do not end
 *   --pool    no leaks; instead a pool that fills in the first rounds and is kept
 *   --stack   so much more of it below all of that
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A call in last place would be a jump, and the caller not on the stack. */
#define PLACE	  __attribute__((noinline, noclone))
#define NOT_LAST(x) __asm__ volatile("" : "+r"(x))

#ifdef __cplusplus
namespace leaky {
#endif

enum { OPENS = 23, SOCKETS = 29, DUPS = 31, ACCEPTS = 37, EVENTFDS = 41, POOLED = 19 };

static int rounds = 60, pause_ms = 25, pool, stack_bytes;

static void check(int result)
{
	if (result >= 0)
		return;
	perror("leaky");
	exit(1);
}

/* ---- what leaks ---- */

PLACE int leak_open(const char *path)
{
	int fd = open(path, O_RDONLY); /* leak_open */

	check(fd);
	return fd;
}

PLACE int leak_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM, 0); /* leak_socket */

	check(fd);
	return fd;
}

PLACE int resolve(int family)
{
	int fd = leak_socket(family);

	NOT_LAST(fd);
	return fd;
}

PLACE int leak_dup(int fd)
{
	int copy = dup(fd); /* leak_dup */

	check(copy);
	return copy;
}

PLACE int save(int depth)
{
	int fd = depth ? save(depth - 1) : leak_dup(STDERR_FILENO);

	NOT_LAST(fd);
	return fd;
}

PLACE int leak_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC); /* leak_accept */

	check(fd);
	return fd;
}

/* Connects to itself: the client's side is closed again. */
PLACE void serve(int listener, const struct sockaddr_in *address)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);

	check(client);
	check(connect(client, (const struct sockaddr *)address, sizeof(*address)));
	leak_accept(listener);
	close(client);
}

PLACE int leak_eventfd(void)
{
	int fd = eventfd(0, 0); /* leak_eventfd */

	check(fd);
	return fd;
}

PLACE int fill_pool(const char *path)
{
	int fd = open(path, O_RDONLY);

	check(fd);
	return fd;
}

/* ---- what does not ---- */

PLACE void close_file(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	check(fd);
	close(fd);
}

PLACE void close_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	check(fd);
	close(fd);
}

PLACE void close_pipe(void)
{
	int fds[2];

	check(pipe(fds));
	close(fds[0]);
	close(fds[1]);
}

PLACE void close_pair(void)
{
	int fds[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	close(fds[1]);
	close(fds[0]);
}

PLACE void close_epoll(void)
{
	int fd = epoll_create1(0);

	check(fd);
	close(fd);
}

PLACE void close_stream(void)
{
	FILE *file = fopen("/etc/passwd", "r");

	check(file ? 0 : -1);
	fclose(file);
}

PLACE void replace_dup(void)
{
	int fd = dup(STDERR_FILENO);

	check(fd);
	check(dup2(STDOUT_FILENO, fd));
	close(fd);
}

enum { BEHAVED = 10 }; /* opens of it */

PLACE void behave(void)
{
	close_file();
	close_socket();
	close_pipe();
	close_pair();
	close_epoll();
	close_stream();
	replace_dup();
}

/* ---- rounds ---- */

static void rest(void)
{
	struct timespec t = { pause_ms / 1000, pause_ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/* So that count are done after all rounds. */
static int due(int round, int count)
{
	return (round + 1) * count / rounds - round * count / rounds;
}

static void repeat(int times, int (*leak)(int), int argument)
{
	while (times-- > 0)
		leak(argument);
}

PLACE void *other_thread(void *arg)
{
	int round, i;

	for (round = 0; round < rounds; round++) {
		if (!pool) {
			repeat(due(round, SOCKETS), resolve, AF_INET);
			for (i = due(round, EVENTFDS); i > 0; i--)
				leak_eventfd();
		}
		behave();
		rest();
	}
	return arg;
}

static int listen_somewhere(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(fd);
	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)address, sizeof(*address)));
	check(listen(fd, 64));
	check(getsockname(fd, (struct sockaddr *)address, &len));
	return fd;
}

PLACE void first_thread(void)
{
	struct sockaddr_in address;
	int round, i, listener = listen_somewhere(&address);

	for (round = 0; round < rounds; round++) {
		for (i = pool ? 0 : due(round, OPENS); i > 0; i--)
			leak_open("/etc/passwd");
		for (i = pool ? 0 : due(round, ACCEPTS); i > 0; i--)
			serve(listener, &address);
		if (pool && round < POOLED)
			fill_pool("/etc/passwd");
		if (!pool)
			repeat(due(round, DUPS), save, 7);
		behave();
		rest();
	}
}

PLACE void *on_top(void *(*run)(void *))
{
	char *room = (char *)__builtin_alloca(stack_bytes + 1);
	void *result;

	memset(room, 0, stack_bytes + 1);
	result = run(NULL);
	__asm__ volatile("" : : "r"(room) : "memory");
	return result;
}

static void *other(void *arg)
{
	(void)arg;
	return on_top(other_thread);
}

static void *first(void *arg)
{
	first_thread();
	return arg;
}

static void work(void)
{
	pthread_t thread;

	check(-pthread_create(&thread, NULL, other, NULL));
	on_top(first);
	pthread_join(thread, NULL);
}

/* How many are open of each place, and how many each thread has opened. */
static void tell(void)
{
	int first = OPENS + DUPS + 2 * ACCEPTS + 1 + rounds * BEHAVED;
	int other = SOCKETS + EVENTFDS + rounds * BEHAVED;

	printf("{\"leak_open\":%d,\"leak_socket\":%d,\"leak_dup\":%d,\"leak_accept\":%d,"
	       "\"leak_eventfd\":%d,\"first_thread\":%d,\"other_thread\":%d}\n",
	       OPENS, SOCKETS, DUPS, ACCEPTS, EVENTFDS, first, other);
	fflush(stdout);
}

static void interrupt(const char *path)
{
	FILE *file = fopen(path, "r");
	int pid = 0;

	check(file && fscanf(file, "%d", &pid) == 1 ? 0 : -1);
	fclose(file);
	check(kill(pid, SIGINT));
}

static int run(int argc, char **argv)
{
	const char *stop = NULL;
	int i, forks = 0;
	pid_t child = 0;

	for (i = 1; i < argc; i++) {
		forks |= !strcmp(argv[i], "--fork");
		pool |= !strcmp(argv[i], "--pool");
		if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			rounds = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--pause") && i + 1 < argc)
			pause_ms = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--stop") && i + 1 < argc)
			stop = argv[++i];
		else if (!strcmp(argv[i], "--stack") && i + 1 < argc)
			stack_bytes = atoi(argv[++i]);
	}
	if (forks)
		child = fork();
	check(child);
	if (child) {
		waitpid(child, NULL, 0);
		return 0;
	}
	work();
	tell();
	if (stop)
		interrupt(stop);
	while (stop)
		sleep(1000);
	return 0;
}

#ifdef __cplusplus
}

int main(int argc, char **argv)
{
	return leaky::run(argc, argv);
}
#else

int main(int argc, char **argv)
{
	return run(argc, argv);
}
#endif
