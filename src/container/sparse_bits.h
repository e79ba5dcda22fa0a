/* SPDX-License-Identifier: MIT */
/*
 * A sparse bitmap over all 64-bit indices, for dirty pages: setting takes no lock and never waits; where no bit was ever set
 * there is no memory, and looking takes no time.
 *
 * Setting may run in any thread at any time. Taking and clearing are for one caller at a time; a bit that is set meanwhile is seen
 * by it or by the next: by the next that begins after sparse_bits_set() of that bit has returned everywhere. So a thread that finds a bit set by another may
 * rely on it once the other's call has returned. Memory is kept until sparse_bits_done().
 *
 * Cost: where bits were set lately, sparse_bits_has() is three loads; 64 words that are clean are skipped by one.
 */
#ifndef UIOMMUFD_CONTAINER_SPARSE_BITS_H
#define UIOMMUFD_CONTAINER_SPARSE_BITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPARSE_LEAF_SHIFT 15 /* log2 of a leaf's bits */
#define SPARSE_LEAF_WORDS 512
#define SPARSE_BLOCK	  4096 /* bits that one word of the summary tells of */

struct sparse_leaf {
	_Atomic uint64_t words[SPARSE_LEAF_WORDS];
	_Atomic uint64_t summary[SPARSE_LEAF_WORDS / 64]; /* which words may have bits */
	uint64_t number; /* index of its first bit >> SPARSE_LEAF_SHIFT */
};

/* How many leaves are remembered: what they cover is 1 GiB of pages of 2 KiB. */
#define SPARSE_RECENT 16

struct sparse_bits {
	struct sparse_leaf *_Atomic recent[SPARSE_RECENT]; /* used last, by their numbers */
	void *_Atomic root;
};

void sparse_bits_done(struct sparse_bits *bits);

/* The leaf of an index, if it is among those that were used last. */
static inline struct sparse_leaf *sparse_bits_recent(const struct sparse_bits *bits, uint64_t index)
{
	uint64_t number = index >> SPARSE_LEAF_SHIFT;
	struct sparse_leaf *leaf =
		atomic_load_explicit(&bits->recent[number % SPARSE_RECENT], memory_order_acquire);

	return leaf && leaf->number == number ? leaf : NULL;
}

/*
 * True: the bits `mask` << `index` % 64 of a word are set, or being set by another thread, which may not have told the summary yet. False says
 * nothing.
 */
static inline bool sparse_bits_has(const struct sparse_bits *bits, uint64_t index, uint64_t mask)
{
	const struct sparse_leaf *leaf = sparse_bits_recent(bits, index);
	size_t word = index / 64 % SPARSE_LEAF_WORDS;

	return leaf &&
	       !(~(atomic_load_explicit(&leaf->words[word], memory_order_relaxed) >> index % 64) &
		 mask);
}

/* Was no bit ever set? */
static inline bool sparse_bits_unused(const struct sparse_bits *bits)
{
	return !atomic_load_explicit(&bits->root, memory_order_acquire);
}

/* Sets first..last. -ENOMEM: some may not be set. */
int sparse_bits_set(struct sparse_bits *bits, uint64_t first, uint64_t last);
void sparse_bits_clear(struct sparse_bits *bits, uint64_t first, uint64_t last);

struct sparse_block {
	uint64_t first; /* index of the lowest bit of words[0]: a multiple of SPARSE_BLOCK */
	uint64_t used;	/* bit n: words[n] has bits; other words are not filled in */
	uint64_t words[SPARSE_BLOCK / 64];
};

/*
 * The first block that has bits within first..last, and of it only those bits; false if there is none. `take`: they are clear then, and no bit is lost that
 * is set meanwhile.
 */
bool sparse_bits_next(struct sparse_bits *bits, uint64_t first, uint64_t last, bool take,
		      struct sparse_block *ret_block);

#endif
