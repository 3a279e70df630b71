/* SPDX-License-Identifier: BSD-2-Clause */
/* Could this command be executed? Known before anything is forked for it. */
#ifndef KTALLY_BASE_EXECPATH_H
#define KTALLY_BASE_EXECPATH_H

#define EXECPATH_MAX 4096

/* -ENOENT, -EACCES: not found in PATH, or not executable. ret_path, of EXECPATH_MAX bytes, is where
 * it is; may be NULL. */
int execpath_find(const char *name, char *ret_path);

#endif
