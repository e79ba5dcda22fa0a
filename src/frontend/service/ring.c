/* SPDX-License-Identifier: MIT */
#include "frontend/service/ring.h"

/* A word: the side, and twice how the other sleeps. */
#define SIDE 1u

enum ring_sleep ring_pass(struct ring *ring, enum ring_side side)
{
	unsigned int before;

	atomic_store_explicit(&ring->cpu[side], spin_here(), memory_order_relaxed);
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

struct turn {
	struct ring *ring;
	enum ring_side side;
};

static bool is_mine(void *arg)
{
	const struct turn *turn = arg;

	return ring_mine(turn->ring, turn->side);
}

bool ring_spin(struct ring *ring, enum ring_side side, struct spin *spin)
{
	struct turn turn = {ring, side};
	unsigned int other = atomic_load_explicit(&ring->cpu[side ^ SIDE], memory_order_relaxed);

	return spin_until(spin, other, is_mine, &turn);
}
