// SPDX-License-Identifier: BSD-2-Clause
/* What kind of thing a descriptor is: by the mode of its inode, or by the kernel's own name for
 * what has none. */
#include <string.h>
#include <sys/stat.h>

#include "leaks/internal.h"

enum {
	TYPE_UNKNOWN,
	TYPE_FILE,
	TYPE_DIRECTORY,
	TYPE_SOCKET,
	TYPE_PIPE,
	TYPE_DEVICE,
	TYPE_BLOCK_DEVICE,
	TYPE_LINK,
	TYPE_ANON, /* and those after it, by name */
};

const char *const leak_types[] = {
	[TYPE_UNKNOWN] = "unknown",
	[TYPE_FILE] = "file",
	[TYPE_DIRECTORY] = "directory",
	[TYPE_SOCKET] = "socket",
	[TYPE_PIPE] = "pipe",
	[TYPE_DEVICE] = "device",
	[TYPE_BLOCK_DEVICE] = "block_device",
	[TYPE_LINK] = "link",
	[TYPE_ANON] = "anonymous",
	"eventfd",
	"epoll",
	"timerfd",
	"signalfd",
	"inotify",
	"fanotify",
	"userfaultfd",
	"pidfd",
	"io_uring",
	"perf_event",
	"bpf_map",
	"bpf_program",
	"bpf_link",
	"btf",
	"seccomp_notify",
	"landlock",
	"kvm",
};

const size_t leak_type_cnt = sizeof(leak_types) / sizeof(*leak_types);

/* As the kernel names them, with or without its brackets, where it is not as we do. */
static const struct {
	const char *kernel;
	const char *ours;
} renamed[] = {
	{ "eventpoll", "epoll" },	  { "bpf-map", "bpf_map" },
	{ "bpf-prog", "bpf_program" },	  { "bpf_link", "bpf_link" },
	{ "seccomp notify", "seccomp_notify" }, { "landlock-ruleset", "landlock" },
	{ "landlock-rulese", "landlock" },      { "kvm-vm", "kvm" },
};

static uint32_t anonymous(const char *name)
{
	char plain[64] = "";
	size_t i, len;

	name += *name == '[';
	len = strcspn(name, "]");
	if (len < sizeof(plain))
		memcpy(plain, name, len);
	for (i = 0; i < sizeof(renamed) / sizeof(*renamed); i++)
		if (!strcmp(plain, renamed[i].kernel))
			strcpy(plain, renamed[i].ours);
	for (i = TYPE_ANON + 1; i < leak_type_cnt; i++)
		if (!strcmp(plain, leak_types[i]))
			return (uint32_t)i;
	return TYPE_ANON;
}

uint32_t leak_type_of(uint32_t mode, const char *name)
{
	if (name && *name)
		return anonymous(name);
	switch (mode & S_IFMT) {
	case S_IFREG:
		return TYPE_FILE;
	case S_IFDIR:
		return TYPE_DIRECTORY;
	case S_IFSOCK:
		return TYPE_SOCKET;
	case S_IFIFO:
		return TYPE_PIPE;
	case S_IFCHR:
		return TYPE_DEVICE;
	case S_IFBLK:
		return TYPE_BLOCK_DEVICE;
	case S_IFLNK:
		return TYPE_LINK;
	}
	return mode ? TYPE_ANON : TYPE_UNKNOWN;
}
