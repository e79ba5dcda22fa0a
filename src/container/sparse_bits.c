/* SPDX-License-Identifier: MIT */
/*
 * A radix tree of fixed depth over leaves of 32,768 bits. A leaf has a summary, one bit for each of its words that may not be empty, so that
 * clean parts are skipped 64 words at a time. As leaves stay, those that were used last are remembered.
 */
#include "container/sparse_bits.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"

#define FAN_SHIFT 10
#define FAN	  (1 << FAN_SHIFT)
#define DEPTH	  5 /* (64 - 15) / 10, rounded up */

struct node {
	void *_Atomic child[FAN];
};

static unsigned int slot(uint64_t index, int level)
{
	return index >> (SPARSE_LEAF_SHIFT + level * FAN_SHIFT) & (FAN - 1);
}

static void free_below(void *at, int level)
{
	if (at && level > 0)
		for (int i = 0; i < FAN; i++)
			free_below(atomic_load(&((struct node *)at)->child[i]), level - 1);
	free(at);
}

void sparse_bits_done(struct sparse_bits *bits)
{
	free_below(atomic_load(&bits->root), DEPTH);
	*bits = (struct sparse_bits){};
}

/* Puts `made` where nothing hangs yet: threads that race agree on one. */
static void *hang(void *_Atomic *at, void *made)
{
	void *found = NULL;

	if (!made || atomic_compare_exchange_strong(at, &found, made))
		return made;
	free(made);
	return found;
}

static struct node *get_node(void *_Atomic *at)
{
	struct node *node = atomic_load_explicit(at, memory_order_acquire);

	return node ? node : hang(at, mem_zalloc(sizeof(*node)));
}

static struct sparse_leaf *get_leaf(void *_Atomic *at, uint64_t number)
{
	struct sparse_leaf *leaf = atomic_load_explicit(at, memory_order_acquire);

	if (leaf)
		return leaf;
	leaf = mem_zalloc(sizeof(*leaf));
	if (leaf)
		leaf->number = number;
	return hang(at, leaf);
}

__attribute__((noinline)) static struct sparse_leaf *make_leaf(struct sparse_bits *bits,
							       uint64_t index)
{
	void *_Atomic *at = &bits->root;
	struct sparse_leaf *leaf;

	for (int level = DEPTH - 1; level >= 0; level--) {
		struct node *node = get_node(at);

		if (!node)
			return NULL;
		at = &node->child[slot(index, level)];
	}
	leaf = get_leaf(at, index >> SPARSE_LEAF_SHIFT);
	if (leaf)
		atomic_store_explicit(&bits->recent[leaf->number % SPARSE_RECENT], leaf,
				      memory_order_release);
	return leaf;
}

/* The leaf of `index`, or NULL and, in *ret_next, the first index of the next part of the tree. */
static struct sparse_leaf *find_leaf(struct sparse_bits *bits, uint64_t index, uint64_t *ret_next)
{
	void *at = sparse_bits_recent(bits, index);
	int level = DEPTH;

	if (at)
		return at;
	at = atomic_load_explicit(&bits->root, memory_order_acquire);

	while (at && level > 0) {
		level--;
		at = atomic_load_explicit(&((struct node *)at)->child[slot(index, level)],
					  memory_order_acquire);
	}
	if (!at) {
		unsigned int shift = SPARSE_LEAF_SHIFT + level * FAN_SHIFT;

		*ret_next = shift < 64 ? ((index >> shift) + 1) << shift : 0;
	}
	return at;
}

/* Bits first..last of the word that has both. */
static uint64_t mask_of(uint64_t first, uint64_t last)
{
	return UINT64_MAX << first % 64 & UINT64_MAX >> (63 - last % 64);
}

/*
 * The word before the summary, and the other way round in look_at_block(): then either this thread sees that the summary has been cleared, or the one
 * that clears it sees the word.
 */
static void set_word(struct sparse_leaf *leaf, uint64_t index, uint64_t bits)
{
	unsigned int word = index / 64 % SPARSE_LEAF_WORDS;
	uint64_t in_summary = (uint64_t)1 << word % 64;

	if (!(~atomic_load_explicit(&leaf->words[word], memory_order_relaxed) & bits))
		return;
	atomic_fetch_or(&leaf->words[word], bits);
	if (!(atomic_load(&leaf->summary[word / 64]) & in_summary))
		atomic_fetch_or(&leaf->summary[word / 64], in_summary);
}

/* The last index of [first, last] that is in the same word as `first`. */
static uint64_t word_end(uint64_t first, uint64_t last)
{
	return (first | 63) < last ? first | 63 : last;
}

int sparse_bits_set(struct sparse_bits *bits, uint64_t first, uint64_t last)
{
	for (;;) {
		struct sparse_leaf *leaf = sparse_bits_recent(bits, first);
		uint64_t end = word_end(first, last);

		if (!leaf)
			leaf = make_leaf(bits, first);
		if (!leaf)
			return -ENOMEM;
		set_word(leaf, first, mask_of(first, end));
		if (end == last)
			return 0;
		first = end + 1;
	}
}

/* Clears bits of a word and gives those that were set. If others are left the summary says so again. */
static uint64_t take_word(struct sparse_leaf *leaf, unsigned int word, uint64_t bits)
{
	/* An exchange is one instruction, the other one a loop. */
	uint64_t old = bits == UINT64_MAX ? atomic_exchange(&leaf->words[word], 0)
					  : atomic_fetch_and(&leaf->words[word], ~bits);

	if (old & ~bits)
		atomic_fetch_or(&leaf->summary[word / 64], (uint64_t)1 << word % 64);
	return old & bits;
}

/* The block of `first`, as far as `last`: false if it has no bits. */
static bool look_at_block(struct sparse_leaf *leaf, uint64_t first, uint64_t last, bool take,
			  struct sparse_block *ret_block)
{
	uint64_t base = first & -(uint64_t)SPARSE_BLOCK, used = 0, summary;
	unsigned int word = base / 64 % SPARSE_LEAF_WORDS;

	if (last - base >= SPARSE_BLOCK)
		last = base + SPARSE_BLOCK - 1;
	summary = atomic_load_explicit(&leaf->summary[word / 64], memory_order_acquire) &
		  mask_of(first / 64, last / 64);
	if (!summary)
		return false;
	if (take)
		atomic_fetch_and(&leaf->summary[word / 64], ~summary);
	for (; summary; summary &= summary - 1) {
		unsigned int i = __builtin_ctzll(summary);
		uint64_t from = base + i * 64, to = from + 63, mask, set;

		mask = mask_of(from > first ? from : first, to < last ? to : last);
		set = take ? take_word(leaf, word + i, mask)
			   : atomic_load_explicit(&leaf->words[word + i], memory_order_acquire) &
				      mask;
		ret_block->words[i] = set;
		used |= (uint64_t)(set != 0) << i;
	}
	ret_block->first = base;
	ret_block->used = used;
	return used;
}

bool sparse_bits_next(struct sparse_bits *bits, uint64_t first, uint64_t last, bool take,
		      struct sparse_block *ret_block)
{
	for (;;) {
		uint64_t next = (first | (SPARSE_BLOCK - 1)) + 1;
		struct sparse_leaf *leaf = find_leaf(bits, first, &next);

		if (leaf && look_at_block(leaf, first, last, take, ret_block))
			return true;
		if (!next || next > last)
			return false;
		first = next;
	}
}

void sparse_bits_clear(struct sparse_bits *bits, uint64_t first, uint64_t last)
{
	struct sparse_block block;

	while (sparse_bits_next(bits, first, last, true, &block)) {
		if (last - block.first < SPARSE_BLOCK)
			return;
		first = block.first + SPARSE_BLOCK;
	}
}
