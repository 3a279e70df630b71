// SPDX-License-Identifier: BSD-2-Clause
/* Rows that are read rather than tried: kernel settings, namespaces, cgroups. */
#include "check/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cgroupfs.h"
#include "base/preempt.h"
#include "base/textfile.h"
#include "monitor/caps.h"

#define KERNEL     "kernel"
#define NAMESPACES "namespaces"

const char check_fix_btf[] = "a kernel built with CONFIG_DEBUG_INFO_BTF=y";
const char check_fix_pids[] =
	"run ktally outside the container, or in the host's PID namespace with the host's /proc: "
	"docker run --pid=host, podman run --pid=host, hostPID: true";
const char check_fix_times[] =
	"run ktally outside the time namespace: nsenter --target 1 --time ktally ...";
const char check_fix_users[] = "run ktally outside the user namespace, as root of the host: a "
			       "container that is not rootless";

static void add_release(struct ktally_check *c)
{
	struct utsname u;

	if (!uname(&u))
		check_add(c, KERNEL, "release", CHECK_YES, NULL, "%s %s", u.release, u.machine);
}

bool check_has_btf(int sys_fd)
{
	struct stat st;

	return !fstatat(sys_fd, "kernel/btf/vmlinux", &st, 0) && st.st_size > 0;
}

static void add_btf(struct ktally_check *c, int sys_fd)
{
	if (check_has_btf(sys_fd))
		check_add(c, KERNEL, "BTF", CHECK_YES, NULL, "/sys/kernel/btf/vmlinux is there");
	else
		check_add(c, KERNEL, "BTF", CHECK_NO, check_fix_btf,
			  "/sys/kernel/btf/vmlinux is missing: no program can be fitted to this "
			  "kernel");
}

struct setting {
	const char *name;
	const char *path;   /* below /proc */
	const char *absent; /* what it means when the kernel has no such file */
};

/* False after a row that says why there is no value. */
static bool read_setting(struct ktally_check *c, int proc_fd, const struct setting *s, long *ret)
{
	char text[32], *end;
	int n = textfile_read(proc_fd, s->path, text, sizeof(text));

	if (n > 0) {
		*ret = strtol(text, &end, 10);
		if (!*end)
			return true;
	}
	if (n == -ENOENT)
		check_add(c, KERNEL, s->name, CHECK_UNKNOWN, NULL, "%s", s->absent);
	else
		check_add(c, KERNEL, s->name, CHECK_UNKNOWN, NULL, "/proc/%s cannot be read: %s",
			  s->path, n < 0 ? strerror(-n) : "it holds no number");
	return false;
}

static void add_jit(struct ktally_check *c, int proc_fd)
{
	static const struct setting jit = {
		"BPF JIT", "sys/net/core/bpf_jit_enable",
		"/proc/sys/net/core/bpf_jit_enable is not there: a kernel "
		"without CONFIG_BPF_JIT, or a network namespace"
	};
	long value;

	if (!read_setting(c, proc_fd, &jit, &value))
		return;
	if (value)
		check_add(c, KERNEL, jit.name, CHECK_YES, NULL, "net.core.bpf_jit_enable is %ld",
			  value);
	else
		check_add(c, KERNEL, jit.name, CHECK_NO, "sysctl -w net.core.bpf_jit_enable=1",
			  "net.core.bpf_jit_enable is 0: programs are interpreted, which costs "
			  "more, and "
			  "fentry is refused");
}

/* Never in ktally's way: it has the capability, or gets nowhere. */
static void add_unprivileged(struct ktally_check *c, int proc_fd)
{
	static const struct setting bpf = {
		"unprivileged_bpf_disabled", "sys/kernel/unprivileged_bpf_disabled",
		"/proc/sys/kernel/unprivileged_bpf_disabled is not there: a "
		"kernel without CONFIG_BPF_SYSCALL"
	};
	long value;

	if (read_setting(c, proc_fd, &bpf, &value))
		check_add(c, KERNEL, bpf.name, CHECK_YES, NULL,
			  value ? "%ld: BPF is for whoever has CAP_BPF"
				: "%ld: unprivileged users may load some BPF programs, none that "
				  "ktally uses",
			  value);
}

/* Above 2 is a patch of distributions: then CAP_PERFMON does not open perf events. */
static void add_paranoid(struct ktally_check *c, int proc_fd)
{
	static const struct setting perf = {
		"perf_event_paranoid", "sys/kernel/perf_event_paranoid",
		"/proc/sys/kernel/perf_event_paranoid is not there: a kernel "
		"without CONFIG_PERF_EVENTS"
	};
	long value;

	if (!read_setting(c, proc_fd, &perf, &value))
		return;
	if (value <= 2 || caps_effective(CAP_SYS_ADMIN))
		check_add(c, KERNEL, perf.name, CHECK_YES, NULL, "%ld", value);
	else
		check_add(c, KERNEL, perf.name, CHECK_NO, "sysctl -w kernel.perf_event_paranoid=2",
			  "%ld: perf events need CAP_SYS_ADMIN here; counting does without them",
			  value);
}

bool check_lockdown_mode(const char *text, char *mode, size_t size)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close || close == open + 1)
		return false;
	snprintf(mode, size, "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

/* Integrity leaves BPF alone; confidentiality forbids reading kernel memory (security/security.c).
 */
static void add_lockdown(struct ktally_check *c, int sys_fd)
{
	char text[128], mode[32];
	int n = textfile_read(sys_fd, "kernel/security/lockdown", text, sizeof(text));

	if (n == -ENOENT)
		check_add(
			c, KERNEL, "lockdown", CHECK_UNKNOWN, NULL,
			"/sys/kernel/security/lockdown is not there: a kernel without lockdown, or "
			"securityfs is not mounted");
	else if (n < 0 || !check_lockdown_mode(text, mode, sizeof(mode)))
		check_add(c, KERNEL, "lockdown", CHECK_UNKNOWN, NULL,
			  "/sys/kernel/security/lockdown cannot be read: %s",
			  n < 0 ? strerror(-n) : "it names no mode");
	else if (!strcmp(mode, "confidentiality"))
		check_add(c, KERNEL, "lockdown", CHECK_NO,
			  "boot with lockdown=integrity or without lockdown=",
			  "confidentiality: BPF may not read kernel memory");
	else
		check_add(c, KERNEL, "lockdown", CHECK_YES, NULL, "%s", mode);
}

static void add_preemption(struct ktally_check *c, int sys_fd)
{
	check_add(c, KERNEL, "preemption", CHECK_YES, NULL,
		  kernel_preempts(sys_fd)
			  ? "the kernel may preempt itself: programs of fentry can be skipped, "
			    "which lost_events tells; those of kprobe.multi are not, "
			    "where maps are read by iter/bpf_map_elem"
			  : "the kernel does not preempt itself: no program is skipped");
}

void check_kernel(struct ktally_check *c, int proc_fd, int sys_fd)
{
	add_release(c);
	add_btf(c, sys_fd);
	add_jit(c, proc_fd);
	add_unprivileged(c, proc_fd);
	add_paranoid(c, proc_fd);
	add_lockdown(c, sys_fd);
	add_preemption(c, sys_fd);
}

void check_namespaces(struct ktally_check *c, const struct namespaces *ns)
{
	char pids[CHECK_DETAIL_LEN] = "the first one",
	     times[CHECK_DETAIL_LEN] = "clocks are the kernel's own";
	int pids_err = namespaces_join_pids(ns, pids, sizeof(pids));
	int times_err = namespaces_join_times(ns, times, sizeof(times));

	check_add(c, NAMESPACES, "PID", pids_err ? CHECK_NO : CHECK_YES, check_fix_pids, "%s",
		  pids);
	check_add(c, NAMESPACES, "time", times_err ? CHECK_NO : CHECK_YES, check_fix_times, "%s",
		  times);
	check_add(
		c, NAMESPACES, "user", ns->user_first ? CHECK_YES : CHECK_NO, check_fix_users, "%s",
		ns->user_first ? "the first one"
			       : "not the first one: capabilities held here do not count for BPF");
}

void check_cgroups(struct ktally_check *c, int proc_fd)
{
	struct cgroup_mounts mounts;
	int err = cgroup_mounts_read(proc_fd, &mounts);

	if (err) {
		check_add(c, "cgroups", "v2", CHECK_UNKNOWN, NULL, "mountinfo cannot be read: %s",
			  strerror(-err));
		return;
	}
	if (mounts.v2_path[0])
		check_add(c, "cgroups", "v2", CHECK_YES, NULL, "mode %s, v2 is at %s",
			  cgroup_mode_names[mounts.mode], mounts.v2_path);
	else
		check_add(c, "cgroups", "v2", CHECK_NO,
			  "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none "
			  "/sys/fs/cgroup/unified",
			  "mode %s: cgroup v2 is not mounted, --cgroup has nothing to watch",
			  mounts.mode == CGROUP_NONE ? "none" : cgroup_mode_names[mounts.mode]);
}
