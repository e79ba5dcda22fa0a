/* SPDX-License-Identifier: MIT */
/*
 * What DMA sees of areas without a lock: the pointer in the area, and for areas of one page, of which there may be a million, a word in front
 * of the map (container/dense.h), so that a look-up among many costs one miss of the caches.
 */
#include <uiommufd/iommufd.h>

#include "ioas/ioas.h"

_Static_assert((IOAS_FRONT_PERM & (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)) ==
		       (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE),
	       "permissions and a pointer share a word");

/* The area's word; 0 if it has none. */
static uint64_t word_of(const struct imap_entry *entry)
{
	const struct area *area = entry->value;
	uint64_t host = (uintptr_t)atomic_load_explicit(&area->host, memory_order_relaxed);

	if (!host || page_offset(entry->first) || entry->last - entry->first != PAGE_SIZE - 1)
		return 0;
	return host & IOAS_FRONT_PERM ? 0 : host | area->perm;
}

static void fill(const struct imap_entry *entry, void *arg)
{
	struct ioas *ioas = arg;
	uint64_t word = word_of(entry);

	if (word)
		dense_fill(&ioas->front, entry->first >> PAGE_SHIFT, word);
}

static void put(struct ioas *ioas, uint64_t page, uint64_t old, uint64_t word)
{
	uint64_t first = page & -(uint64_t)DENSE_PLACE;

	if (old != word && dense_put(&ioas->front, page, old, word) &&
	    dense_open(&ioas->front, page))
		imap_visit(&ioas->areas, first << PAGE_SHIFT,
			   ((first + DENSE_PLACE) << PAGE_SHIFT) - 1, fill, ioas);
}

void ioas_set_host(struct ioas *ioas, const struct imap_entry *entry, char *host)
{
	struct area *area = entry->value;
	uint64_t old = word_of(entry);

	atomic_store_explicit(&area->host, host, memory_order_release);
	put(ioas, entry->first >> PAGE_SHIFT, old, word_of(entry));
}

void ioas_show_front(struct ioas *ioas, const struct imap_entry *entry)
{
	put(ioas, entry->first >> PAGE_SHIFT, 0, word_of(entry));
}

void ioas_hide_front(struct ioas *ioas, const struct imap_entry *entry)
{
	put(ioas, entry->first >> PAGE_SHIFT, word_of(entry), 0);
}
