/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0) */
/* What the kernel and user sides share about reading maps. */
#ifndef KTALLY_READ_H
#define KTALLY_READ_H

/* Elements that can be named, when not all of a map are wanted. */
#define WANTED_MAX 1024

/* And that are taken out at a time: a raw tracepoint has 12 arguments (MAX_BPF_FUNC_ARGS). */
#define FORGET_MAX 12

#endif
