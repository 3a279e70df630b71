// SPDX-License-Identifier: BSD-2-Clause
/* A look at the descriptor tables themselves, by the kernel's iterator: what no event told. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "fdstack.skel.h"
#include "probes/fdstack_internal.h"

#define READ_STEP (64 << 10)
#define TEXT_LEN  160

static int read_tables(struct fdstack *f)
{
	int fd = bpf_iter_create(bpf_link__fd(f->skel->links.fdstack_look));
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	buf_reset(&f->look);
	while (n > 0 && buf_reserve(&f->look, READ_STEP)) {
		n = read(fd, f->look.data + f->look.len, READ_STEP);
		f->look.len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return n < 0 ? -errno : f->look.err;
}

static const char *protocol_name(const struct fdstack_open *o)
{
	switch (o->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	}
	return o->family == AF_INET ? "inet" : "inet6";
}

static int put_address(char *text, size_t size, int family, const uint8_t *address, uint16_t port)
{
	char host[INET6_ADDRSTRLEN] = "?";

	inet_ntop(family, address, host, sizeof(host));
	return snprintf(text, size, family == AF_INET ? "%s:%u" : "[%s]:%u", host, port);
}

/* NULL: no socket, or one without an address. */
static const char *address_text(const struct fdstack_open *o, char text[TEXT_LEN])
{
	int n;

	if (o->family == AF_UNIX && (o->path[0] || o->path[1])) {
		snprintf(text, TEXT_LEN, "unix %s%s", o->path[0] ? "" : "@",
			 o->path[0] ? o->path : o->path + 1);
		return text;
	}
	if (o->family != AF_INET && o->family != AF_INET6)
		return NULL;
	if (!o->local_port && !o->peer_port)
		return NULL;
	n = snprintf(text, TEXT_LEN, "%s ", protocol_name(o));
	n += put_address(text + n, TEXT_LEN - n, o->family, o->local, o->local_port);
	if (o->peer_port) {
		n += snprintf(text + n, TEXT_LEN - n, " - ");
		put_address(text + n, TEXT_LEN - n, o->family, o->peer, o->peer_port);
	}
	return text;
}

/* Where the kernel side stood still at a chunk's end, a row may come twice: that does no harm. */
static int tell(struct fdstack *f, uint64_t ts_ns)
{
	size_t i, cnt = f->look.len / sizeof(struct fdstack_open);
	const struct fdstack_open *open = (const struct fdstack_open *)f->look.data;
	struct leaks_fd *seen = calloc(cnt + 1, sizeof(*seen));
	char (*texts)[TEXT_LEN] = calloc(cnt + 1, sizeof(*texts));

	for (i = 0; seen && texts && i < cnt; i++)
		seen[i] = (struct leaks_fd){ .process = open[i].process,
					     .fd = open[i].fd,
					     .file = open[i].file,
					     .mode = open[i].mode,
					     .name = open[i].name,
					     .ts_ns = ts_ns,
					     .text = address_text(&open[i], texts[i]) };
	if (seen && texts)
		leaks_look(f->leaks, seen, cnt);
	free(texts);
	free(seen);
	return seen && texts ? 0 : -ENOMEM;
}

int fdstack_look(struct fdstack *f)
{
	bool first = !f->looked_ns;
	uint64_t begin_ns;
	int err;

	fdstack_drain(f);
	begin_ns = clock_monotonic_ns();
	leaks_look_begin(f->leaks, begin_ns);
	err = read_tables(f);
	fdstack_drain(f);
	if (!err)
		err = tell(f, first ? 0 : begin_ns);
	if (err)
		return err;
	f->looked_ns = begin_ns;
	f->must_look = false;
	f->lost_then = f->skel->bss->fdstack_lost;
	return 0;
}
