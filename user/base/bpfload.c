// SPDX-License-Identifier: BSD-2-Clause
/* Loader of bpfload.h, over libbpf's skeletons. */
#include "base/bpfload.h"

#include <errno.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfread.h"
#include "base/ladder.h"

/* The one exception to "no mutable file-scope state": libbpf's hook is a bare function pointer. */
struct log_hook {
	bpfload_log_fn fn;
	void *ctx;
	libbpf_print_fn_t before;
};

static _Thread_local struct log_hook log_hook;

static int on_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *text, *rest, *line;

	if (!log_hook.fn)
		return log_hook.before ? log_hook.before(level, fmt, args) : 0;
	if (level == LIBBPF_DEBUG || vasprintf(&text, fmt, args) < 0)
		return 0;
	rest = text;
	/* libbpf takes every EPERM for a want of locked memory, and advises to raise it. */
	while ((line = strsep(&rest, "\n")))
		if (line[0] && !strstr(line, "ulimit -l"))
			log_hook.fn(log_hook.ctx, line);
	free(text);
	return 0;
}

void bpfload_log_begin(bpfload_log_fn fn, void *ctx)
{
	log_hook.fn = fn;
	log_hook.ctx = ctx;
	log_hook.before = libbpf_set_print(on_libbpf);
}

void bpfload_log_end(void)
{
	libbpf_set_print(log_hook.before);
	log_hook = (struct log_hook){ 0 };
}

/* What an errno of bpf(2) means to a person, by stage. */
static const char *errno_sentence(int err)
{
	switch (err) {
	case EPERM:
		return "not permitted: needs CAP_BPF and CAP_PERFMON, or the kernel forbids this "
		       "program type";
	case EACCES:
		return "the kernel's verifier or its permissions refused it";
	case ENOENT:
	case ESRCH:
		return "the kernel has no such hook";
	case ENOSYS:
	case EOPNOTSUPP: /* = ENOTSUP */
		return "the kernel was built without it";
	case ENOMEM:
		return "out of memory, or RLIMIT_MEMLOCK is too low (before Linux 5.11)";
	case EINVAL:
		return "the kernel does not know this program or map type";
	}
	return strerror(err);
}

int bpfload_refuse(char *reason, const char *stage, int err)
{
	snprintf(reason, LADDER_REASON_LEN, "%s: %s (errno %d)", stage, errno_sentence(-err), -err);
	return err;
}

static int enable(struct bpf_object *obj, const char *name, char *reason)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (!prog)
		return bpfload_refuse(reason, name, -ENOENT);
	return bpf_program__set_autoload(prog, true);
}

int bpfload_start(struct bpf_object_skeleton *s, const char *const *programs, char *reason)
{
	size_t i;
	int err = 0;

	for (i = 0; programs[i] && !err; i++)
		err = enable(*s->obj, programs[i], reason);
	if (err)
		return err;
	err = bpf_object__load_skeleton(s);
	if (err)
		return bpfload_refuse(reason, "load", err);
	err = bpf_object__attach_skeleton(s);
	if (err)
		return bpfload_refuse(reason, "attach", err);
	return 0;
}

static bool is_shared(const struct bpf_map *map)
{
	static const char *const names[] = { "watched",	      "wanted",		 "last_threads",
					     "sched_threads", "sched_processes", "fd_processes" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(bpf_map__name(map), names[i]))
			return true;
	return false;
}

int bpfload_share(const struct bpf_shared *shared, struct bpf_object *obj, uint32_t *mask,
		  char *reason)
{
	struct bpf_map *map;
	const char *name;
	int err;

	if (!shared->owner) {
		snprintf(reason, LADDER_REASON_LEN, "the targets are not followed in the kernel");
		return -ENOTSUP;
	}
	*mask = shared->watched_mask;
	bpf_object__for_each_map(map, obj) {
		if (!is_shared(map))
			continue;
		name = bpf_map__name(map);
		err = bpf_map__reuse_fd(map, bpf_object__find_map_fd_by_name(shared->owner, name));
		if (err)
			return bpfload_refuse(reason, name, err);
	}
	return 0;
}

/* Not those that a reader runs itself: iterators, and what BPF_PROG_TEST_RUN runs (bpfread.h). */
static bool runs_on_events(const struct bpf_program *prog)
{
	return bpf_program__type(prog) != BPF_PROG_TYPE_RAW_TRACEPOINT &&
	       bpf_program__expected_attach_type(prog) != BPF_TRACE_ITER;
}

static uint64_t misses_of(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_program__fd(prog) < 0 || !runs_on_events(prog) ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return 0;
	return info.recursion_misses;
}

size_t bpfload_skips(const struct bpf_object *obj, struct bpf_skip *list, size_t max)
{
	struct bpf_program *prog;
	size_t n = 0;

	bpf_object__for_each_program(prog, obj) {
		uint64_t count = misses_of(prog);

		if (count && n < max)
			list[n++] = (struct bpf_skip){ bpf_program__name(prog), count };
	}
	return n;
}

size_t bpfload_runs(const struct bpf_object *obj, struct bpf_run *ret, size_t room)
{
	struct bpf_program *prog;
	size_t cnt = 0;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (cnt == room)
			break;
		if (bpf_program__fd(prog) < 0 ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			continue;
		ret[cnt++] = (struct bpf_run){ bpf_program__name(prog), info.run_cnt,
					       info.run_time_ns, runs_on_events(prog) };
	}
	return cnt;
}

int bpfload_count_runs(void)
{
	return bpf_enable_stats(BPF_STATS_RUN_TIME);
}

/* The kernel tells it nowhere else. */
static uint64_t map_bytes(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (f)
		fclose(f);
	return bytes;
}

uint64_t bpfload_map_bytes(const struct bpf_object *obj, const struct bpf_shared *shared)
{
	struct bpf_map *map;
	uint64_t bytes = 0;

	bpf_object__for_each_map(map, obj)
		if (bpf_map__fd(map) >= 0 && !(shared && is_shared(map)))
			bytes += map_bytes(bpf_map__fd(map));
	return bytes;
}

static int attach_multi(const struct bpf_object *obj, const struct bpf_multi_hook *hook,
			char *reason)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .retprobe = hook->returns);
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, hook->program);
	struct bpf_link *link;

	opts.syms = (const char **)hook->symbols;
	while (hook->symbols[opts.cnt])
		opts.cnt++;
	link = prog ? bpf_program__attach_kprobe_multi_opts(prog, NULL, &opts) : NULL;
	if (!link)
		return bpfload_refuse(reason, hook->symbols[0], prog ? -errno : -ENOENT);
	*hook->ret = link;
	return 0;
}

int bpfload_attach_multi(const struct bpf_object *obj, const struct bpf_multi_hook *hooks,
			 size_t cnt, char *reason)
{
	size_t i;
	int err = 0;

	for (i = 0; i < cnt && !err; i++)
		err = attach_multi(obj, &hooks[i], reason);
	return err;
}

/* struct bpf_link_info of Linux 6.7 for this type of link; libbpf 1.1 has no headers for it. */
struct multi_info {
	__u32 type, id, prog_id, unused;
	__u64 addrs;
	__u32 count, flags;
	__u64 missed;
};

size_t bpfload_multi_skip(const struct bpf_link *link, const char *name, struct bpf_skip *ret,
			  size_t room)
{
	struct multi_info info = { 0 };
	__u32 len = sizeof(info);

	if (!room || !link || bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len) ||
	    len != sizeof(info) || !info.missed)
		return 0;
	*ret = (struct bpf_skip){ name, info.missed };
	return 1;
}

int bpfload_attach_task_iter(const struct bpf_program *prog, int32_t only_pid,
			     struct bpf_link **ret, char *reason)
{
	union bpf_iter_link_info only = { .task.pid = (uint32_t)only_pid };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &only,
		    .link_info_len = sizeof(only));
	struct bpf_link *link = NULL;

	if (only_pid)
		link = bpf_program__attach_iter(prog, &opts);
	if (!link)
		link = bpf_program__attach_iter(prog, NULL);
	if (!link)
		return bpfload_refuse(reason, "attach", -errno);
	*ret = link;
	return 0;
}

/* r0 = 0; exit */
static const struct bpf_insn return_zero[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* BTF type 1 is no function, so a kernel that allows fentry says EINVAL, one that forbids it
 * EPERM. */
int bpfload_try_fentry(char *reason)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY,
		    .attach_btf_id = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", return_zero, 2, &opts);

	if (fd >= 0)
		close(fd);
	return fd == -EPERM ? bpfload_refuse(reason, "fentry", fd) : 0;
}

int bpfload_try_kprobe_multi(char *reason)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_KPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, link);
	const char *symbol = "fd_install";
	int link_fd, fd;

	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", return_zero, 2, &opts);
	if (fd < 0)
		return bpfload_refuse(reason, "kprobe.multi", fd);
	link.kprobe_multi.syms = &symbol;
	link.kprobe_multi.cnt = 1;
	link_fd = bpf_link_create(fd, 0, BPF_TRACE_KPROBE_MULTI, &link);
	close(fd);
	if (link_fd < 0)
		return bpfload_refuse(reason, "kprobe.multi", link_fd);
	close(link_fd);
	return 0;
}
