/* SPDX-License-Identifier: MIT */
/*
 * The promise to DMA: when an unmap returns, no DMA through the old translation is running and none can start.
 *
 * A reader (the thread that runs a device) owns a slot. Before it looks anything up it announces the range of IOVA that
 * it is going to touch, and it takes the announcement back when the last byte is copied:
 *
 *	hazard_enter(slot, iova, iova + length - 1);
 *	look up, copy					no lock, nothing that could wait for the writer
 *	hazard_leave(slot);
 *
 * A writer first makes the translation impossible to find, then waits for those who may have found it before:
 *
 *	imap_remove(map, iova);				and what else leads there: caches' versions, page tables
 *	hazard_wait(hazard, iova, last);
 *	give back the memory
 *
 * It works because each side writes, passes a full fence, then reads what the other has written: either the writer sees
 * the announcement, or the reader's lookup, which comes after its announcement, sees the removal.
 *
 * A reader that can't tell what it will touch, as a walk through guest tables, announces [0, UINT64_MAX]. A range says
 * nothing of the IOAS: readers of others at the same IOVA are waited for as well, which is harmless as sections are short.
 * Sections of one slot do not nest. A thread must not wait while one of its own slots is entered, and inside a
 * section must take no lock that is held around hazard_wait(): both would wait for ever.
 *
 * Cost: a section one locked instruction (5 to 7 ns), a wait another and one load for each slot that somebody has.
 */
#ifndef UIOMMUFD_CONTAINER_HAZARD_H
#define UIOMMUFD_CONTAINER_HAZARD_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hazard_block;

/* All slots of one machine. */
struct hazard {
	struct hazard_block *_Atomic blocks;
};

struct hazard_slot {
	_Atomic uint64_t section; /* counts entering and leaving: odd inside a section */
	_Atomic uint64_t first, last;
	unsigned int number; /* in its block, constant */
} __attribute__((aligned(64)));

void hazard_init(struct hazard *hazard);
/* No slot is in use. */
void hazard_done(struct hazard *hazard);

/* Any thread, without a lock. 0 or -ENOMEM. */
int hazard_register(struct hazard *hazard, struct hazard_slot **ret_slot);
/* Outside a section. NULL is allowed. */
void hazard_unregister(struct hazard_slot *slot);

static inline void hazard_enter(struct hazard_slot *slot, uint64_t first, uint64_t last)
{
	uint64_t section = atomic_load_explicit(&slot->section, memory_order_relaxed);

	assert(!(section & 1));
	/* With release: who sees the new range sees that the last section has ended. */
	atomic_store_explicit(&slot->first, first, memory_order_release);
	atomic_store_explicit(&slot->last, last, memory_order_release);
#ifdef __x86_64__
	/* A locked instruction is a full fence. */
	atomic_exchange_explicit(&slot->section, section + 1, memory_order_seq_cst);
#else
	atomic_store_explicit(&slot->section, section + 1, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

static inline void hazard_leave(struct hazard_slot *slot)
{
	uint64_t section = atomic_load_explicit(&slot->section, memory_order_relaxed);

	assert(section & 1);
	atomic_store_explicit(&slot->section, section + 1, memory_order_release);
}

/*
 * Returns when every section that overlaps [first, last] and was entered before has been left. Sections that are entered
 * meanwhile are not waited for. A section is a copy, so this spins, then yields the processor.
 */
void hazard_wait(struct hazard *hazard, uint64_t first, uint64_t last);

#endif
