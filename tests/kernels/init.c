// SPDX-License-Identifier: BSD-2-Clause
/*
 * Process 1 of a guest of the kernel matrix: mounts what the programs need, runs /run.sh with the
 * second serial line as its terminal, frames its output with BEGIN and END lines and powers off.
 * Kernel messages go to the first line and so can't tear a result.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define RESULT_LINE "/dev/ttyS1"
#define SHELL       "/bin/busybox"
#define SCRIPT      "/run.sh"

static const struct {
	const char *type;
	const char *where;
	const char *options;
} mounts[] = {
	{ "devtmpfs", "/dev", NULL },
	{ "proc", "/proc", NULL },
	{ "sysfs", "/sys", NULL },
	{ "tmpfs", "/tmp", "mode=1777" },
	{ "devpts", "/dev/pts", "ptmxmode=0666" },
	{ "tmpfs", "/dev/shm", NULL },
	{ "cgroup2", "/sys/fs/cgroup", NULL },
	{ "bpf", "/sys/fs/bpf", NULL },
	{ "debugfs", "/sys/kernel/debug", NULL },
	{ "tracefs", "/sys/kernel/tracing", NULL },
};

static void complain(const char *what)
{
	fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
}

static void mount_all(void)
{
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, mounts[i].options))
			complain(mounts[i].where);
	}
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		complain("lo");
	if (fd >= 0)
		close(fd);
}

/* Without output processing, or every line would end in a carriage return. */
static int open_result_line(void)
{
	struct termios raw;
	int fd = open(RESULT_LINE, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (!tcgetattr(fd, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

/* Becomes the script, detached from the console of this process. */
static void run_script(int line)
{
	char *const argv[] = { "sh", SCRIPT, NULL };
	struct rlimit files = { 1024, 4096 };
	int null = open("/dev/null", O_RDONLY);

	setsid();
	setrlimit(RLIMIT_NOFILE, &files);
	if (null < 0 || dup2(null, 0) < 0 || dup2(line, 1) < 0 || dup2(line, 2) < 0)
		_exit(126);
	if (null > 2)
		close(null);
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/tmp", 1);
	unsetenv("TERM");
	if (chdir("/tmp"))
		_exit(126);
	execv(SHELL, argv);
	dprintf(2, "init: %s: %s\n", SHELL, strerror(errno));
	_exit(127);
}

/* Reaps orphans too until the script itself has ended. Returns its status as a shell would. */
static int wait_for(pid_t script)
{
	int status;
	pid_t pid;

	do {
		pid = wait(&status);
		if (pid < 0 && errno != EINTR)
			return 255;
	} while (pid != script);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	struct utsname kernel;
	struct timespec now;
	pid_t script;
	int line, status;

	mount_all();
	loopback_up();
	line = open_result_line();
	if (line < 0) {
		complain(RESULT_LINE);
		reboot(RB_POWER_OFF);
	}
	uname(&kernel);
	clock_gettime(CLOCK_BOOTTIME, &now);
	dprintf(line, "BEGIN %s %s after %ld.%02ld s\n", kernel.release, kernel.version,
		(long)now.tv_sec, now.tv_nsec / 10000000);
	script = fork();
	if (!script)
		run_script(line);
	status = script < 0 ? 255 : wait_for(script);
	clock_gettime(CLOCK_BOOTTIME, &now);
	dprintf(line, "END %d after %ld.%02ld s\n", status, (long)now.tv_sec,
		now.tv_nsec / 10000000);
	tcdrain(line);
	reboot(RB_POWER_OFF);
	return 1;
}
