// SPDX-License-Identifier: BSD-2-Clause
/* What /proc says of one process: all of it, or what the iterator left open. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "probes/probe.h"
#include "probes/task_internal.h"

/* The level is one call, the kinds are one for each descriptor: above this many they are not asked
 * for, since that would take longer than an interval. */
#define FDS_LISTED_MAX 65536

/* The list is without the numbers that waiting calls have reserved, which the one call counts. */
static void read_fds(struct process *p, int fd)
{
	int64_t *open = &p->now.v[RAW_OPEN_FDS];
	bool by_kernel = *open != RAW_UNKNOWN;
	struct proc_fds fds;
	uint64_t level;

	if (!by_kernel && !proc_fd_level(fd, &level))
		*open = (int64_t)level;
	if (*open > FDS_LISTED_MAX || proc_count_fds(fd, &fds))
		return;
	if ((!fds.open || *open == RAW_UNKNOWN) && proc_is_exiting(fd))
		return;
	p->now.v[RAW_OPEN_FILES] = fds.regular;
	if (!by_kernel)
		*open = fds.open;
}

void task_read_levels(struct process *p, int dir)
{
	uint64_t bytes;

	if (p->now.v[RAW_RSS_BYTES] == RAW_UNKNOWN && !proc_read_rss_bytes(dir, &bytes) &&
	    (bytes || !proc_is_exiting(dir)))
		p->now.v[RAW_RSS_BYTES] = (int64_t)bytes;
	read_fds(p, dir);
}

void task_read_headless(struct process *p, int dir)
{
	int thread;

	if (proc_open_live_thread(dir, &thread))
		return;
	task_read_levels(p, thread);
	close(thread);
}

static void read_dir(struct process *p, int dir)
{
	struct proc_stat st;
	uint64_t value;
	int err = dir < 0 ? dir : proc_read_stat(dir, &st);

	if (err == -ESRCH)
		p->gone = true;
	if (err)
		return;
	memcpy(p->comm, st.comm, sizeof(p->comm));
	process_set_cpu(p, clock_ticks_to_ns(st.utime_ticks + st.stime_ticks), st.utime_ticks,
			st.stime_ticks);
	process_sharpen_cpu(p);
	/* It keeps only its account; where the kernel tells of exits, that has come or will. */
	if (proc_stat_has_ended(&st)) {
		p->gone = !p->exited;
		return;
	}
	p->now.v[RAW_THREADS] = st.threads;
	p->lives = true;
	if (st.state != 'Z')
		task_read_levels(p, dir);
	else
		task_read_headless(p, dir);
	if (!proc_read_nofile(dir, &value))
		p->now.v[RAW_OPEN_FDS_LIMIT] = value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void task_read_process(const struct probe_env *env, struct process *p)
{
	int dir = process_dir(env->table, p, env->proc_fd);

	read_dir(p, dir);
	process_dir_done(p, dir);
}
