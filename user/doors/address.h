/* SPDX-License-Identifier: BSD-2-Clause */
/* Where to listen, as people write it: PORT, :PORT, HOST:PORT, [IPV6]:PORT, unix:PATH. Numeric,
 * since nothing here waits for a name server; a port alone is on loopback. */
#ifndef KTALLY_DOORS_ADDRESS_H
#define KTALLY_DOORS_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_storage storage;
		struct sockaddr_un un;
	};
	socklen_t len;
};

/* -EINVAL, or -ENAMETOOLONG for a path. */
int address_parse(const char *text, struct address *ret);

#endif
