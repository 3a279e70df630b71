// SPDX-License-Identifier: BSD-2-Clause
/* The question of preempt.h, to debugfs and uname(2). */
#include "base/preempt.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/textfile.h"

/* "full" and "lazy" preempt; the other two only where the kernel itself says so. */
bool preempt_parse(const char *modes, const char *build)
{
	if (modes && strchr(modes, '('))
		return !strstr(modes, "(none)") && !strstr(modes, "(voluntary)");
	/* PREEMPT, PREEMPT_RT, PREEMPT_LAZY; PREEMPT_DYNAMIC may be any of them. */
	return strstr(build, " PREEMPT");
}

bool kernel_preempts(int sys_fd)
{
	char modes[128];
	struct utsname u;
	int n = textfile_read(sys_fd, "kernel/debug/sched/preempt", modes, sizeof(modes));

	if (uname(&u))
		return true;
	return preempt_parse(n > 0 ? modes : NULL, u.version);
}
