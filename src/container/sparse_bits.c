/* SPDX-License-Identifier: MIT */
/*
 * A radix tree of fixed depth over leaves of 32,768 bits. A leaf has a summary, one bit for each of its words that may not be empty, so that
 * clean parts are skipped 64 words at a time. As leaves stay, those that were used last are remembered.
 */
#include "container/sparse_bits.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"

#define WORDS	   512 /* in a leaf */
#define LEAF_SHIFT 15  /* log2 of its bits */
#define FAN_SHIFT  10
#define FAN	   (1 << FAN_SHIFT)
#define DEPTH	   5 /* (64 - 15) / 10, rounded up */

struct sparse_leaf {
	uint64_t number; /* index of its first bit >> LEAF_SHIFT */
	_Atomic uint64_t summary[WORDS / 64];
	_Atomic uint64_t words[WORDS];
};

struct node {
	void *_Atomic child[FAN];
};

static unsigned int slot(uint64_t index, int level)
{
	return index >> (LEAF_SHIFT + level * FAN_SHIFT) & (FAN - 1);
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

/* Where the leaf of `index` is remembered, if it is. */
static struct sparse_leaf *_Atomic *recent(struct sparse_bits *bits, uint64_t index)
{
	return &bits->recent[(index >> LEAF_SHIFT) % SPARSE_RECENT];
}

static struct sparse_leaf *find_recent(struct sparse_bits *bits, uint64_t index)
{
	struct sparse_leaf *leaf = atomic_load_explicit(recent(bits, index), memory_order_acquire);

	return leaf && leaf->number == index >> LEAF_SHIFT ? leaf : NULL;
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
	leaf = get_leaf(at, index >> LEAF_SHIFT);
	if (leaf)
		atomic_store_explicit(recent(bits, index), leaf, memory_order_release);
	return leaf;
}

/* The leaf of `index`, or NULL and, in *ret_next, the first index of the next part of the tree. */
static struct sparse_leaf *find_leaf(struct sparse_bits *bits, uint64_t index, uint64_t *ret_next)
{
	void *at = find_recent(bits, index);
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
		unsigned int shift = LEAF_SHIFT + level * FAN_SHIFT;

		*ret_next = shift < 64 ? ((index >> shift) + 1) << shift : 0;
	}
	return at;
}

/* The bits of a word from `first` on and up to `last`, both within it. */
static uint64_t mask(unsigned int first, unsigned int last)
{
	return (~(uint64_t)0 << first) & (~(uint64_t)0 >> (63 - last));
}

/*
 * The word before the summary, and the other way round in take_word(): then either this thread sees that the summary has been cleared, or the one
 * that clears it sees the word.
 */
static void set_word(struct sparse_leaf *leaf, unsigned int word, uint64_t bits)
{
	uint64_t in_summary = (uint64_t)1 << (word % 64);

	if ((atomic_load_explicit(&leaf->words[word], memory_order_relaxed) & bits) == bits &&
	    atomic_load_explicit(&leaf->summary[word / 64], memory_order_relaxed) & in_summary)
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
		struct sparse_leaf *leaf = find_recent(bits, first);
		uint64_t end = word_end(first, last);

		if (!leaf)
			leaf = make_leaf(bits, first);
		if (!leaf)
			return -ENOMEM;
		set_word(leaf, first / 64 % WORDS, mask(first % 64, end % 64));
		if (end == last)
			return 0;
		first = end + 1;
	}
}

/* Clears bits of a word and gives those that were set. A word that is empty again leaves the summary. */
static uint64_t take_word(struct sparse_leaf *leaf, unsigned int word, uint64_t bits)
{
	uint64_t in_summary = (uint64_t)1 << (word % 64);
	uint64_t old = atomic_fetch_and(&leaf->words[word], ~bits);

	if (old && !(old & ~bits)) {
		atomic_fetch_and(&leaf->summary[word / 64], ~in_summary);
		if (atomic_load(&leaf->words[word]))
			atomic_fetch_or(&leaf->summary[word / 64], in_summary);
	}
	return old & bits;
}

/* The first index at or after `index`, in this leaf, whose word may have bits; false if there is none. */
static bool skip_clean(const struct sparse_leaf *leaf, uint64_t index, uint64_t *ret_index)
{
	uint64_t base = index & ~(((uint64_t)1 << LEAF_SHIFT) - 1);
	unsigned int word = index / 64 % WORDS;

	for (unsigned int i = word / 64; i < WORDS / 64; i++) {
		uint64_t summary = atomic_load_explicit(&leaf->summary[i], memory_order_acquire);
		unsigned int found;

		if (i == word / 64)
			summary &= ~(uint64_t)0 << (word % 64);
		if (!summary)
			continue;
		found = i * 64 + __builtin_ctzll(summary);
		*ret_index = found == word ? index : base + (uint64_t)found * 64;
		return true;
	}
	return false;
}

/*
 * Moves *index to the next word of [*index, last] that may have bits. NULL if there is none.
 */
static struct sparse_leaf *next_word(struct sparse_bits *bits, uint64_t *index, uint64_t last)
{
	for (;;) {
		uint64_t next = (*index | (((uint64_t)1 << LEAF_SHIFT) - 1)) + 1;
		struct sparse_leaf *leaf = find_leaf(bits, *index, &next);

		if (leaf && skip_clean(leaf, *index, index))
			return *index <= last ? leaf : NULL;
		if (!next || next > last)
			return NULL;
		*index = next;
	}
}

uint64_t sparse_bits_next(struct sparse_bits *bits, uint64_t *first, uint64_t last, bool take)
{
	struct sparse_leaf *leaf;

	while ((leaf = next_word(bits, first, last))) {
		uint64_t end = word_end(*first, last), wanted = mask(*first % 64, end % 64), set;
		unsigned int word = *first / 64 % WORDS;

		set = take ? take_word(leaf, word, wanted)
			   : atomic_load_explicit(&leaf->words[word], memory_order_acquire) &
				      wanted;
		if (set) {
			*first &= ~(uint64_t)63;
			return set;
		}
		if (end == last)
			return 0;
		*first = end + 1;
	}
	return 0;
}

void sparse_bits_clear(struct sparse_bits *bits, uint64_t first, uint64_t last)
{
	while (sparse_bits_next(bits, &first, last, true)) {
		if (last - first < 64)
			return;
		first += 64;
	}
}
