/* SPDX-License-Identifier: MIT */
/*
 * Areas: what an IOAS maps at a range of IOVAs, a part of a page-set. The range itself is the area's key in the IOAS's
 * map (ioas->areas), so it is not repeated here; an area has to stay small, for there may be a million.
 */
#ifndef UIOMMUFD_IOAS_AREA_H
#define UIOMMUFD_IOAS_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/pages.h"

struct area {
	struct pages *pages;
	uint64_t offset; /* bytes from the page-set's first page to the area's first byte */
	/*
	 * Where the first byte is in our memory, if page tables show the area and all of it is in one piece: what DMA uses
	 * without a lock. NULL: DMA takes the slow way (device/dma.h).
	 */
	char *_Atomic host;
	uint32_t pins;	/* of accesses */
	uint16_t locks; /* of accesses that can't let go: UNMAP is refused */
	uint8_t perm;	/* IOMMU_IOAS_MAP_READABLE | WRITEABLE */
	bool closing;	/* an UNMAP waits for the accesses: no new pins */
};

/* The page indices, in the page-set, of bytes first..last of the area. */
static inline uint64_t area_page(const struct area *area, uint64_t byte)
{
	return (area->offset + byte) >> PAGE_SHIFT;
}

#endif
