/* SPDX-License-Identifier: MIT */
/* The page that memory is pinned and charged in: 4 KiB, as on the machines that we stand for. */
#ifndef UIOMMUFD_MEM_PAGE_H
#define UIOMMUFD_MEM_PAGE_H

#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT)

/* The largest alignment that an automatic IOVA gets: a PMD's page (2 MiB), as Linux with transparent hugepages. */
#define PAGE_SIZE_PMD ((uint64_t)2 << 20)

static inline uint64_t page_floor(uint64_t at)
{
	return at & ~(PAGE_SIZE - 1);
}

static inline uint64_t page_ceil(uint64_t at)
{
	return (at + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static inline uint64_t page_offset(uint64_t at)
{
	return at & (PAGE_SIZE - 1);
}

#endif
