/* SPDX-License-Identifier: BSD-2-Clause */
/* Where cgroup v2 is mounted, and what is in it. 0 or -errno. */
#ifndef KTALLY_BASE_CGROUPFS_H
#define KTALLY_BASE_CGROUPFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum cgroup_mode { CGROUP_NONE, CGROUP_V1, CGROUP_V2, CGROUP_HYBRID };

struct cgroup_mounts {
	enum cgroup_mode mode;
	char v2_path[256]; /* "" when there is none; octal escapes of mountinfo undone */
};

extern const char *const cgroup_mode_names[]; /* NULL for CGROUP_NONE, then "v1", "v2", "hybrid" */

/* text: a mountinfo file (proc(5)). */
int cgroup_mounts_parse(const char *text, size_t len, struct cgroup_mounts *ret);
int cgroup_mounts_read(int proc_fd, struct cgroup_mounts *ret);

struct cgroup {
	uint64_t id;     /* as the kernel numbers it: the inode of its directory */
	uint32_t level;  /* 0 at the root of this mount, which in a container may lie deeper */
	int fd;          /* its directory; owned */
	char path[4096]; /* absolute */
};

/* path: absolute, or relative to the v2 mount. -ENOENT: no such directory; -ENOTDIR; -EINVAL: a
 * directory that is not in cgroup v2 (a v1 path, or no cgroup); -ENODEV: v2 is not mounted. */
int cgroup_open(const struct cgroup_mounts *mounts, const char *path, struct cgroup *ret);
void cgroup_close(struct cgroup *cg);
/* Does it hold threads of processes that are listed further up? ret_domain, of the size of a path,
 * then is where: the nearest cgroup above that does not; "" where this mount does not show it. */
bool cgroup_is_threaded(const struct cgroup *cg, char *ret_domain);
/* Calls fn for every process in the subtree until it returns non-zero, and returns that. One that
 * moves meanwhile may come twice. -EOPNOTSUPP: cg is a threaded cgroup, which has no processes of
 * its own. */
int cgroup_for_each_pid(const struct cgroup *cg, int (*fn)(void *ctx, pid_t pid), void *ctx);

#endif
