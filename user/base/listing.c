// SPDX-License-Identifier: BSD-2-Clause
/* getdents64(2) by the entry. */
#include "base/listing.h"

#include <errno.h>
#include <sys/types.h>

void listing_begin(struct listing *l, int fd)
{
	l->fd = fd;
	l->at = 0;
	l->len = 0;
}

int listing_next(struct listing *l, const struct dirent64 **ret)
{
	const struct dirent64 *entry;
	ssize_t n;

	if (l->at == l->len) {
		n = getdents64(l->fd, l->entries, sizeof(l->entries));
		if (n <= 0)
			return n ? -errno : 0;
		l->at = 0;
		l->len = (size_t)n;
	}
	entry = (const void *)(l->entries + l->at);
	l->at += entry->d_reclen;
	*ret = entry;
	return 1;
}
