// SPDX-License-Identifier: BSD-2-Clause
/* Parsers of the files of /proc/PID: bytes in, numbers out. */
#include "base/cursor.h"
#include "base/procfs.h"

/* Fields of /proc/PID/stat, numbered as in proc(5), that follow the name and are numbers. */
enum stat_field {
	STAT_PPID = 4,
	STAT_FLAGS = 9,
	STAT_UTIME = 14,
	STAT_STIME = 15,
	STAT_THREADS = 20,
	STAT_STARTTIME = 22,
	STAT_RSS = 24,
	STAT_FIELDS,
	STAT_SIGNAL = 31,
};

/* Some fields that nobody asks for here are negative; they are kept modulo 2^64. */
static int take_int(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;
	bool negative;
	int err;

	cursor_skip_blanks(c);
	negative = cursor_take(c, "-");
	err = cursor_uint(c, &v);
	if (!err)
		*ret = negative ? -v : v;
	return err;
}

/* "PID (NAME) ", where NAME may hold anything, parentheses and newlines included. No field after it
 * does, so that the last parenthesis ends it. A kworker's name is longer here than its comm. */
static int take_name(struct cursor *c, struct proc_stat *ret)
{
	const char *close = memrchr(c->at, ')', (size_t)(c->end - c->at));
	uint64_t pid = 0;
	size_t len;

	if (!close || cursor_uint(c, &pid) || pid > INT32_MAX || !cursor_take(c, " ("))
		return -EINVAL;
	if (close < c->at)
		return -EINVAL;
	len = (size_t)(close - c->at);
	if (len >= sizeof(ret->comm))
		len = sizeof(ret->comm) - 1;
	memcpy(ret->comm, c->at, len);
	ret->pid = (int32_t)pid;
	c->at = close + 1;
	return 0;
}

/* 0 when the text does not go that far. */
static uint64_t take_pending(struct cursor *c)
{
	uint64_t pending = 0;

	for (int i = STAT_FIELDS; i <= STAT_SIGNAL; i++)
		if (!cursor_take(c, " ") || take_int(c, &pending))
			return 0;
	return c->at == c->end ? 0 : pending;
}

int proc_stat_parse(const char *text, size_t len, struct proc_stat *ret)
{
	struct cursor c = cursor_of(text, len);
	uint64_t field[STAT_FIELDS] = {};
	struct proc_stat stat = {};

	if (take_name(&c, &stat) || !cursor_take(&c, " ") || c.end - c.at < 2)
		return -EINVAL;
	stat.state = *c.at++;
	for (int i = STAT_PPID; i < STAT_FIELDS; i++)
		if (!cursor_take(&c, " ") || take_int(&c, &field[i]))
			return -EINVAL;
	if (c.at == c.end) /* the last number may have been cut in the middle */
		return -EINVAL;
	stat.ppid = (int32_t)field[STAT_PPID];
	stat.flags = (uint32_t)field[STAT_FLAGS];
	stat.utime_ticks = field[STAT_UTIME];
	stat.stime_ticks = field[STAT_STIME];
	stat.threads = (uint32_t)field[STAT_THREADS];
	stat.start_ticks = field[STAT_STARTTIME];
	stat.rss_pages = field[STAT_RSS];
	stat.pending = take_pending(&c);
	*ret = stat;
	return 0;
}

/* A number that something follows, be it a newline: what ends with the text may have been cut. */
static int take_whole(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;
	int err = cursor_uint(c, &v);

	if (err)
		return err;
	if (c->at == c->end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int proc_statm_parse(const char *text, size_t len, uint64_t *ret_rss_pages)
{
	struct cursor c = cursor_of(text, len);
	uint64_t size = 0;
	int err = take_whole(&c, &size);

	return err ? err : take_whole(&c, ret_rss_pages);
}

/* Moves to what follows `name` at the start of a line. */
static bool find_line(struct cursor *c, const char *name)
{
	while (!cursor_take(c, name)) {
		struct cursor line;

		if (!cursor_until(c, '\n', &line))
			return false;
	}
	return true;
}

int proc_status_tgid_parse(const char *text, size_t len, pid_t *ret)
{
	struct cursor c = cursor_of(text, len);
	uint64_t tgid = 0;

	if (!find_line(&c, "Tgid:") || take_whole(&c, &tgid) || tgid > INT32_MAX)
		return -EINVAL;
	*ret = (pid_t)tgid;
	return 0;
}

int proc_status_switches_parse(const char *text, size_t len, struct proc_switches *ret)
{
	struct cursor c = cursor_of(text, len);
	struct proc_switches switches = {};

	if (!find_line(&c, "voluntary_ctxt_switches:") || take_whole(&c, &switches.voluntary))
		return -EINVAL;
	if (!find_line(&c, "nonvoluntary_ctxt_switches:") || take_whole(&c, &switches.involuntary))
		return -EINVAL;
	*ret = switches;
	return 0;
}

int proc_limits_nofile_parse(const char *text, size_t len, uint64_t *ret)
{
	struct cursor c = cursor_of(text, len);

	if (!find_line(&c, "Max open files "))
		return -EINVAL;
	cursor_skip_blanks(&c);
	if (!cursor_take(&c, "unlimited "))
		return take_whole(&c, ret);
	*ret = UINT64_MAX;
	return 0;
}

int proc_schedstat_parse(const char *text, size_t len, uint64_t *ret_oncpu_ns,
			 uint64_t *ret_runqueue_ns)
{
	struct cursor c = cursor_of(text, len);
	uint64_t oncpu_ns = 0, runqueue_ns = 0;
	int err = take_whole(&c, &oncpu_ns);

	if (!err)
		err = take_whole(&c, &runqueue_ns);
	if (err)
		return err;
	*ret_oncpu_ns = oncpu_ns;
	*ret_runqueue_ns = runqueue_ns;
	return 0;
}
