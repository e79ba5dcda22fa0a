/* SPDX-License-Identifier: MIT */
/*
 * Hazard ranges. Slots lie in blocks that are only ever added, so a waiter goes through them without a lock; the slots of
 * a block follow each other, so that its loads do not depend on each other.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "container/hazard.h"

#define BLOCK_SLOTS 16
#define SPINS	    200
#define YIELDS	    1000
#define SLEEP_NS    50000

struct hazard_block {
	struct hazard_slot slots[BLOCK_SLOTS];
	struct hazard_block *next;
	void *memory; /* as it was allocated: the block is aligned within */
};

void hazard_init(struct hazard *hazard)
{
	atomic_init(&hazard->blocks, NULL);
}

void hazard_done(struct hazard *hazard)
{
	struct hazard_block *block = atomic_load_explicit(&hazard->blocks, memory_order_acquire);

	while (block) {
		struct hazard_block *next = block->next;

		for (unsigned int i = 0; i < BLOCK_SLOTS; i++)
			assert(!atomic_load_explicit(&block->slots[i].taken, memory_order_acquire));
		free(block->memory);
		block = next;
	}
	hazard_init(hazard);
}

static struct hazard_block *new_block(void)
{
	const uintptr_t align = _Alignof(struct hazard_block);
	void *memory = mem_zalloc(sizeof(struct hazard_block) + align);
	struct hazard_block *block;

	if (!memory)
		return NULL;
	block = (void *)(((uintptr_t)memory + align - 1) & -align);
	block->memory = memory;
	return block;
}

static bool take(struct hazard_slot *slot)
{
	return !atomic_load_explicit(&slot->taken, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&slot->taken, true, memory_order_acquire);
}

int hazard_register(struct hazard *hazard, struct hazard_slot **ret_slot)
{
	struct hazard_block *head = atomic_load_explicit(&hazard->blocks, memory_order_acquire);

	for (struct hazard_block *block = head; block; block = block->next) {
		for (unsigned int i = 0; i < BLOCK_SLOTS; i++) {
			if (!take(&block->slots[i]))
				continue;
			*ret_slot = &block->slots[i];
			return 0;
		}
	}
	struct hazard_block *block = new_block();
	if (!block)
		return -ENOMEM;
	take(&block->slots[0]);
	do
		block->next = head;
	while (!atomic_compare_exchange_weak(&hazard->blocks, &head, block));
	*ret_slot = &block->slots[0];
	return 0;
}

void hazard_unregister(struct hazard_slot *slot)
{
	if (!slot)
		return;
	assert(!(atomic_load_explicit(&slot->section, memory_order_relaxed) & 1));
	atomic_store_explicit(&slot->taken, false, memory_order_release);
}

/* Everything before is visible to others before anything after is read. */
static void full_fence(void)
{
#ifdef __x86_64__
	/* Faster than mfence, and the thread sanitizer does not know C's fences. */
	__asm__ volatile("lock addl $0, (%%rsp)" ::: "memory", "cc");
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

static void pause_spinning(unsigned int tries)
{
	if (tries < SPINS) {
#ifdef __x86_64__
		__builtin_ia32_pause();
#endif
	} else if (tries < SPINS + YIELDS) {
		sched_yield();
	} else {
		nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
	}
}

static void wait_for_slot(const struct hazard_slot *slot, uint64_t section, uint64_t first,
			  uint64_t last)
{
	uint64_t slot_first = atomic_load_explicit(&slot->first, memory_order_acquire);
	uint64_t slot_last = atomic_load_explicit(&slot->last, memory_order_acquire);

	/* If the range is a later section's, the section has changed by now. */
	if (slot_first > last || slot_last < first)
		return;
	for (unsigned int tries = 0;
	     atomic_load_explicit(&slot->section, memory_order_acquire) == section; tries++)
		pause_spinning(tries);
}

void hazard_wait(struct hazard *hazard, uint64_t first, uint64_t last)
{
	const struct hazard_block *block;
	uint64_t section;

	full_fence();
	block = atomic_load_explicit(&hazard->blocks, memory_order_acquire);
	for (; block; block = block->next) {
		for (unsigned int i = 0; i < BLOCK_SLOTS; i++) {
			section = atomic_load_explicit(&block->slots[i].section,
						       memory_order_acquire);
			if (section & 1)
				wait_for_slot(&block->slots[i], section, first, last);
		}
	}
}
