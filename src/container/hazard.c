/* SPDX-License-Identifier: MIT */
/*
 * Hazard ranges. Slots lie in blocks that are only ever added, so a waiter goes through them without a lock. It looks at slots that are taken: who takes one
 * later enters its first section later still, and finds the removal as by any announcement that the waiter was too early to see.
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
	atomic_uint taken; /* bitmap of slots */
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

		assert(!atomic_load_explicit(&block->taken, memory_order_acquire));
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
	for (unsigned int i = 0; i < BLOCK_SLOTS; i++)
		block->slots[i].number = i;
	return block;
}

/* NULL: all are taken. */
static struct hazard_slot *take(struct hazard_block *block)
{
	unsigned int taken = atomic_load_explicit(&block->taken, memory_order_relaxed);

	while (taken != (1u << BLOCK_SLOTS) - 1) {
		unsigned int i = __builtin_ctz(~taken);

		if (atomic_compare_exchange_weak(&block->taken, &taken, taken | 1u << i))
			return &block->slots[i];
	}
	return NULL;
}

int hazard_register(struct hazard *hazard, struct hazard_slot **ret_slot)
{
	struct hazard_block *head = atomic_load_explicit(&hazard->blocks, memory_order_acquire);
	struct hazard_slot *slot = NULL;
	struct hazard_block *block;

	for (block = head; block && !slot; block = block->next)
		slot = take(block);
	if (slot) {
		*ret_slot = slot;
		return 0;
	}
	block = new_block();
	if (!block)
		return -ENOMEM;
	*ret_slot = take(block);
	do
		block->next = head;
	while (!atomic_compare_exchange_weak(&hazard->blocks, &head, block));
	return 0;
}

void hazard_unregister(struct hazard_slot *slot)
{
	struct hazard_block *block;

	if (!slot)
		return;
	assert(!(atomic_load_explicit(&slot->section, memory_order_relaxed) & 1));
	block = (struct hazard_block *)(slot - slot->number); /* its slots come first */
	atomic_fetch_and_explicit(&block->taken, ~(1u << slot->number), memory_order_release);
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

static __attribute__((noinline)) void wait_for_slot(const struct hazard_slot *slot,
						    uint64_t section, uint64_t first, uint64_t last)
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

	full_fence();
	block = atomic_load_explicit(&hazard->blocks, memory_order_acquire);
	for (; block; block = block->next) {
		unsigned int taken = atomic_load_explicit(&block->taken, memory_order_acquire);

		for (; taken; taken &= taken - 1) {
			const struct hazard_slot *slot = &block->slots[__builtin_ctz(taken)];
			uint64_t section =
				atomic_load_explicit(&slot->section, memory_order_acquire);

			if (section & 1)
				wait_for_slot(slot, section, first, last);
		}
	}
}
