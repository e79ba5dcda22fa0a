/* SPDX-License-Identifier: MIT */
#include "frontend/service/ring.h"

#include <sched.h>
#include <time.h>

/* A word: the side, and twice how the other sleeps. */
#define SIDE 1u

#define LOOKS	   32 /* between two looks at the clock */
#define CREDIT_MAX 4
#define TRY_ANYWAY 32 /* one wait of so many, without credit */

enum ring_sleep ring_pass(struct ring *ring, enum ring_side side)
{
	unsigned int before;

	atomic_store_explicit(&ring->cpu[side], (unsigned int)sched_getcpu() + 1,
			      memory_order_relaxed);
	before = atomic_exchange_explicit(&ring->turn, side ^ SIDE, memory_order_acq_rel);
	return before / 2;
}

bool ring_mine(struct ring *ring, enum ring_side side)
{
	return (atomic_load_explicit(&ring->turn, memory_order_acquire) & SIDE) == side;
}

bool ring_sleep(struct ring *ring, enum ring_side side, enum ring_sleep how, unsigned int *ret_word)
{
	unsigned int word = atomic_load_explicit(&ring->turn, memory_order_acquire);

	*ret_word = (side ^ SIDE) | 2 * how;
	while ((word & SIDE) != side) {
		if (atomic_compare_exchange_weak_explicit(&ring->turn, &word, *ret_word,
							  memory_order_acq_rel,
							  memory_order_acquire))
			return true;
	}
	return false;
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("isb" ::: "memory"); /* yield is nothing on most processors */
#endif
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool worth_it(struct ring *ring, enum ring_side side, struct ring_spin *spin)
{
	if (spin->mode != RING_ADAPTIVE)
		return spin->mode == RING_ALWAYS;
	if (atomic_load_explicit(&ring->cpu[side ^ SIDE], memory_order_relaxed) ==
	    (unsigned int)sched_getcpu() + 1)
		return false;
	return spin->credit || ++spin->skipped >= TRY_ANYWAY;
}

static bool look(struct ring *ring, enum ring_side side, uint64_t limit)
{
	uint64_t start = now();

	do {
		for (int i = 0; i < LOOKS; i++) {
			if (ring_mine(ring, side))
				return true;
			relax();
		}
	} while (now() - start < limit);
	return false;
}

bool ring_spin(struct ring *ring, enum ring_side side, struct ring_spin *spin)
{
	if (ring_mine(ring, side))
		return true;
	if (!worth_it(ring, side, spin))
		return false;
	spin->skipped = 0;
	if (!look(ring, side, spin->limit)) {
		spin->credit -= spin->credit > 0;
		return false;
	}
	spin->credit = CREDIT_MAX;
	return true;
}
