/* SPDX-License-Identifier: BSD-2-Clause */
/* A temporary folder of fixture files that a test fills and removes. Include after cmocka.h. */
#ifndef KTALLY_TESTS_FOLDER_H
#define KTALLY_TESTS_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64];
	int fd;
};

static inline void folder_init(struct folder *f)
{
	strcpy(f->path, "/tmp/ktally-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
}

static inline int folder_remove_one(const char *path, const struct stat *st, int type,
				    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void folder_fini(struct folder *f)
{
	close(f->fd);
	nftw(f->path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void folder_mkdir(const struct folder *f, const char *name)
{
	assert_int_equal(mkdirat(f->fd, name, 0755), 0);
}

static inline void folder_write(const struct folder *f, const char *name, const void *data,
				size_t len)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static inline void folder_puts(const struct folder *f, const char *name, const char *text)
{
	folder_write(f, name, text, strlen(text));
}

#endif
