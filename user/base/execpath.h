/* SPDX-License-Identifier: BSD-2-Clause */
/* Could this command be executed? Known before anything is forked for it. */
#ifndef KTALLY_BASE_EXECPATH_H
#define KTALLY_BASE_EXECPATH_H

/* -ENOENT, -EACCES: not found in PATH, or not executable. */
int execpath_find(const char *name);

#endif
