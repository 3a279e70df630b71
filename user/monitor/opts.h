/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading sized option structs: a caller built against an older header has a shorter one, a newer
 * caller a longer one, which is fine as long as what we do not know is zero. */
#ifndef KTALLY_MONITOR_OPTS_H
#define KTALLY_MONITOR_OPTS_H

#include <errno.h>
#include <stddef.h>

#define OPTS_END(type, field) (offsetof(struct type, field) + sizeof(((struct type *)0)->field))

static inline int opts_check(const char *opts, size_t sz, size_t known)
{
	size_t i;

	if (!opts)
		return 0;
	if (sz < sizeof(size_t))
		return -EINVAL;
	for (i = known; i < sz; i++)
		if (opts[i])
			return -E2BIG;
	return 0;
}

#define OPTS_CHECK(opts, type)                                    \
	opts_check((const char *)(opts), (opts) ? (opts)->sz : 0, \
		   OPTS_END(type, type##__last_field))

#define OPTS_HAS(opts, field)                                                                      \
	((opts) && (opts)->sz >= offsetof(__typeof__(*(opts)), field) + sizeof((opts)->field))

#define OPTS_GET(opts, field, fallback) (OPTS_HAS(opts, field) ? (opts)->field : (fallback))

#endif
