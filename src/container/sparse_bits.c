/* SPDX-License-Identifier: MIT */
/*
 * A radix tree of fixed depth over leaves of 32,768 bits. A leaf has a summary, one bit for each of its words that may not be empty, so that
 * clean parts are skipped 64 words at a time.
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

struct leaf {
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
	atomic_store(&bits->root, NULL);
}

/* What hangs at `at`, made if there is nothing: threads that race agree on one. */
static void *get_or_make(void *_Atomic *at, size_t size)
{
	void *found = atomic_load_explicit(at, memory_order_acquire), *made;

	if (found)
		return found;
	made = mem_zalloc(size);
	if (!made)
		return NULL;
	if (atomic_compare_exchange_strong(at, &found, made))
		return made;
	free(made);
	return found;
}

static struct leaf *make_leaf(struct sparse_bits *bits, uint64_t index)
{
	void *_Atomic *at = &bits->root;

	for (int level = DEPTH - 1; level >= 0; level--) {
		struct node *node = get_or_make(at, sizeof(*node));

		if (!node)
			return NULL;
		at = &node->child[slot(index, level)];
	}
	return get_or_make(at, sizeof(struct leaf));
}

/* The leaf of `index`, or NULL and, in *ret_next, the first index of the next part of the tree. */
static struct leaf *find_leaf(const struct sparse_bits *bits, uint64_t index, uint64_t *ret_next)
{
	void *at = atomic_load_explicit(&bits->root, memory_order_acquire);
	int level = DEPTH;

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
 * The word before the summary, and the other way round in clear_word(): then either this thread sees that the summary has been cleared, or the one
 * that clears it sees the word.
 */
static void set_word(struct leaf *leaf, unsigned int word, uint64_t bits)
{
	uint64_t in_summary = (uint64_t)1 << (word % 64);

	if ((atomic_load_explicit(&leaf->words[word], memory_order_relaxed) & bits) == bits)
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
		struct leaf *leaf = make_leaf(bits, first);
		uint64_t end = word_end(first, last);

		if (!leaf)
			return -ENOMEM;
		set_word(leaf, first / 64 % WORDS, mask(first % 64, end % 64));
		if (end == last)
			return 0;
		first = end + 1;
	}
}

/* A word that is empty again leaves the summary; who sets a bit meanwhile puts it back or is seen here. */
static void clear_word(struct leaf *leaf, unsigned int word, uint64_t bits)
{
	uint64_t in_summary = (uint64_t)1 << (word % 64);
	uint64_t old = atomic_fetch_and(&leaf->words[word], ~bits);

	if (!old || old & ~bits)
		return;
	atomic_fetch_and(&leaf->summary[word / 64], ~in_summary);
	if (atomic_load(&leaf->words[word]))
		atomic_fetch_or(&leaf->summary[word / 64], in_summary);
}

/* The first index at or after `index`, in this leaf, whose word may have bits; false if there is none. */
static bool skip_clean(const struct leaf *leaf, uint64_t index, uint64_t *ret_index)
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
static struct leaf *next_word(const struct sparse_bits *bits, uint64_t *index, uint64_t last)
{
	for (;;) {
		uint64_t next = (*index | (((uint64_t)1 << LEAF_SHIFT) - 1)) + 1;
		struct leaf *leaf = find_leaf(bits, *index, &next);

		if (leaf && skip_clean(leaf, *index, index))
			return *index <= last ? leaf : NULL;
		if (!next || next > last)
			return NULL;
		*index = next;
	}
}

void sparse_bits_clear(struct sparse_bits *bits, uint64_t first, uint64_t last)
{
	struct leaf *leaf;

	while ((leaf = next_word(bits, &first, last))) {
		uint64_t end = word_end(first, last);

		clear_word(leaf, first / 64 % WORDS, mask(first % 64, end % 64));
		if (end == last)
			return;
		first = end + 1;
	}
}

/* The end of the run of set bits that begins at `first`. */
static uint64_t run_end(const struct sparse_bits *bits, uint64_t first, uint64_t last)
{
	uint64_t unused;

	for (;;) {
		struct leaf *leaf = find_leaf(bits, first, &unused);
		uint64_t end = word_end(first, last), clean;

		if (!leaf)
			return first - 1;
		clean = ~atomic_load_explicit(&leaf->words[first / 64 % WORDS],
					      memory_order_acquire) &
			mask(first % 64, end % 64);
		if (clean)
			return (first & ~(uint64_t)63) + __builtin_ctzll(clean) - 1;
		if (end == last)
			return last;
		first = end + 1;
	}
}

bool sparse_bits_find(const struct sparse_bits *bits, uint64_t first, uint64_t last,
		      uint64_t *ret_first, uint64_t *ret_last)
{
	struct leaf *leaf;

	while ((leaf = next_word(bits, &first, last))) {
		uint64_t end = word_end(first, last);
		uint64_t set = atomic_load_explicit(&leaf->words[first / 64 % WORDS],
						    memory_order_acquire) &
			       mask(first % 64, end % 64);

		if (set) {
			*ret_first = (first & ~(uint64_t)63) + __builtin_ctzll(set);
			*ret_last = run_end(bits, *ret_first, last);
			return true;
		}
		if (end == last)
			return false;
		first = end + 1;
	}
	return false;
}
