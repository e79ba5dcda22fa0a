/* SPDX-License-Identifier: MIT */
/*
 * What mm_probe() has found out of an address space's areas: a small sorted array of parts of areas
 * that can be pinned.
 *
 * Readers take no lock: they read, and see by a sequence number that nobody wrote meanwhile. One
 * writer at a time. cache_forget() takes no lock either, since a program may unmap memory in a
 * signal handler: where it could matter it makes the whole cache stale, and the next
 * cache_add() starts an empty one.
 */
#ifndef UIOMMUFD_BASE_MM_CACHE_H
#define UIOMMUFD_BASE_MM_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_AREAS 128 /* when full it starts anew; programs have few areas that devices use */

enum {
	AREA_READ = 1,	/* can be pinned for reading */
	AREA_WRITE = 2, /* can be pinned for writing */
	AREA_SHARED = 4,
};

struct cache_area {
	uint64_t start, end;
	uint64_t space; /* of shared areas: struct page_key's */
	uint64_t inode;
	uint64_t offset; /* of start within the file */
	uint64_t flags;	 /* AREA_* */
};

#define CACHE_WORDS	  (sizeof(struct cache_area) / sizeof(uint64_t))
#define CACHE_WORD(field) (offsetof(struct cache_area, field) / sizeof(uint64_t))

struct mm_cache {
	atomic_uint seq;     /* odd while it is written */
	atomic_uint count;   /* areas */
	atomic_uint hint;    /* the area that was asked for last */
	atomic_ulong epoch;  /* what it holds is of this epoch */
	atomic_ulong stale;  /* the epoch now: raised when what it holds may be wrong */
	atomic_ulong change; /* raised by every cache_forget() */
	/* As words, so that readers may look while they change. */
	_Atomic uint64_t areas[CACHE_AREAS][CACHE_WORDS];
};

/* The area that has addr. False: not known. */
bool cache_find(struct mm_cache *cache, uint64_t addr, struct cache_area *ret_area);
/* The same area as last time has all of [start, end), with all of these flags. False says nothing. */
static inline bool cache_hint_holds(struct mm_cache *cache, uint64_t start, uint64_t end,
				    uint64_t flags)
{
	unsigned int seq = atomic_load_explicit(&cache->seq, memory_order_acquire);
	unsigned int i = atomic_load_explicit(&cache->hint, memory_order_relaxed);
	_Atomic uint64_t *area = cache->areas[i];

	return !(seq & 1) && i < atomic_load_explicit(&cache->count, memory_order_acquire) &&
	       atomic_load_explicit(&area[CACHE_WORD(start)], memory_order_acquire) <= start &&
	       atomic_load_explicit(&area[CACHE_WORD(end)], memory_order_acquire) >= end &&
	       !(flags & ~atomic_load_explicit(&area[CACHE_WORD(flags)], memory_order_acquire)) &&
	       atomic_load_explicit(&cache->epoch, memory_order_acquire) ==
		       atomic_load_explicit(&cache->stale, memory_order_acquire) &&
	       atomic_load_explicit(&cache->seq, memory_order_relaxed) == seq;
}

/* Are all of [start, end) known to have all of these flags? */
bool cache_holds(struct mm_cache *cache, uint64_t start, uint64_t end, uint64_t flags);

/*
 * Remembers an area that was looked at after cache_begin() returned `change`, unless something was
 * forgotten since. The caller holds the writers' lock from cache_begin() on.
 */
unsigned long cache_begin(struct mm_cache *cache);
void cache_add(struct mm_cache *cache, const struct cache_area *area, unsigned long change);
/* What is in [start, end) has changed. */
void cache_forget(struct mm_cache *cache, uint64_t start, uint64_t end);

#endif
