// SPDX-License-Identifier: BSD-2-Clause
/* Lines over zlib, which reads what is not compressed as it is. */
#include "replay/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"

#define CHUNK_LEN    (8 << 10) /* of what is damaged, so much of what was right is lost with it */
#define LINE_LEN_MAX (16 << 20)

struct lines {
	gzFile file;
	struct buf buf;
	size_t start;  /* of what has not been given out */
	size_t looked; /* no newline before */
	uint64_t number;
	bool ended;
	bool cut;
};

static int open_fd(const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) :
				     fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int lines_open(const char *path, struct lines **ret)
{
	struct lines *l = calloc(1, sizeof(*l));
	int fd = l ? open_fd(path) : -ENOMEM;

	if (fd >= 0)
		l->file = gzdopen(fd, "r");
	if (fd >= 0 && l->file) {
		gzbuffer(l->file, CHUNK_LEN);
		*ret = l;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	free(l);
	return fd < 0 ? fd : -ENOMEM;
}

void lines_close(struct lines *l)
{
	if (!l)
		return;
	gzclose(l->file);
	buf_fini(&l->buf);
	free(l);
}

/* Compressed data that stops before its end is a recording that was cut. */
static int read_error(struct lines *l)
{
	int code = Z_OK;

	gzerror(l->file, &code);
	if (code == Z_ERRNO)
		return errno ? -errno : -EIO;
	if (code == Z_MEM_ERROR)
		return -ENOMEM;
	if (code != Z_BUF_ERROR)
		return -EBADMSG;
	l->ended = l->cut = true;
	return 0;
}

/* Moves what is left to the front and reads more behind it. */
static int fill(struct lines *l)
{
	size_t left = l->buf.len - l->start;
	char *to;
	int n;

	if (left > LINE_LEN_MAX)
		return -EFBIG;
	if (left && l->start)
		memmove(l->buf.data, l->buf.data + l->start, left);
	l->buf.len = l->looked = left;
	l->start = 0;
	to = buf_reserve(&l->buf, CHUNK_LEN);
	if (!to)
		return -ENOMEM;
	errno = 0;
	n = gzread(l->file, to, CHUNK_LEN);
	if (n < 0)
		return read_error(l);
	l->buf.len += (size_t)n;
	/* A file that ends in the middle of its compressed data reads as ended, once. */
	if (n < CHUNK_LEN && gzeof(l->file)) {
		int code = Z_OK;

		gzerror(l->file, &code);
		l->cut = code == Z_BUF_ERROR;
	}
	l->ended = n == 0;
	return 0;
}

static int give(struct lines *l, size_t len, size_t skip, const char **ret, size_t *ret_len)
{
	*ret = l->buf.data + l->start;
	*ret_len = len;
	l->start += len + skip;
	l->looked = l->start;
	l->number++;
	return 1;
}

int lines_next(struct lines *l, const char **ret, size_t *ret_len)
{
	const char *newline;
	int err;

	for (;;) {
		newline = l->buf.len > l->looked ? memchr(l->buf.data + l->looked, '\n',
							  l->buf.len - l->looked) :
						   NULL;
		if (newline)
			return give(l, (size_t)(newline - l->buf.data) - l->start, 1, ret, ret_len);
		if (l->ended)
			break;
		err = fill(l);
		if (err)
			return err;
	}
	if (l->buf.len == l->start)
		return 0;
	l->cut = true;
	return give(l, l->buf.len - l->start, 0, ret, ret_len);
}

uint64_t lines_number(const struct lines *l)
{
	return l->number;
}

bool lines_cut(const struct lines *l)
{
	return l->cut;
}
