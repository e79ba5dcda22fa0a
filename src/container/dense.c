/* SPDX-License-Identifier: MIT */
/* The writer's side of words by number: see dense.h. */
#include "container/dense.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/inject.h"

#define TABLE_SIZE (DENSE_PLACE * sizeof(uint64_t))
#define COUNT_MASK (TABLE_SIZE - 1)
/* Taken numbers from which a place has a table: 8 * 512 / 320 is 13 bytes for each. */
#define OPEN_AT 320
/* With fewer numbers than that nothing is counted. */
#define INDEX_AT 64
/* A bucket is 16 bytes: an index that is larger than that for its numbers is not made. */
#define BYTES_EACH    4
#define LOG2_SETS_MIN 5
/* Tables are made by the slab, which is a quarter of what there is, or from 2 MiB on a huge page: a million mappings have 8 MiB. */
#define SLAB_LEAST (4 * TABLE_SIZE)
#define SLAB_HUGE  ((size_t)2 << 20)

struct slab {
	struct slab *next;
	void *tables;
};

_Static_assert(TABLE_SIZE == 4096, "dense_table() knows it");

void dense_init(struct dense *dense)
{
	*dense = (struct dense){};
}

void dense_done(struct dense *dense)
{
	struct dense_index *index = atomic_load_explicit(&dense->index, memory_order_relaxed);
	struct slab *slab = dense->slabs;

	while (index) {
		struct dense_index *older = index->older;

		free(index);
		index = older;
	}
	while (slab) {
		struct slab *next = slab->next;

		free(slab->tables);
		free(slab);
		slab = next;
	}
	dense_init(dense);
}

/* ---- words, with release: who sees one sees what was stored before it ---- */

static uint64_t get(const _Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static void set(_Atomic uint64_t *at, uint64_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

/* Readers who looked at the bucket before see that it has changed. */
static void retag(struct dense_bucket *bucket, uint64_t place_and_one)
{
	uint64_t serial = (get(&bucket->tag) + 1) & (((uint64_t)1 << DENSE_SERIAL_BITS) - 1);

	set(&bucket->tag, place_and_one << DENSE_SERIAL_BITS | serial);
}

/* ---- tables ---- */

static size_t slab_size(const struct dense *dense)
{
	size_t quarter = dense->bytes / 4 & -TABLE_SIZE;

	if (dense->bytes >= SLAB_HUGE)
		return SLAB_HUGE;
	return quarter > SLAB_LEAST ? quarter : SLAB_LEAST;
}

static bool add_slab(struct dense *dense)
{
	struct slab *slab = mem_alloc(sizeof(*slab));
	size_t size = slab_size(dense);

	if (!slab)
		return false;
	slab->tables = aligned_alloc(size == SLAB_HUGE ? size : TABLE_SIZE, size);
	if (!slab->tables) {
		free(slab);
		return false;
	}
	if (size == SLAB_HUGE)
		madvise(slab->tables, size, MADV_HUGEPAGE);
	slab->next = dense->slabs;
	dense->slabs = slab;
	dense->bytes += size;
	dense->fresh = slab->tables;
	dense->fresh_end = dense->fresh + size;
	return true;
}

static _Atomic uint64_t *take_table(struct dense *dense)
{
	_Atomic uint64_t *table = dense->free;

	if (table) {
		dense->free = (_Atomic uint64_t *)(uintptr_t)get(table);
		set(table, 0);
		return table;
	}
	if (dense->fresh == dense->fresh_end && !add_slab(dense))
		return NULL;
	table = (_Atomic uint64_t *)(void *)dense->fresh;
	dense->fresh += TABLE_SIZE;
	memset((void *)table, 0, TABLE_SIZE);
	return table;
}

/* ---- buckets ---- */

static struct dense_bucket *find(struct dense_index *index, uint64_t place)
{
	struct dense_bucket *bucket = index ? dense_set_of(index, place)->bucket : NULL;

	for (unsigned int i = 0; bucket && i < DENSE_WAYS; i++)
		if (get(&bucket[i].tag) >> DENSE_SERIAL_BITS == place + 1)
			return &bucket[i];
	return NULL;
}

/* A bucket for a place that has none: one without a table and a count. */
static struct dense_bucket *claim(struct dense_index *index, uint64_t place)
{
	struct dense_bucket *bucket = dense_set_of(index, place)->bucket;

	for (unsigned int i = 0; i < DENSE_WAYS; i++) {
		if (get(&bucket[i].word))
			continue;
		retag(&bucket[i], place + 1);
		return &bucket[i];
	}
	return NULL;
}

static struct dense_index *new_index(unsigned int log2_sets)
{
	size_t sets = (size_t)1 << log2_sets;
	struct dense_index *index = NULL;

	if (!inject_fail())
		index = aligned_alloc(_Alignof(struct dense_index),
				      sizeof(*index) + sets * sizeof(index->sets[0]));
	if (!index)
		return NULL;
	memset((void *)index, 0, sizeof(*index) + sets * sizeof(index->sets[0]));
	index->log2_sets = log2_sets;
	index->shift = 64 - log2_sets;
	return index;
}

static struct dense_bucket *nth_bucket(struct dense_index *index, size_t n)
{
	return &index->sets[n / DENSE_WAYS].bucket[n % DENSE_WAYS];
}

/* Nobody finds the place any more; its table, if it has one, can be another's. */
static void retire(struct dense *dense, struct dense_bucket *bucket)
{
	_Atomic uint64_t *table = dense_table(get(&bucket->word));

	retag(bucket, 0);
	set(&bucket->word, 0);
	if (!table)
		return;
	for (unsigned int i = 0; i < DENSE_PLACE; i++)
		set(&table[i], 0);
	set(table, (uintptr_t)dense->free);
	dense->free = table;
}

/* Puts what is in use into a larger index. What finds no bucket there is not known any more. */
static void move_buckets(struct dense *dense, struct dense_index *from, struct dense_index *to)
{
	for (size_t i = 0; i < (size_t)DENSE_WAYS << from->log2_sets; i++) {
		struct dense_bucket *old = nth_bucket(from, i), *bucket;

		if (!get(&old->word))
			continue;
		bucket = claim(to, (get(&old->tag) >> DENSE_SERIAL_BITS) - 1);
		if (bucket)
			set(&bucket->word, get(&old->word));
		else
			retire(dense, old);
	}
}

static void forget_buckets(struct dense_index *index)
{
	for (size_t i = 0; i < (size_t)DENSE_WAYS << index->log2_sets; i++)
		retag(nth_bucket(index, i), 0);
}

/* A larger index, if there are enough numbers for one; readers that are still in the old one see that it has changed. */
static bool grow(struct dense *dense)
{
	struct dense_index *old = atomic_load_explicit(&dense->index, memory_order_relaxed), *index;
	unsigned int log2_sets = old ? old->log2_sets + 1 : LOG2_SETS_MIN;

	if (dense->taken < INDEX_AT ||
	    sizeof(struct dense_sets) << log2_sets > INDEX_AT * 16 + BYTES_EACH * dense->taken)
		return false;
	index = new_index(log2_sets);
	if (!index)
		return false;
	index->older = old;
	dense->bytes += sizeof(struct dense_sets) << log2_sets;
	if (old)
		move_buckets(dense, old, index);
	atomic_store_explicit(&dense->index, index, memory_order_release);
	if (old)
		forget_buckets(old);
	return true;
}

static struct dense_bucket *find_or_claim(struct dense *dense, uint64_t place)
{
	struct dense_index *index = atomic_load_explicit(&dense->index, memory_order_relaxed);
	struct dense_bucket *bucket = find(index, place);

	if (!bucket && index)
		bucket = claim(index, place);
	if (bucket || !grow(dense))
		return bucket;
	index = atomic_load_explicit(&dense->index, memory_order_relaxed);
	return claim(index, place);
}

static __attribute__((noinline)) struct dense_bucket *look_up(struct dense *dense, uint64_t place,
							      bool claim_one)
{
	struct dense_index *index = atomic_load_explicit(&dense->index, memory_order_relaxed);
	struct dense_bucket *bucket = claim_one ? find_or_claim(dense, place) : find(index, place);

	if (bucket)
		dense->last = bucket;
	return bucket;
}

/* The place's bucket, or NULL. Mostly it is the one as before; those of an older index are nobody's. */
static inline struct dense_bucket *bucket_of(struct dense *dense, uint64_t place, bool claim_one)
{
	struct dense_bucket *bucket = dense->last;

	if (bucket && dense_place_of(bucket) == place + 1)
		return bucket;
	return look_up(dense, place, claim_one);
}

/* The place has no table: its numbers are counted, but for those that came before there was a bucket. True if there are enough. */
static bool count_one(struct dense_bucket *bucket, uint64_t count, int change)
{
	if (change < 0 && !count)
		return false;
	set(&bucket->word, count + change);
	return count + change >= OPEN_AT;
}

/* Stores a word in the table of a place that has one. */
static void store(struct dense *dense, struct dense_bucket *bucket, uint64_t number, uint64_t word)
{
	uint64_t now = get(&bucket->word);
	_Atomic uint64_t *at = &dense_table(now)[number % DENSE_PLACE];

	now += !!word - !!get(at);
	set(at, word);
	set(&bucket->word, now);
	if (!(now & COUNT_MASK))
		retire(dense, bucket);
}

bool dense_put(struct dense *dense, uint64_t number, uint64_t old, uint64_t word)
{
	int change = !!word - !!old;
	struct dense_bucket *bucket;
	uint64_t now;

	dense->taken += change;
	bucket = bucket_of(dense, number >> DENSE_PLACE_SHIFT, change > 0);
	if (!bucket)
		return false;
	now = get(&bucket->word);
	if (!dense_table(now))
		return count_one(bucket, now, change);
	store(dense, bucket, number, word);
	return false;
}

bool dense_open(struct dense *dense, uint64_t number)
{
	struct dense_bucket *bucket = bucket_of(dense, number >> DENSE_PLACE_SHIFT, false);
	_Atomic uint64_t *table = take_table(dense);

	if (!table)
		return false;
	assert(bucket && !dense_table(get(&bucket->word)));
	set(&bucket->word, (uintptr_t)table);
	return true;
}

void dense_fill(struct dense *dense, uint64_t number, uint64_t word)
{
	struct dense_bucket *bucket = bucket_of(dense, number >> DENSE_PLACE_SHIFT, false);

	assert(bucket && dense_table(get(&bucket->word)));
	store(dense, bucket, number, word);
}
