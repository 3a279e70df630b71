// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a line at an interval costs at least: waker INTERVAL_MS BYTES. Sleeps, writes a line of so
 * many bytes, and measures nothing.
 */
#include "tests/workloads/workload.h"

int main(int argc, char **argv)
{
	struct line l = { .len = 0 };
	useconds_t interval_us;

	if (argc != 3)
		die("usage: waker INTERVAL_MS BYTES");
	interval_us = parse_u64("interval", argv[1]) * 1000;
	put(&l, "%*s\n", (int)parse_u64("BYTES", argv[2]) - 1, "");
	while (write(STDOUT_FILENO, l.text, l.len) == (ssize_t)l.len)
		usleep(interval_us);
	die("write: %s", strerror(errno));
}
