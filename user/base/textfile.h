/* SPDX-License-Identifier: BSD-2-Clause */
/* Small text files of the kernel, and its magic links, as strings. */
#ifndef KTALLY_BASE_TEXTFILE_H
#define KTALLY_BASE_TEXTFILE_H

#include <stddef.h>

/* Up to size - 1 bytes of a file below dir_fd, NUL-terminated, the last newline removed. Returns
 * their number, or -errno with buf untouched when the file cannot be opened. */
int textfile_read(int dir_fd, const char *path, char *buf, size_t size);
/* The same of where a symbolic link points. */
int textfile_link(int dir_fd, const char *path, char *buf, size_t size);

#endif
