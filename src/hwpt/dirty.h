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
void dirty_mark_pages(struct hwpt_paging *paging, uint64_t first, uint64_t last);
/* [first, last] was unmapped. */
void dirty_forget(struct hwpt_paging *paging, uint64_t first, uint64_t last);

#endif
