/* SPDX-License-Identifier: MIT */
/*
 * A cache of translations, as IOMMUs and devices have them: IOTLBs, paging-structure caches, device TLBs.
 *
 * What is in it stays until it is evicted or invalidated, and no longer; eviction happens on insertion alone and follows from a seed. Lookups and
 * insertions are for DMA, inside of sections (container/hazard.h): they take no lock and never wait. Invalidations are for whoever owns
 * the address space, one at a time for each space.
 *
 * The promise: after
 *
 *	iotlb_space_change(space);
 *	iotlb_invalidate(cache, space, ...);		in every cache that has translations of the space
 *	iotlb_space_settle(space);
 *	hazard_wait(hazard, 0, UINT64_MAX);
 *
 * no translation of what was invalidated is in use, nor in any of the caches. Why: an insertion names the epoch of the space that was
 * current before the first word was read that it rests on, be it from a table or from a cache (iotlb_space_epoch()). It first locks the
 * entry, then looks at the epoch; the invalidation first changes the epoch, then looks at the entry. So either the invalidation sees
 * the entry, or the insertion sees the epoch and leaves it. The epoch is odd, and nothing is inserted, until the last of the caches has
 * been gone through: what is found in one of them meanwhile may be old, and would otherwise come into another.
 *
 * An entry has a version, which changes with whatever happens to it. Who remembers a translation with the version can ask by one
 * load if it is still there.
 */
#ifndef UIOMMUFD_IOMMU_IOTLB_H
#define UIOMMUFD_IOMMU_IOTLB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct iotlb_entry;
struct machine;

/* What options of models say of a cache: so many entries at most; none; 0 is the model's own number. */
#define IOTLB_MAX  (1u << 20)
#define IOTLB_NONE UINT32_MAX

static inline uint32_t iotlb_entries(uint32_t option, uint32_t by_default)
{
	return option == IOTLB_NONE ? 0 : option ? option : by_default;
}

struct iotlb {
	struct iotlb_entry *entries; /* NULL: it has none, and holds nothing */
	void *memory;
	uint32_t sets, ways; /* sets: a power of two */
	uint64_t seed;
	_Atomic uint64_t evictions;
	struct iotlb_times *times; /* iotlb_keep_times(), or NULL */
};

/* When a translation came, and when it was last seen to be right (sanitizer_now()). */
struct iotlb_times {
	_Atomic uint64_t born, checked;
};

/* The translations of one address space, in however many caches. */
struct iotlb_space {
	uint64_t id; /* 56 bits, not 0; told apart from all others in these caches */
	_Atomic uint64_t epoch;
	_Atomic uint64_t
		sizes; /* bitmap of log2 of the pages that have come up, see iotlb_space_has() */
};

struct iotlb_hit {
	uint64_t address; /* of the page's first byte; or of a table */
	unsigned int shift;
	uint32_t perm; /* enum pt_perm */
	const _Atomic uint64_t *version;
	uint64_t seen;
};

/*
 * `entries` is rounded up to a power of two; 0: nothing is ever cached. At most four entries compete for a translation. -ENOMEM;
 * -EINVAL: more than IOTLB_MAX.
 */
int iotlb_init(struct iotlb *cache, uint32_t entries, uint64_t seed);
/* The same for a machine: with times (iotlb_keep_times()) if it has a sanitizer. */
int iotlb_init_in(struct iotlb *cache, const struct machine *machine, uint32_t entries,
		  uint64_t seed);
void iotlb_done(struct iotlb *cache);
/* For the sanitizer, before the first use. -ENOMEM. */
int iotlb_keep_times(struct iotlb *cache);
/* The times of the entry whose version this is, if it is one of this cache; else NULL. */
struct iotlb_times *iotlb_times_of(const struct iotlb *cache, const _Atomic uint64_t *version);

void iotlb_space_init(struct iotlb_space *space, uint64_t id);

/* To be taken before anything is read that an insertion will rest on. */
static inline uint64_t iotlb_space_epoch(const struct iotlb_space *space)
{
	return atomic_load_explicit(&space->epoch, memory_order_acquire);
}

/* ---- DMA ---- */

/* Before a page of that size is inserted: who invalidates must know which sizes to look for. */
void iotlb_space_has(struct iotlb_space *space, unsigned int shift);
static inline uint64_t iotlb_space_sizes(const struct iotlb_space *space)
{
	return atomic_load(&space->sizes);
}
/* A translation of `va` by a page of one of `sizes` (a bitmap), smallest first, that allows all of `perm`. */
bool iotlb_find(const struct iotlb *cache, const struct iotlb_space *space, uint64_t sizes,
		uint64_t va, uint32_t perm, struct iotlb_hit *ret_hit);
/*
 * Remembers hit->address, shift and perm for the page of `va`; sets hit->version, or NULL if it was not taken: the space has changed since `epoch`,
 * another thread is at that entry, or the cache has none.
 */
void iotlb_insert(struct iotlb *cache, const struct iotlb_space *space, uint64_t epoch, uint64_t va,
		  struct iotlb_hit *hit);

/* ---- invalidation ---- */

void iotlb_space_change(struct iotlb_space *space);
/* Drops all pages of the space, of the given sizes, that have a byte in [first, last]. */
void iotlb_invalidate(struct iotlb *cache, const struct iotlb_space *space, uint64_t sizes,
		      uint64_t first, uint64_t last);
void iotlb_space_settle(struct iotlb_space *space);

/*
 * Drops nothing, but all versions change: what has been remembered by them has to be looked up again. For when something in front of the cache
 * has changed.
 */
void iotlb_touch(struct iotlb *cache);

/* How many translations of a space are there; for tests and reports. */
uint32_t iotlb_count(const struct iotlb *cache, const struct iotlb_space *space);

#endif
