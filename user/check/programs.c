// SPDX-License-Identifier: BSD-2-Clause
/* Does this kernel take a program of each type that the instruments use? The smallest one, for
 * real. */
#include "check/check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfload.h"
#include "base/ladder.h"

struct trial {
	const char *name;
	const char *hook;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	int (*open)(int prog_fd, const struct trial *t); /* a link's fd, or -errno */
	const char *fix;
};

static int open_raw(int prog_fd, const struct trial *t)
{
	(void)t;
	return bpf_raw_tracepoint_open(NULL, prog_fd);
}

static int open_link(int prog_fd, const struct trial *t)
{
	return bpf_link_create(prog_fd, 0, t->attach, NULL);
}

static int open_multi(int prog_fd, const struct trial *t)
{
	const char *symbols[] = { t->hook };
	LIBBPF_OPTS(bpf_link_create_opts, opts);

	opts.kprobe_multi.syms = symbols;
	opts.kprobe_multi.cnt = 1;
	return bpf_link_create(prog_fd, 0, t->attach, &opts);
}

static int open_map_iter(int prog_fd, const struct trial *t)
{
	union bpf_iter_link_info info = {};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .iter_info = &info,
		    .iter_info_len = sizeof(info));
	int map_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "ktally_check", 8, 8, 1, NULL), link_fd;

	if (map_fd < 0)
		return map_fd;
	info.map.map_fd = (__u32)map_fd;
	link_fd = bpf_link_create(prog_fd, 0, t->attach, &opts);
	close(map_fd);
	return link_fd;
}

static const struct trial trials[] = {
	{ "tp_btf", "sched_process_exit", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, open_raw,
	  "Linux 5.5 or later with CONFIG_BPF_SYSCALL=y, CONFIG_BPF_EVENTS=y, "
	  "CONFIG_DEBUG_INFO_BTF=y" },
	{ "fentry", "fd_install", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, open_raw,
	  "a kernel that lets BPF trace functions: Linux 5.5 or later with "
	  "CONFIG_FUNCTION_TRACER=y, "
	  "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y" },
	{ "kprobe.multi", "fd_install", BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, open_multi,
	  "Linux 5.18 or later with CONFIG_FPROBE=y, CONFIG_KPROBES=y" },
	{ "iter/task", "task", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, open_link,
	  "Linux 5.8 or later with CONFIG_BPF_SYSCALL=y, CONFIG_DEBUG_INFO_BTF=y" },
	{ "iter/bpf_map_elem", "bpf_map_elem", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, open_map_iter,
	  "a kernel that lets BPF iterate over maps, as Linux 5.9 and later do; here they are read "
	  "by commands, which can make kprobe.multi skip events if the kernel preempts itself" },
};

#define TRIAL_CNT (sizeof(trials) / sizeof(*trials))

const char *check_program_fix(const char *name)
{
	size_t i;

	for (i = 0; i < TRIAL_CNT; i++)
		if (!strncmp(trials[i].name, name, strlen(name)))
			return trials[i].fix;
	return NULL;
}

static int load(const struct trial *t)
{
	static const struct bpf_insn return_0[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = t->attach);
	int id = 0;

	if (t->type == BPF_PROG_TYPE_TRACING)
		id = libbpf_find_vmlinux_btf_id(t->hook, t->attach);
	if (id < 0)
		return id;
	opts.attach_btf_id = (__u32)id;
	return bpf_prog_load(t->type, "ktally_check", "Dual BSD/GPL", return_0,
			     sizeof(return_0) / sizeof(*return_0), &opts);
}

static int try(const struct trial *t, char *reason)
{
	int prog_fd = load(t), link_fd;

	if (prog_fd < 0)
		return bpfload_refuse(reason, "load", prog_fd);
	link_fd = t->open(prog_fd, t);
	close(prog_fd);
	if (link_fd < 0)
		return bpfload_refuse(reason, "attach", link_fd);
	close(link_fd);
	return 0;
}

void check_programs(struct ktally_check *c, const char *fix)
{
	char reason[LADDER_REASON_LEN];
	size_t i;

	for (i = 0; i < TRIAL_CNT; i++) {
		const struct trial *t = &trials[i];

		if (try(t, reason))
			check_add(c, "programs", t->name, CHECK_NO, fix ? fix : t->fix, "%s",
				  reason);
		else
			check_add(c, "programs", t->name, CHECK_YES, NULL,
				  "loaded and attached to %s", t->hook);
	}
}
