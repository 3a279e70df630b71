// SPDX-License-Identifier: BSD-2-Clause
/* inet_pton and no resolver, which a static glibc does not have. */
#include "doors/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

static int parse_unix(const char *path, struct address *ret)
{
	struct address a = { .len = sizeof(a.un) };

	if (!path[0])
		return -EINVAL;
	if (strlen(path) >= sizeof(a.un.sun_path))
		return -ENAMETOOLONG;
	a.un.sun_family = AF_UNIX;
	strcpy(a.un.sun_path, path);
	*ret = a;
	return 0;
}

static int parse_host(const char *host, uint16_t port, struct address *ret)
{
	struct address a = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&a.storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.storage;

	if (!host[0] || !strcmp(host, "localhost"))
		host = "127.0.0.1";
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1) {
		a = (struct address){ .len = sizeof(*in6) };
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
			return -EINVAL;
	}
	*ret = a;
	return 0;
}

int address_parse(const char *text, struct address *ret)
{
	const char *colon = strrchr(text, ':'), *port_text = colon ? colon + 1 : text;
	size_t len = colon ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN];
	uint64_t port;

	if (!strncmp(text, "unix:", 5))
		return parse_unix(text + 5, ret);
	if (parse_uint(port_text, UINT16_MAX, &port) || !port)
		return -EINVAL;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return -EINVAL; /* an IPv6 address without brackets: which colon is the port's? */
	}
	if (len >= sizeof(host))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)len, text);
	return parse_host(host, (uint16_t)port, ret);
}
