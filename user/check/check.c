// SPDX-License-Identifier: BSD-2-Clause
/* The public face of `ktally check`: runs the sections, keeps their rows, gives the verdict. */
#include "check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bpfload.h"
#include "base/preempt.h"
#include "monitor/caps.h"
#include "monitor/opts.h"

void check_add(struct ktally_check *c, const char *section, const char *name, enum check_answer ok,
	       const char *fix, const char *fmt, ...)
{
	struct check_item *grown, *item;
	va_list args;

	grown = realloc(c->items, (c->cnt + 1) * sizeof(*grown));
	if (!grown) {
		c->err = -ENOMEM;
		return;
	}
	c->items = grown;
	item = &grown[c->cnt++];
	*item = (struct check_item){ .section = section,
				     .ok = ok,
				     .fix = ok == CHECK_YES ? NULL : fix };
	snprintf(item->name, sizeof(item->name), "%s", name);
	va_start(args, fmt);
	vsnprintf(item->detail, sizeof(item->detail), fmt, args);
	va_end(args);
}

/* What stands in the way of all BPF here, whatever the program. */
static const char *obstacle_to_programs(const struct namespaces *ns, int sys_fd)
{
	if (!ns->user_first)
		return check_fix_users;
	if (!caps_allow_bpf())
		return check_fix_capabilities;
	return check_has_btf(sys_fd) ? NULL : check_fix_btf;
}

static const char *obstacle_to_rungs(const struct namespaces *ns, const char *programs)
{
	if (programs)
		return programs;
	if (!ns->pid_first || !ns->proc_own)
		return check_fix_pids;
	return ns->time_shifted ? check_fix_times : NULL;
}

static enum ktally_verdict judge(const struct check_rungs *sum)
{
	if (!caps_allow_bpf())
		return KTALLY_VERDICT_NOT_PERMITTED;
	if (!sum->bpf)
		return KTALLY_VERDICT_NO_BPF;
	return sum->exact ? KTALLY_VERDICT_EXACT : KTALLY_VERDICT_DEGRADED;
}

static int run(struct ktally_check *c, int proc_fd, int sys_fd)
{
	struct check_rungs sum = { .preempts = kernel_preempts(sys_fd) };
	struct namespaces ns;
	const char *fix;
	int err = namespaces_read(proc_fd, getpid(), &ns);

	if (err)
		return err;
	check_kernel(c, proc_fd, sys_fd);
	check_namespaces(c, &ns);
	check_cgroups(c, proc_fd);
	check_capabilities(c);
	fix = obstacle_to_programs(&ns, sys_fd);
	check_programs(c, fix);
	check_rungs(c, proc_fd, obstacle_to_rungs(&ns, fix), &sum);
	c->verdict = judge(&sum);
	return c->err;
}

struct logger {
	ktally_log_fn fn;
	void *ctx;
};

static void on_libbpf(void *ctx, const char *message)
{
	const struct logger *l = ctx;

	if (l->fn)
		l->fn(l->ctx, KTALLY_LOG_DEBUG, message);
}

int ktally_check__run(const struct ktally_check_opts *opts, struct ktally_check **ret)
{
	struct logger logger = { OPTS_GET(opts, log, NULL), OPTS_GET(opts, log_ctx, NULL) };
	int proc_fd, sys_fd, err = OPTS_CHECK(opts, ktally_check_opts);
	struct ktally_check *c;

	if (err)
		return err;
	proc_fd = open("/proc", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (proc_fd < 0)
		return -errno;
	sys_fd = open("/sys", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	c = calloc(1, sizeof(*c));
	bpfload_log_begin(on_libbpf, &logger);
	err = c ? run(c, proc_fd, sys_fd) : -ENOMEM;
	bpfload_log_end();
	close(proc_fd);
	if (sys_fd >= 0)
		close(sys_fd);
	if (err)
		ktally_check__free(c);
	else
		*ret = c;
	return err;
}

enum ktally_verdict ktally_check__verdict(const struct ktally_check *c)
{
	return c->verdict;
}

size_t ktally_check__count(const struct ktally_check *c)
{
	return c->cnt;
}

int ktally_check__at(const struct ktally_check *c, size_t index, struct ktally_check_item *ret)
{
	static const int answers[] = { [CHECK_NO] = 0, [CHECK_YES] = 1, [CHECK_UNKNOWN] = -1 };
	const struct check_item *item;

	if (index >= c->cnt)
		return -ENOENT;
	if (ret->sz < OPTS_END(ktally_check_item, fix))
		return -EINVAL;
	item = &c->items[index];
	ret->section = item->section;
	ret->name = item->name;
	ret->ok = answers[item->ok];
	ret->detail = item->detail;
	ret->fix = item->fix;
	return 0;
}

int ktally_check__json(const struct ktally_check *c, char **ret)
{
	struct buf out = { 0 };

	check_json(c, &out);
	buf_putc(&out, '\0');
	if (out.err) {
		buf_fini(&out);
		return -ENOMEM;
	}
	*ret = out.data;
	return 0;
}

void ktally_check__free(struct ktally_check *c)
{
	if (!c)
		return;
	free(c->items);
	free(c);
}
