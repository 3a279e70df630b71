/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel and user sides of the fd instrument share. */
#ifndef KTALLY_FD_H
#define KTALLY_FD_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define FD_LEVEL_UNKNOWN (-1)

/* Failed opens are told apart by the errnos that mean different things to whoever is on call. */
enum fd_error { FD_EAGAIN, FD_ENOENT, FD_EACCES, FD_EMFILE, FD_ENFILE, FD_EOTHER, FD_ERROR_CNT };

/* Value of `fd_processes`, key PROCESS_ID. Its threads add to it atomically. */
struct fd_process {
	__u64 opens;
	__u64 closes;
	__u64 other_table; /* opens and closes of threads whose table is not their process's */
	__u64 errors[FD_ERROR_CNT];
	__s64 level_first; /* descriptors when it was born or first executed, else FD_LEVEL_UNKNOWN
			    */
	__s64 level_exit;  /* before its table was torn down, else FD_LEVEL_UNKNOWN */
	/* What its program started with, at birth or at the last exec. */
	__u64 start_low;  /* which of the first 64 descriptors were open */
	__s32 start_high; /* how many above them, else FD_LEVEL_UNKNOWN */
	__s32 left_open;  /* at its end, beyond that; else FD_LEVEL_UNKNOWN */
};

/* The same of processes that are counted together, see targets.h: of `counts` what is above the
 * levels. */
struct fd_untracked {
	struct fd_process counts;
	__s64 levels_first; /* summed */
	__s64 levels_exit;
	__u64 first_cnt;    /* processes whose level is in levels_first */
	__u64 exit_cnt;
};

#endif
