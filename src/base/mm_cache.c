/* SPDX-License-Identifier: MIT */
/*
 * Words are stored with release and loaded with acquire: who sees a new word also sees that the
 * sequence number is odd, or another one. On x86 these are plain moves.
 */
#include "base/mm_cache.h"

#include <stddef.h>
#include <string.h>

static uint64_t word(struct mm_cache *cache, unsigned int i, size_t offset)
{
	return atomic_load_explicit(&cache->areas[i][offset / sizeof(uint64_t)],
				    memory_order_acquire);
}

#define AREA_WORD(cache, i, field) word(cache, i, offsetof(struct cache_area, field))

static void area_load(struct mm_cache *cache, unsigned int i, struct cache_area *ret_area)
{
	uint64_t words[CACHE_WORDS];

	for (size_t w = 0; w < CACHE_WORDS; w++)
		words[w] = atomic_load_explicit(&cache->areas[i][w], memory_order_acquire);
	memcpy(ret_area, words, sizeof(words));
}

static void area_store(struct mm_cache *cache, unsigned int i, const struct cache_area *area)
{
	uint64_t words[CACHE_WORDS];

	memcpy(words, area, sizeof(words));
	for (size_t w = 0; w < CACHE_WORDS; w++)
		atomic_store_explicit(&cache->areas[i][w], words[w], memory_order_release);
}

/* False: being written, or stale. */
static bool read_begin(struct mm_cache *cache, unsigned int *ret_seq)
{
	*ret_seq = atomic_load_explicit(&cache->seq, memory_order_acquire);
	return !(*ret_seq & 1) && atomic_load_explicit(&cache->epoch, memory_order_acquire) ==
					  atomic_load_explicit(&cache->stale, memory_order_acquire);
}

static bool read_held(struct mm_cache *cache, unsigned int seq)
{
	return atomic_load_explicit(&cache->seq, memory_order_relaxed) == seq;
}

static unsigned int count_of(struct mm_cache *cache)
{
	unsigned int count = atomic_load_explicit(&cache->count, memory_order_acquire);

	return count <= CACHE_AREAS ? count : CACHE_AREAS;
}

/* The first area that ends above addr; the count if there is none. */
static unsigned int search(struct mm_cache *cache, uint64_t addr)
{
	unsigned int low = 0, high = count_of(cache);

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (AREA_WORD(cache, middle, end) > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool covers(struct mm_cache *cache, unsigned int i, uint64_t addr)
{
	return i < count_of(cache) && AREA_WORD(cache, i, start) <= addr &&
	       addr < AREA_WORD(cache, i, end);
}

/* The area that holds addr; CACHE_AREAS if there is none. */
static unsigned int find(struct mm_cache *cache, uint64_t addr)
{
	unsigned int i = atomic_load_explicit(&cache->hint, memory_order_relaxed);

	if (covers(cache, i, addr))
		return i;
	i = search(cache, addr);
	if (!covers(cache, i, addr))
		return CACHE_AREAS;
	atomic_store_explicit(&cache->hint, i, memory_order_relaxed);
	return i;
}

bool cache_find(struct mm_cache *cache, uint64_t addr, struct cache_area *ret_area)
{
	struct cache_area area;
	unsigned int seq, i;

	if (!read_begin(cache, &seq))
		return false;
	i = find(cache, addr);
	if (i == CACHE_AREAS)
		return false;
	area_load(cache, i, &area);
	if (!read_held(cache, seq))
		return false;
	*ret_area = area;
	return true;
}

bool cache_holds(struct mm_cache *cache, uint64_t start, uint64_t end, uint64_t flags)
{
	unsigned int seq, i;

	if (!read_begin(cache, &seq))
		return false;
	for (uint64_t at = start; at < end; at = AREA_WORD(cache, i, end)) {
		i = find(cache, at);
		if (i == CACHE_AREAS || (AREA_WORD(cache, i, flags) & flags) != flags ||
		    !read_held(cache, seq))
			return false;
	}
	return read_held(cache, seq);
}

unsigned long cache_begin(struct mm_cache *cache)
{
	return atomic_load(&cache->change);
}

/* Without those that the new one overlaps, of the epoch before it, or any if there is no room. */
static unsigned int make_room(struct mm_cache *cache, const struct cache_area *area,
			      unsigned int *ret_at)
{
	unsigned int count = count_of(cache), kept = 0;
	struct cache_area old;

	if (atomic_load(&cache->epoch) != atomic_load(&cache->stale) || count == CACHE_AREAS)
		count = 0;
	*ret_at = 0;
	for (unsigned int i = 0; i < count; i++) {
		area_load(cache, i, &old);
		if (old.start < area->end && area->start < old.end)
			continue;
		area_store(cache, kept++, &old);
		if (old.end <= area->start)
			*ret_at = kept;
	}
	return kept;
}

void cache_add(struct mm_cache *cache, const struct cache_area *area, unsigned long change)
{
	unsigned long now = atomic_load(&cache->stale);
	unsigned int count, at;
	struct cache_area moved;

	if (atomic_load(&cache->change) != change)
		return;
	atomic_fetch_add(&cache->seq, 1);
	count = make_room(cache, area, &at);
	for (unsigned int i = count; i > at; i--) {
		area_load(cache, i - 1, &moved);
		area_store(cache, i, &moved);
	}
	area_store(cache, at, area);
	atomic_store(&cache->count, count + 1);
	atomic_store(&cache->epoch, now);
	atomic_fetch_add(&cache->seq, 1);
	/* may_overlap() tells why this finds whatever was forgotten meanwhile. */
	if (atomic_load(&cache->change) != change)
		atomic_fetch_add(&cache->stale, 1);
}

/*
 * Adding nothing orders this against cache_add()'s own additions: it comes before the first, and
 * then the change is seen there, or after the last, and then the area is seen here, or in between.
 */
static bool may_overlap(struct mm_cache *cache, uint64_t start, uint64_t end)
{
	unsigned int seq, i;
	bool overlaps;

	atomic_fetch_add(&cache->seq, 0);
	if (!read_begin(cache, &seq))
		return true;
	i = search(cache, start);
	overlaps = i < count_of(cache) && AREA_WORD(cache, i, start) < end;
	return overlaps || !read_held(cache, seq);
}

void cache_forget(struct mm_cache *cache, uint64_t start, uint64_t end)
{
	atomic_fetch_add(&cache->change, 1);
	if (may_overlap(cache, start, end))
		atomic_fetch_add(&cache->stale, 1);
}
