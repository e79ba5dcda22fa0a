/* SPDX-License-Identifier: MIT */
/* The cache of translations. Each entry is a small seqlock: its version is odd while a thread changes it. */
#include "iommu/iotlb.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/machine_impl.h"
#include "core/sanitizer.h"

#define MAX_WAYS  4
#define LINE	  64
#define PERM_MASK 0xfffull /* addresses are of pages: the low bits hold the permissions */

/* Half a cache line. All words are stored with release and loaded with acquire: a reader of a later word sees the later version too. */
struct iotlb_entry {
	_Atomic uint64_t version;
	_Atomic uint64_t key;  /* id << 8 | shift; 0: empty */
	_Atomic uint64_t page; /* va >> shift */
	_Atomic uint64_t data; /* address | perm */
};

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static uint32_t round_up(uint32_t n)
{
	return n <= 1 ? n : 1u << (32 - __builtin_clz(n - 1));
}

int iotlb_init(struct iotlb *cache, uint32_t entries, uint64_t seed)
{
	*cache = (struct iotlb){.seed = seed};
	if (entries > IOTLB_MAX)
		return -EINVAL;
	if (!entries)
		return 0;
	entries = round_up(entries);
	cache->ways = entries < MAX_WAYS ? entries : MAX_WAYS;
	cache->sets = entries / cache->ways;
	cache->memory = mem_zalloc(entries * sizeof(struct iotlb_entry) + LINE);
	if (!cache->memory)
		return -ENOMEM;
	cache->entries = (void *)(((uintptr_t)cache->memory + LINE - 1) & -(uintptr_t)LINE);
	return 0;
}

int iotlb_keep_times(struct iotlb *cache)
{
	if (!cache->entries)
		return 0;
	cache->times = mem_zalloc((size_t)cache->sets * cache->ways * sizeof(*cache->times));
	return cache->times ? 0 : -ENOMEM;
}

int iotlb_init_in(struct iotlb *cache, const struct machine *machine, uint32_t entries,
		  uint64_t seed)
{
	int rc = iotlb_init(cache, entries, seed);

	if (!rc && machine->sanitizer) {
		rc = iotlb_keep_times(cache);
		if (rc)
			iotlb_done(cache);
	}
	return rc;
}

struct iotlb_times *iotlb_times_of(const struct iotlb *cache, const _Atomic uint64_t *version)
{
	const char *at = (const char *)version, *start = (const char *)cache->entries;
	size_t bytes = (size_t)cache->sets * cache->ways * sizeof(struct iotlb_entry);

	if (!cache->times || at < start || at >= start + bytes)
		return NULL;
	return &cache->times[(size_t)(at - start) / sizeof(struct iotlb_entry)];
}

void iotlb_done(struct iotlb *cache)
{
	free(cache->times);
	free(cache->memory);
	*cache = (struct iotlb){0};
}

void iotlb_space_init(struct iotlb_space *space, uint64_t id)
{
	space->id = id;
	atomic_init(&space->epoch, 0);
	atomic_init(&space->sizes, 0);
}

void iotlb_space_has(struct iotlb_space *space, unsigned int shift)
{
	uint64_t size = (uint64_t)1 << shift;

	if (!(load(&space->sizes) & size))
		atomic_fetch_or(&space->sizes, size);
}

static uint64_t key_of(const struct iotlb_space *space, unsigned int shift)
{
	return space->id << 8 | shift;
}

/* Any good mixing of bits; this is the finalizer of SplitMix64 by its published constants. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* Neighbours in the address space are in neighbouring sets, spaces are scattered. */
static struct iotlb_entry *set_of(const struct iotlb *cache, uint64_t key, uint64_t page)
{
	uint64_t set = (page ^ key * 0x9e3779b97f4a7c15ull >> 40) & (cache->sets - 1);

	return &cache->entries[set * cache->ways];
}

/* ---- DMA ---- */

/* What the entry holds, if it is for the page and stands still. */
static bool read_entry(const struct iotlb_entry *entry, uint64_t key, uint64_t page,
		       uint64_t *ret_data, uint64_t *ret_version)
{
	uint64_t version = load(&entry->version);

	if (load(&entry->key) != key || load(&entry->page) != page)
		return false;
	*ret_data = load(&entry->data);
	*ret_version = version;
	return !(version & 1) && load(&entry->version) == version;
}

bool iotlb_find(const struct iotlb *cache, const struct iotlb_space *space, uint64_t sizes,
		uint64_t va, uint32_t perm, struct iotlb_hit *ret_hit)
{
	for (; cache->entries && sizes; sizes &= sizes - 1) {
		unsigned int shift = __builtin_ctzll(sizes);
		uint64_t key = key_of(space, shift), page = va >> shift, data, version;
		const struct iotlb_entry *set = set_of(cache, key, page);

		for (uint32_t i = 0; i < cache->ways; i++) {
			if (!read_entry(&set[i], key, page, &data, &version) ||
			    (data & perm) != perm)
				continue;
			*ret_hit = (struct iotlb_hit){.address = data & ~PERM_MASK,
						      .shift = shift,
						      .perm = data & PERM_MASK,
						      .version = &set[i].version,
						      .seen = version};
			return true;
		}
	}
	return false;
}

/* Makes the version odd, unless another thread has done so: false. */
static bool lock_entry(struct iotlb_entry *entry, uint64_t *ret_version)
{
	*ret_version = load(&entry->version);
	return !(*ret_version & 1) &&
	       atomic_compare_exchange_strong(&entry->version, ret_version, *ret_version + 1);
}

/* The entry to be overwritten: the page's own, an empty one, or one by lot. */
static struct iotlb_entry *choose(struct iotlb *cache, struct iotlb_entry *set, uint64_t key,
				  uint64_t page)
{
	struct iotlb_entry *empty = NULL;

	for (uint32_t i = 0; i < cache->ways; i++) {
		uint64_t has = load(&set[i].key);

		if (has == key && load(&set[i].page) == page)
			return &set[i];
		if (!has && !empty)
			empty = &set[i];
	}
	if (empty)
		return empty;
	return &set[mix(cache->seed + atomic_fetch_add(&cache->evictions, 1)) & (cache->ways - 1)];
}

static void stamp(struct iotlb *cache, const struct iotlb_entry *entry)
{
	struct iotlb_times *times;

	if (!cache->times)
		return;
	times = &cache->times[entry - cache->entries];
	store(&times->born, sanitizer_now());
	store(&times->checked, load(&times->born));
}

void iotlb_insert(struct iotlb *cache, const struct iotlb_space *space, uint64_t epoch, uint64_t va,
		  struct iotlb_hit *hit)
{
	uint64_t key = key_of(space, hit->shift), page = va >> hit->shift, version;
	struct iotlb_entry *entry;

	hit->version = NULL;
	if (!cache->entries || epoch & 1)
		return;
	entry = choose(cache, set_of(cache, key, page), key, page);
	if (!lock_entry(entry, &version))
		return;
	if (atomic_load(&space->epoch) == epoch) {
		store(&entry->key, key);
		store(&entry->page, page);
		store(&entry->data, hit->address | hit->perm);
		hit->version = &entry->version;
		hit->seen = version + 2;
		stamp(cache, entry);
	}
	store(&entry->version, version + 2);
}

/* ---- invalidation ---- */

void iotlb_space_change(struct iotlb_space *space)
{
	atomic_fetch_add(&space->epoch, 1);
}

void iotlb_space_settle(struct iotlb_space *space)
{
	atomic_fetch_add(&space->epoch, 1);
}

/* Empties the entry if it holds the page; waits for a thread that is writing it, which is a few stores away from its end. */
static void drop(struct iotlb_entry *entry, uint64_t key, uint64_t first_page, uint64_t last_page)
{
	for (;;) {
		uint64_t version = atomic_load(&entry->version), page;

		if (version & 1) {
			sched_yield();
			continue;
		}
		page = load(&entry->page);
		if (load(&entry->key) == key && page >= first_page && page <= last_page) {
			if (!lock_entry(entry, &version))
				continue;
			store(&entry->key, 0);
			store(&entry->version, version + 2);
			return;
		}
		if (atomic_load(&entry->version) == version)
			return;
	}
}

static void drop_all(struct iotlb *cache, uint64_t key, uint64_t first_page, uint64_t last_page)
{
	for (uint32_t i = 0; i < cache->sets * cache->ways; i++)
		drop(&cache->entries[i], key, first_page, last_page);
}

static void drop_pages(struct iotlb *cache, uint64_t key, uint64_t first_page, uint64_t last_page)
{
	for (uint64_t page = first_page;; page++) {
		struct iotlb_entry *set = set_of(cache, key, page);

		for (uint32_t i = 0; i < cache->ways; i++)
			drop(&set[i], key, page, page);
		if (page == last_page)
			return;
	}
}

void iotlb_invalidate(struct iotlb *cache, const struct iotlb_space *space, uint64_t sizes,
		      uint64_t first, uint64_t last)
{
	for (; cache->entries && sizes; sizes &= sizes - 1) {
		unsigned int shift = __builtin_ctzll(sizes);
		uint64_t first_page = first >> shift, last_page = last >> shift;

		if (last_page - first_page >= cache->sets)
			drop_all(cache, key_of(space, shift), first_page, last_page);
		else
			drop_pages(cache, key_of(space, shift), first_page, last_page);
	}
}

void iotlb_touch(struct iotlb *cache)
{
	uint64_t version;

	for (uint32_t i = 0; cache->entries && i < cache->sets * cache->ways; i++) {
		while (!lock_entry(&cache->entries[i], &version))
			; /* whoever is writing is a few stores away from its end */
		store(&cache->entries[i].version, version + 2);
	}
}

uint32_t iotlb_count(const struct iotlb *cache, const struct iotlb_space *space)
{
	uint32_t n = 0;

	for (uint32_t i = 0; cache->entries && i < cache->sets * cache->ways; i++)
		n += load(&cache->entries[i].key) >> 8 == space->id;
	return n;
}
