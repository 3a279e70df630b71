// SPDX-License-Identifier: BSD-2-Clause
/*
 * CPU time: threads that burn it, in user mode and in the kernel.
 *
 *   burn [OPTIONS]
 *     -t N         threads (2)
 *     --ms N       CPU time of each in milliseconds (1000)
 *     --system PCT share of it spent in system calls (50)
 *     --mb N       memory to touch first, in MiB (0)
 *     --hold       wait to be watched before and after
 *
 * Prints its own getrusage(2) as one JSON line.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "workload.h"

#define SLICE_NS   1000000 /* user and system time alternate within this */
#define READ_BYTES 65536

struct burn {
	uint64_t threads, ms, system_percent, mb, hold;
	int zero; /* /dev/zero */
};

static void burn_user(uint64_t until_ns)
{
	volatile uint64_t x = 1;
	int i;

	while (thread_cpu_ns() < until_ns)
		for (i = 0; i < 20000; i++)
			x = x * 6364136223846793005u + 1;
}

static void burn_system(const struct burn *b, uint64_t until_ns)
{
	char buf[READ_BYTES];

	while (thread_cpu_ns() < until_ns)
		if (read(b->zero, buf, sizeof(buf)) < 0)
			die("/dev/zero: %s", strerror(errno));
}

static void *burn_thread(void *arg)
{
	const struct burn *b = arg;
	uint64_t end_ns = thread_cpu_ns() + b->ms * 1000000, now_ns;

	while ((now_ns = thread_cpu_ns()) < end_ns) {
		burn_system(b, now_ns + SLICE_NS * b->system_percent / 100);
		burn_user(now_ns + SLICE_NS);
	}
	return NULL;
}

static void touch(uint64_t mb)
{
	char *memory;

	if (!mb)
		return;
	memory = mmap(NULL, mb << 20, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	memset(memory, 1, mb << 20);
}

static void run(struct burn *b)
{
	pthread_t *ids = calloc(b->threads, sizeof(*ids));
	uint64_t i;

	if (!ids)
		die("out of memory");
	for (i = 0; i < b->threads; i++)
		if (pthread_create(&ids[i], NULL, burn_thread, b))
			die("pthread_create: %s", strerror(errno));
	for (i = 0; i < b->threads; i++)
		pthread_join(ids[i], NULL);
	free(ids);
}

int main(int argc, char **argv)
{
	struct burn b = { .threads = 2, .ms = 1000, .system_percent = 50 };
	const struct option_u64 options[] = {
		{ "-t", &b.threads, false },
		{ "--ms", &b.ms, false },
		{ "--system", &b.system_percent, false },
		{ "--mb", &b.mb, false },
		{ "--hold", &b.hold, true },
		{ NULL, NULL, false },
	};
	struct line out = { .len = 0 };

	argc = parse_options(argv, options);
	b.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (argc || !b.threads || b.system_percent > 100 || b.zero < 0)
		die("usage: burn [-t N] [--ms N] [--system PCT] [--mb N] [--hold]");
	hold_init();
	if (b.hold)
		hold_ready();
	touch(b.mb);
	run(&b);
	put(&out, "{\"threads\":%ju,", (uintmax_t)b.threads);
	put_rusage(&out);
	put(&out, "}");
	put_line(&out);
	if (b.hold)
		hold();
	return 0;
}
