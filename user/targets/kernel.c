// SPDX-License-Identifier: BSD-2-Clause
/* Rung `tp_btf` of the targets: configures the object by what was asked, mirrors its map. */
#include "targets/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bpfread.h"
#include "base/namespaces.h"
#include "base/procfs.h"
#include "bpf/targets.h"
#include "targets.skel.h"
#include "targets/command.h"
#include "targets/glob.h"
#include "targets/moves.h"
#include "targets/untracked.h"

/* Processes that targets which grow may have, ended ones that nobody has read yet included. A power
 * of two, as the kernel makes of the buckets of a map, all of which a read visits. */
#define GROWING_CAPACITY 16384

struct targets_kernel {
	struct targets_bpf *skel;
	uint8_t *watched; /* the map's memory: one byte per PID */
	size_t watched_size;
	struct bpf_reader reader;
	struct bpf_wanted wanted;
	uint64_t changes_read; /* members_changes before the last read */
	uint64_t moves_read;   /* moves_made likewise */
	bool inserted;	       /* by user space, since then */
};

/* Fork is followed always: it clears the byte of a reused PID; rename keeps names up to date. */
static void choose_programs(const struct targets *t, const char **programs)
{
	size_t i, n = 0;
	bool cgroup = false;

	for (i = 0; i < t->cnt; i++)
		cgroup |= t->list[i].kind == TARGET_CGROUP;
	programs[n++] = "targets_fork";
	programs[n++] = "targets_exec";
	programs[n++] = "targets_rename";
	programs[n++] = "targets_exit";
	if (cgroup)
		programs[n++] = "targets_attach";
	programs[n] = NULL;
}

static void configure(const struct targets *t, struct targets_bpf__rodata *ro)
{
	size_t i;

	for (i = 0; i < t->cnt; i++) {
		const struct target *target = &t->list[i];

		if (target->follow)
			ro->tree_groups |= target_bit(target);
		if (target->kind == TARGET_ALL)
			ro->all_group |= target_bit(target);
		if (target->kind == TARGET_COMMAND) {
			ro->gate_tgid = target->pid;
			ro->gate_group = target_bit(target);
		}
		if (target->kind == TARGET_CGROUP) {
			ro->cgroups[ro->cgroup_cnt].id = target->cgroup.id;
			ro->cgroups[ro->cgroup_cnt++].group = target_bit(target);
			ro->cgroup_groups |= target_bit(target);
		}
		if (target->kind == TARGET_COMM) {
			glob_add((struct comm_globs *)&ro->globs, target->glob, target_bit(target));
			ro->comm_groups |= target_bit(target);
		}
	}
}

static uint32_t round_up_pow2(uint32_t x)
{
	return x <= 1 ? 1 : 1U << (32 - __builtin_clz(x - 1));
}

/* Threads per process that there is room for, on average, beyond a floor. */
#define THREADS_PER_PROCESS 2
#define THREADS_MIN	    16384

static uint32_t threads_room(uint32_t processes)
{
	uint32_t threads = processes * THREADS_PER_PROCESS;

	return threads < THREADS_MIN ? THREADS_MIN : threads;
}

/* The processes that were named are among them, where they are not many. */
static uint32_t processes_room(const struct targets *t)
{
	uint32_t named = 64 + 2 * t->cnt;

	if (t->max_processes)
		return t->max_processes;
	if (!t->group_cnt)
		return named;
	return named > GROWING_CAPACITY / 16 ? named + GROWING_CAPACITY : GROWING_CAPACITY;
}

/* Moves that nobody has read yet: a command makes one; where names or cgroups are targets each
 * member may, and some make many; and one that finds no room among the members has its own for a
 * moment. */
static uint32_t moves_room(const struct targets *t)
{
	uint32_t room = MOVES_MIN;
	size_t i;

	for (i = 0; i < t->cnt; i++)
		if (t->list[i].kind == TARGET_COMM || t->list[i].kind == TARGET_CGROUP)
			room = t->shared.capacity + MOVES_MIN;
	return room;
}

static void size_maps(struct targets *t)
{
	uint32_t pid_max = 4194304;

	proc_pid_max(t->proc_fd, &pid_max);
	t->shared.watched_mask = round_up_pow2(pid_max) - 1;
	if (t->shared.watched_mask < WATCHED_MIN_BYTES - 1)
		t->shared.watched_mask = WATCHED_MIN_BYTES - 1;
	t->shared.capacity = processes_room(t);
	t->shared.only_pid = t->cnt == 1 && !t->group_cnt ? t->list[0].pid : 0;
}

static int map_watched(struct targets_kernel *k, int fd, size_t size)
{
	long page = sysconf(_SC_PAGESIZE);

	k->watched_size = (size + page - 1) / page * page;
	k->watched = mmap(NULL, k->watched_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (k->watched == MAP_FAILED) {
		k->watched = NULL;
		return -errno;
	}
	return 0;
}

static int start(struct targets *t, struct targets_kernel *k, char *reason)
{
	const char *programs[8];
	int err;

	size_maps(t);
	configure(t, k->skel->rodata);
	choose_programs(t, programs);
	k->skel->rodata->watched_mask = t->shared.watched_mask;
	k->skel->rodata->simulate_loss = t->shared.simulate_loss;
	bpf_map__set_value_size(k->skel->maps.watched, t->shared.watched_mask + 1);
	bpf_map__set_max_entries(k->skel->maps.members, t->shared.capacity);
	bpf_map__set_max_entries(k->skel->maps.sched_threads, threads_room(t->shared.capacity));
	bpf_map__set_max_entries(k->skel->maps.sched_processes, t->shared.capacity);
	bpf_map__set_max_entries(k->skel->maps.fd_processes, t->shared.capacity);
	bpf_map__set_max_entries(k->skel->maps.moves, moves_room(t));
	bpf_reader_enable(&t->shared, k->skel->progs.members_read, k->skel->progs.members_forget);
	bpf_run_enable(k->skel->progs.targets_take_move);
	bpf_run_enable(k->skel->progs.targets_leave);
	err = bpfload_start(k->skel->skeleton, programs, reason);
	if (err)
		return err;
	bpf_reader_open(&k->reader, k->skel->maps.members, k->skel->progs.members_read,
			k->skel->progs.members_forget);
	bpf_reader_share(&k->reader, t->shared.room);
	t->shared.wanted = &k->wanted;
	t->shared.owner = k->skel->obj;
	err = map_watched(k, bpf_map__fd(k->skel->maps.watched), t->shared.watched_mask + 1);
	t->shared.watched = k->watched;
	if (!err)
		err = bpf_wanted_open(&k->wanted, k->skel->maps.wanted);
	if (err)
		snprintf(reason, LADDER_REASON_LEN, "cannot map the table of watched PIDs: %s",
			 strerror(-err));
	return err;
}

static int open_object(struct targets *t, bool map_iterators, char *reason)
{
	struct targets_kernel *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	t->kernel = k;
	t->shared.map_iterators = map_iterators;
	k->skel = targets_bpf__open();
	if (!k->skel) {
		err = -errno;
		snprintf(reason, LADDER_REASON_LEN, "open: %s", strerror(errno));
	} else {
		err = start(t, k, reason);
	}
	if (err)
		targets_kernel_close(t);
	return err;
}

/* There are kernels that take every other iterator and refuse those over maps (EPERM). */
int targets_kernel_open(struct targets *t, char *reason)
{
	int err = namespaces_join(t->proc_fd, reason, LADDER_REASON_LEN);

	if (err)
		return err;
	err = open_object(t, true, reason);
	return err ? open_object(t, false, reason) : 0;
}

void targets_kernel_close(struct targets *t)
{
	struct targets_kernel *k = t->kernel;

	if (!k)
		return;
	if (k->watched)
		munmap(k->watched, k->watched_size);
	bpf_reader_close(&k->reader);
	bpf_wanted_close(&k->wanted);
	targets_bpf__destroy(k->skel);
	free(k);
	t->kernel = NULL;
	t->shared.owner = NULL;
	t->shared.watched = NULL;
	t->shared.wanted = NULL;
}

static uint8_t *watched_byte(const struct targets *t, int32_t pid)
{
	return &t->kernel->watched[(uint32_t)pid & t->shared.watched_mask];
}

bool targets_kernel_watches(const struct targets *t, const struct process *p)
{
	return *watched_byte(t, p->pid);
}

bool targets_kernel_leave(const struct targets *t, const struct process *p)
{
	uint64_t args[] = { p->id, process_moves(p) };

	return bpf_run_program(t->kernel->skel->progs.targets_leave, args, sizeof(args)) == 1;
}

/* The kernel side may have the process already, from a fork or a rename since: then only its groups
 * are completed, which loses nothing unless it ends in this very moment; a reader finds that
 * out. */
int targets_kernel_insert(struct targets *t, struct process *p)
{
	int fd = bpf_map__fd(t->kernel->skel->maps.members);
	struct member m = { .groups = p->groups, .groups_first = p->groups, .ppid = p->ppid };
	struct member there;

	memcpy(m.comm, p->comm, sizeof(m.comm));
	if (bpf_map_update_elem(fd, &p->id, &m, BPF_NOEXIST) && errno != EEXIST)
		return -errno;
	if (!bpf_map_lookup_elem(fd, &p->id, &there) && p->groups & ~there.groups) {
		there.groups |= p->groups;
		bpf_map_update_elem(fd, &p->id, &there, BPF_EXIST);
	}
	__atomic_store_n(watched_byte(t, p->pid), 1, __ATOMIC_SEQ_CST);
	t->kernel->inserted = true;
	p->inserted = true;
	return 0;
}

static int mirror(struct targets *t, uint64_t id, const struct member *m)
{
	struct process *p = process_find(&t->table, id);

	if (!p) {
		p = process_add(&t->table, id);
		if (!p)
			return -ENOMEM;
		p->born = m->flags & MEMBER_BORN;
		p->ppid = m->ppid;
	}
	if (!p->initial && !process_moves(p)) {
		p->groups_before = m->groups_first;
		p->had_past = !(m->flags & MEMBER_NEW);
	}
	p->executed |= p->execs != m->execs;
	p->execs = m->execs;
	memcpy(p->comm, m->comm, sizeof(p->comm));
	p->comm[sizeof(p->comm) - 1] = '\0';
	p->born_threads = m->flags & MEMBER_BORN ? m->threads : BORN_THREADS_UNKNOWN;
	if (m->flags & MEMBER_EXITED && !p->exited) {
		p->exited = true;
		p->gone = false; /* seen before it was told: its last switches are waited for */
		p->exit_known = true;
		p->exit_status = m->exit_status;
	}
	return moves_take(p, t->kernel->skel, m);
}

/* ---- those that found no room ---- */

static struct process *untracked_get(struct targets *t, uint64_t id)
{
	struct process *p = process_find(&t->table, id);

	if (!p)
		p = process_add(&t->table, id);
	if (p)
		p->untracked = p->born = p->told = true;
	return p;
}

static int refresh_untracked(struct targets *t)
{
	struct process *p;
	uint32_t i;

	for (i = 0; i < UNTRACKED_MAX; i++) {
		const struct untracked *u = &t->kernel->skel->bss->untracked[i];

		if (!u->born)
			continue;
		p = untracked_get(t, UNTRACKED_ID(WATCH_UNTRACKED + i));
		if (!p)
			return -ENOMEM;
		untracked_take(p, u);
	}
	return 0;
}

void targets_kernel_settle_untracked(struct targets *t)
{
	struct process *p;
	uint32_t i;

	for (i = 0; i < UNTRACKED_MAX; i++) {
		const struct untracked *u = &t->kernel->skel->bss->untracked[i];

		p = u->born ? process_find(&t->table, UNTRACKED_ID(WATCH_UNTRACKED + i)) : NULL;
		if (p)
			untracked_settle(p, u);
	}
}

uint64_t targets_kernel_untracked(const struct targets *t)
{
	uint64_t born = 0;
	size_t i;

	for (i = 0; i < UNTRACKED_MAX; i++)
		born += t->kernel->skel->bss->untracked[i].born;
	return born;
}

/* Processes that stay what they are change nothing here for hours. */
static bool has_changed(struct targets_kernel *k)
{
	uint64_t changes = __atomic_load_n(&k->skel->bss->members_changes, __ATOMIC_SEQ_CST);
	bool changed = k->inserted || changes != k->changes_read;

	k->changes_read = changes;
	k->inserted = false;
	return changed;
}

static uint64_t moves_made(const struct targets_kernel *k)
{
	return __atomic_load_n(&k->skel->bss->moves_made, __ATOMIC_SEQ_CST);
}

/* Whoever is new is not, until the next refresh. */
int targets_kernel_follow(struct targets *t)
{
	struct targets_kernel *k = t->kernel;
	struct process *p;
	size_t i;
	int err;

	if (moves_made(k) == k->moves_read)
		return 0;
	err = bpf_reader_read(&k->reader);
	for (i = 0; i < k->reader.count && !err; i++) {
		const struct member *m = bpf_reader_value(&k->reader, i);

		p = process_find(&t->table, *(const uint64_t *)bpf_reader_key(&k->reader, i));
		if (p && process_moves(p) != m->moves)
			err = moves_take(p, k->skel, m);
	}
	return err;
}

int targets_kernel_refresh(struct targets *t)
{
	struct bpf_reader *r = &t->kernel->reader;
	size_t i;
	int err;

	t->kernel->moves_read = moves_made(t->kernel);
	err = refresh_untracked(t);
	if (err || !has_changed(t->kernel))
		return err;
	err = bpf_reader_read(r);
	for (i = 0; i < r->count && !err; i++)
		err = mirror(t, *(const uint64_t *)bpf_reader_key(r, i), bpf_reader_value(r, i));
	t->kernel->inserted |= err != 0; /* once more */
	return err;
}

/* The byte of a process that has ended stays: its PID may be another watched one by now. */
void targets_kernel_remove(struct targets *t, const struct forgotten *f)
{
	bpf_reader_forget(&t->kernel->reader, f->ended, f->ended_cnt);
}

uint64_t targets_kernel_lost(const struct targets *t)
{
	return t->kernel->skel->bss->members_lost;
}

size_t targets_kernel_skips(const struct targets *t, struct bpf_skip *list, size_t max)
{
	return bpfload_skips(t->kernel->skel->obj, list, max);
}

const struct bpf_object *targets_kernel_object(const struct targets *t)
{
	return t->kernel->skel->obj;
}
