/* SPDX-License-Identifier: MIT */
/*
 * A machine: the IOMMUs, devices and groups that contexts are opened on. Everything that programs of one machine share
 * is here; there are no global variables.
 */
#ifndef UIOMMUFD_CORE_MACHINE_H
#define UIOMMUFD_CORE_MACHINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/mm.h"

#include "core/client.h"
#include "core/file.h"

struct machine;
struct machine_host;
struct share;

/* The default machine: the mock IOMMU alone. With one reference. -ENOMEM. */
int machine_new(struct machine **ret_machine);
void machine_put(struct machine *machine);
/* Where threads run, and what eventfds are (core/host.h); before anything is opened. The host outlives the machine. */
void machine_set_host(struct machine *machine, struct machine_host *host);
/* What other processes share of its devices, one for each in their order (core/share.h); before it has any. They outlive the machine. */
void machine_set_shares(struct machine *machine, struct share *shares);

/*
 * Opens a node of the machine by its path below /dev ("iommu", "vfio/vfio"): a file with one reference.
 * -ENOENT if there is no such node, -ENOMEM.
 */
int machine_open(struct machine *machine, struct client *client, const char *node,
		 struct file **ret_file);

/* ---- what a frontend tells the machine of the programs' memory (ioas/memory.c) ---- */

/*
 * The program is about to take away [va, va + len) of this process's memory (munmap, a mapping over it, MADV_DONTNEED). What is pinned
 * of it is taken over first, so that devices go on seeing it. Costs next to nothing where nothing is pinned. Takes
 * RANK_CONTEXTS and RANK_CONTEXT.
 */
void machine_memory_going(struct machine *machine, uint64_t va, uint64_t len);
/* The same of what a move replaces: of [to, to + len), whole pages. What is taken over is put into neither of its ranges, which may have holes. */
struct machine_move {
	uint64_t from, to, len;
};
void machine_memory_replaced(struct machine *machine, uint64_t va, uint64_t len,
			     const struct machine_move *move);
/*
 * Pages of a file in memory are about to go (ftruncate, a hole). What is pinned of them, through whichever mapping, is taken over first: it is copied, once for
 * all, out of the file by `fd`, which can be read, or, without one (-1), out of this process's memory at `at`. Locks as above.
 */
struct machine_file {
	struct page_key first; /* the first page that goes */
	uint64_t npages;
	int fd;
	uint64_t at;
};
void machine_file_going(struct machine *machine, const struct machine_file *file);
/* The program has moved memory (mremap): its pages are at `to` now. */
void machine_memory_moved(struct machine *machine, uint64_t from, uint64_t to, uint64_t len);
/* The same of a client's memory, which is another process's. */
void machine_client_memory_going(struct machine *machine, struct mm *mm, uint64_t va, uint64_t len);
/*
 * Another process, a client, is about to exit or to execute another program: its pinned memory is taken over. Marks `mm` gone.
 */
void machine_client_leaving(struct machine *machine, struct mm *mm);
/*
 * The program whose memory `mm` is has ended or executed another one, and a process that shared this memory with it goes on: what is pinned
 * of it stays where it is, all else counts as gone. Marks `mm` gone.
 */
void machine_host_moved(struct machine *machine, struct mm *mm);
/* The pages that are pinned on behalf of a process, and charged to it (VmPin, VmLck). False: none of its mappings are here. */
bool machine_account(struct machine *machine, pid_t pid, uint64_t *ret_pinned,
		     uint64_t *ret_locked);

#endif
