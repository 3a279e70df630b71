// SPDX-License-Identifier: BSD-2-Clause
/* Namespaces by the inode numbers that the kernel fixes for its first ones
 * (include/uapi/linux/nsfs.h). */
#include "base/namespaces.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/textfile.h"

#define FIRST_TIME "time:[4026531834]"
#define FIRST_PID  "pid:[4026531836]"
#define FIRST_USER "user:[4026531837]"

/* -ENOENT is a kernel built without the kind. */
static int is_first(int proc_fd, const char *link, const char *first, bool *ret)
{
	char text[64];
	int n = textfile_link(proc_fd, link, text, sizeof(text));

	if (n < 0 && n != -ENOENT)
		return n;
	*ret = n < 0 || !strcmp(text, first);
	return 0;
}

/* "boottime         1000         0": seconds and nanoseconds, signed. A line of another form may be
 * an offset as well. */
bool timens_shifted(const char *text, size_t len)
{
	struct cursor all = cursor_of(text, len), line, name;
	uint64_t seconds, ns;

	while (cursor_until(&all, '\n', &line)) {
		cursor_until(&line, ' ', &name);
		if (cursor_uint(&line, &seconds) || cursor_uint(&line, &ns) || seconds || ns)
			return true;
	}
	return false;
}

/* The file tells of the namespace that children get, which need not be ours. */
static int read_time(int proc_fd, struct namespaces *ns)
{
	char own[64], children[64], offsets[256];
	bool first;
	int err = is_first(proc_fd, "self/ns/time", FIRST_TIME, &first);

	if (err || first)
		return err;
	ns->time_shifted = true;
	if (textfile_link(proc_fd, "self/ns/time", own, sizeof(own)) < 0 ||
	    textfile_link(proc_fd, "self/ns/time_for_children", children, sizeof(children)) < 0 ||
	    strcmp(own, children))
		return 0;
	err = textfile_read(proc_fd, "self/timens_offsets", offsets, sizeof(offsets));
	if (err > 0)
		ns->time_shifted = timens_shifted(offsets, (size_t)err);
	return 0;
}

int namespaces_read(int proc_fd, pid_t self, struct namespaces *ret)
{
	struct namespaces ns = { 0 };
	char text[64];
	int err;

	/* Of another PID namespace it has no `self` for us, or one with the PID that we have there.
	 */
	ns.proc_own = textfile_link(proc_fd, "self", text, sizeof(text)) > 0 && atoi(text) == self;
	err = is_first(proc_fd, "self/ns/pid", FIRST_PID, &ns.pid_first);
	if (!err)
		err = is_first(proc_fd, "self/ns/user", FIRST_USER, &ns.user_first);
	if (!err)
		err = read_time(proc_fd, &ns);
	if (err)
		return err;
	*ret = ns;
	return 0;
}

int namespaces_join_pids(const struct namespaces *ns, char *reason, size_t size)
{
	if (ns->pid_first && ns->proc_own)
		return 0;
	snprintf(reason, size, "%s",
		 ns->pid_first ? "/proc is that of another PID namespace than ktally's own"
			       : "ktally is in a PID namespace that is not the first one (a "
				 "container): the kernel's PIDs "
				 "are not those of /proc here");
	return -ENOTSUP;
}

int namespaces_join_times(const struct namespaces *ns, char *reason, size_t size)
{
	if (!ns->time_shifted)
		return 0;
	snprintf(reason, size,
		 "ktally is in a time namespace with shifted clocks: the kernel's start times "
		 "are not those of /proc here");
	return -ENOTSUP;
}

int namespaces_join(int proc_fd, char *reason, size_t size)
{
	struct namespaces ns;
	int err = namespaces_read(proc_fd, getpid(), &ns);

	if (err) {
		snprintf(reason, size, "cannot tell which namespaces ktally is in: %s",
			 strerror(-err));
		return err;
	}
	err = namespaces_join_pids(&ns, reason, size);
	return err ? err : namespaces_join_times(&ns, reason, size);
}
