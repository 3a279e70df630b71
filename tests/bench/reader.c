// SPDX-License-Identifier: BSD-2-Clause
/*
 * What reading /proc costs at least: reader INTERVAL_MS. Of each process: stat, statm and status,
 * opened, read and closed, and the size of fd/; nothing is parsed. A line each time all were read.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/workloads/workload.h"

static char text[1 << 16];

static void read_file(int dir, const char *pid, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", pid, name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* it has ended */
		return;
	if (read(fd, text, sizeof(text)) < 0)
		text[0] = '\0';
	close(fd);
}

static void read_process(int dir, const char *pid)
{
	char path[PATH_MAX];
	struct stat st;

	read_file(dir, pid, "stat");
	read_file(dir, pid, "statm");
	read_file(dir, pid, "status");
	snprintf(path, sizeof(path), "%s/fd", pid);
	if (fstatat(dir, path, &st, 0) < 0)
		text[0] = '\0';
}

static unsigned read_all(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	unsigned processes = 0;

	if (!proc)
		die("/proc: %s", strerror(errno));
	while ((entry = readdir(proc))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		read_process(dirfd(proc), entry->d_name);
		processes++;
	}
	closedir(proc);
	return processes;
}

int main(int argc, char **argv)
{
	useconds_t interval_us;

	if (argc != 2)
		die("usage: reader INTERVAL_MS");
	interval_us = parse_u64("interval", argv[1]) * 1000;
	for (;;) {
		printf("%u\n", read_all());
		fflush(stdout);
		usleep(interval_us);
	}
}
