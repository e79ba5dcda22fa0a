/* SPDX-License-Identifier: MIT */
/*
 * Words by number, where many numbers lie close together: a front for a map that knows them all. A place of 512 numbers has a
 * table of 4 KiB once most of them are taken, so a word costs a reader one miss of the caches and the map 13 bytes at most;
 * where fewer are taken there is no table, and a reader has to ask the map behind.
 *
 * Writers: one at a time, by the owner's lock. Readers: any number, with dense_get() alone. They take no lock and never wait.
 * When dense_put() returns, no reader that starts finds the old word. A reader may find none where there is one: it then asks
 * the map behind. So nothing depends on memory being there, and its lack is no failure.
 *
 * How readers do without a lock: tables and buckets stay what they are until dense_done(). A bucket's tag changes before its
 * table is used for another place, and a reader looks at the tag before and after it has read the word.
 */
#ifndef UIOMMUFD_CONTAINER_DENSE_H
#define UIOMMUFD_CONTAINER_DENSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DENSE_PLACE_SHIFT 9
#define DENSE_PLACE	  (1u << DENSE_PLACE_SHIFT) /* numbers in a place */
#define DENSE_WAYS	  2			    /* buckets in a set */
#define DENSE_SERIAL_BITS 20

struct dense_bucket {
	_Atomic uint64_t tag; /* place + 1, or 0 if it is nobody's; then a serial number */
	_Atomic uint64_t
		word; /* the table, or 0; in its low bits how many numbers are known to be taken */
};

struct dense_sets {
	struct dense_bucket bucket[DENSE_WAYS];
};

/* All buckets, and those that were too few. */
struct dense_index {
	unsigned int log2_sets, shift; /* 64 - log2_sets */
	struct dense_index *older;
	struct dense_sets sets[] __attribute__((aligned(64)));
};

struct dense {
	struct dense_index *_Atomic index; /* NULL: few numbers are taken */
	char apart[64];			   /* readers' words from the writer's */
	struct dense_bucket
		*last; /* the one that was changed last, perhaps another place's by now; or NULL */
	size_t taken;
	void *slabs;
	char *fresh, *fresh_end; /* of the last slab */
	_Atomic uint64_t *free;	 /* tables, linked through their first words */
	size_t bytes;		 /* all memory */
};

void dense_init(struct dense *dense);
/* No reader is left. */
void dense_done(struct dense *dense);

/*
 * The word of `number` was `old` and is `word`; 0: none. True if its place has become dense: the owner may call dense_open(), which says whether there
 * is memory for a table. Then it must tell all words of the place, this one too, by dense_fill().
 */
bool dense_put(struct dense *dense, uint64_t number, uint64_t old, uint64_t word);
bool dense_open(struct dense *dense, uint64_t number);
void dense_fill(struct dense *dense, uint64_t number, uint64_t word);

static inline struct dense_sets *dense_set_of(struct dense_index *index, uint64_t place)
{
	return &index->sets[place * 0x9e3779b97f4a7c15 >> index->shift];
}

/* The place that a bucket is of, and 1. */
static inline uint64_t dense_place_of(const struct dense_bucket *bucket)
{
	return atomic_load_explicit(&bucket->tag, memory_order_acquire) >> DENSE_SERIAL_BITS;
}

static inline _Atomic uint64_t *dense_table(uint64_t bucket_word)
{
	return (_Atomic uint64_t *)(uintptr_t)(bucket_word & -(uint64_t)4096);
}

/* Reader: the word of `number`, or 0: there is none, or it is not known here. */
static inline uint64_t dense_get(struct dense *dense, uint64_t number)
{
	struct dense_index *index = atomic_load_explicit(&dense->index, memory_order_acquire);
	uint64_t place = number >> DENSE_PLACE_SHIFT, tag, word;
	struct dense_bucket *bucket;
	_Atomic uint64_t *table;

	if (!index)
		return 0;
	bucket = dense_set_of(index, place)->bucket;
	/* Not a branch, which could not be predicted. */
	bucket += dense_place_of(&bucket[1]) == place + 1;
	tag = atomic_load_explicit(&bucket->tag, memory_order_acquire);
	table = dense_table(atomic_load_explicit(&bucket->word, memory_order_acquire));
	if (tag >> DENSE_SERIAL_BITS != place + 1 || !table)
		return 0;
	word = atomic_load_explicit(&table[number % DENSE_PLACE], memory_order_acquire);
	return atomic_load_explicit(&bucket->tag, memory_order_acquire) == tag ? word : 0;
}

#endif
