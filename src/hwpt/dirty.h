/* SPDX-License-Identifier: MIT */
/*
 * Dirty tracking: which pages devices have written through a page table since it was last asked.
 *
 * A bit stands for the smallest page that the page table can map; a write sets the bits of the whole entry that maps it, for hardware
 * has one dirty bit for an entry. Marking takes no lock (DMA does it); all else is called with the context's lock held.
 */
#ifndef UIOMMUFD_HWPT_DIRTY_H
#define UIOMMUFD_HWPT_DIRTY_H

#include "hwpt/hwpt.h"

/* Marks the entries that map [first, last]; what is not mapped is left out. With the context's lock. -ENOMEM. */
int dirty_mark(struct hwpt_paging *paging, uint64_t first, uint64_t last);
/*
 * Marks the pages of [first, last], which are mapped: for DMA, without a lock. Memory that is missing loses nothing but the mark.
 */
static inline void dirty_mark_pages(struct hwpt_paging *paging, uint64_t first, uint64_t last)
{
	unsigned int shift = paging->dirty_shift;
	uint64_t unit = page_floor(first) >> shift;

	/* Mostly it is one page, and was marked before. */
	if ((first ^ last) < PAGE_SIZE && sparse_bits_has(&paging->dirty, unit, paging->dirty_page))
		return;
	sparse_bits_set(&paging->dirty, unit, (last | (PAGE_SIZE - 1)) >> shift);
}
/* [first, last] was unmapped. */
void dirty_forget(struct hwpt_paging *paging, uint64_t first, uint64_t last);

#endif
