// SPDX-License-Identifier: BSD-2-Clause
/* The search of execvp(3), without the execve. */
#include "base/execpath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int executable(const char *path, char *ret_path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK))
		return -EACCES;
	if (strlen(path) >= EXECPATH_MAX)
		return -ENAMETOOLONG;
	if (ret_path)
		strcpy(ret_path, path);
	return 0;
}

/* As execvp(3) looks for it: -EACCES is remembered while the search goes on. */
int execpath_find(const char *name, char *ret_path)
{
	const char *path = getenv("PATH"), *end;
	char full[EXECPATH_MAX];
	int err, worst = -ENOENT;

	if (strchr(name, '/'))
		return executable(name, ret_path);
	for (path = path ? path : "/bin:/usr/bin"; *path || path[-1] == ':';
	     path = end + (*end == ':')) {
		end = strchrnul(path, ':');
		snprintf(full, sizeof(full), "%.*s%s%s", (int)(end - path), path,
			 end == path ? "" : "/", name);
		err = executable(full, ret_path);
		if (!err)
			return 0;
		if (err == -EACCES)
			worst = err;
		if (!*end)
			break;
	}
	return worst;
}
