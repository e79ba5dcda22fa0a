/* SPDX-License-Identifier: MIT */
/* Sizes of entries. */
#include "hwpt/leaf.h"

/* The largest page size that fits at the front of a run, given what its two addresses are multiples of. */
static uint64_t entry_size(uint64_t sizes, uint64_t addresses, uint64_t length)
{
	uint64_t fitting = sizes;

	if (addresses)
		fitting &= (addresses & -addresses) | ((addresses & -addresses) - 1);
	fitting &= ((uint64_t)1 << (63 - __builtin_clzll(length))) |
		   (((uint64_t)1 << (63 - __builtin_clzll(length))) - 1);
	return fitting ? (uint64_t)1 << (63 - __builtin_clzll(fitting)) : sizes & -sizes;
}

void leaf_find(const struct hwpt_paging *paging, const struct imap_entry *entry, uint64_t iova,
	       uint64_t *ret_first, uint64_t *ret_last)
{
	const struct area *area = entry->value;
	uint64_t page = paging->ioas->huge_pages
				? pages_page_size(area->pages, area_page(area, iova - entry->first))
				: PAGE_SIZE;
	/* Where IOVA 0 would be in memory: what is one page there is one run of entries. */
	uint64_t delta = area->pages->start + area->offset - entry->first;
	uint64_t first = ((iova + delta) & ~(page - 1)) - delta, last = first + page - 1;

	if (first < entry->first || first > iova)
		first = entry->first;
	if (last > entry->last || last < iova)
		last = entry->last;
	for (;;) {
		uint64_t size = entry_size(paging->table.page_sizes, first | (first + delta),
					   last - first + 1);

		if (iova - first < size) {
			*ret_first = first;
			*ret_last = first + size - 1;
			return;
		}
		first += size;
	}
}
