/* SPDX-License-Identifier: MIT */
/*
 * The IOAS: one map from IOVA to memory. It is the single truth for ioctls, for the page tables (HWPTs) that hang on it
 * and for DMA through them: a page table of stage 2 has no entries of its own.
 *
 * Everything is guarded by the context's lock but what DMA reads: `areas` has readers without a lock (container/imap.h),
 * and who removes an area waits for DMA that uses it (container/hazard.h) before the memory goes.
 */
#ifndef UIOMMUFD_IOAS_IOAS_H
#define UIOMMUFD_IOAS_IOAS_H

#include <sys/queue.h>

#include "container/dense.h"
#include "container/imap.h"
#include "container/ranges.h"
#include "core/ctx.h"
#include "core/object.h"
#include "ioas/area.h"

struct access;
struct client;

/* A page table that shows the IOAS: embedded in the paging HWPT. */
struct ioas_table {
	TAILQ_ENTRY(ioas_table) link;
	uint64_t first, last; /* the aperture */
	uint64_t page_sizes;  /* bitmap of what the IOMMU can map */
	bool coherent;	      /* enforces cache coherency */
	/* The area [first, last] has gone, and no DMA is using it any more. May be NULL. */
	void (*unmapped)(struct ioas_table *table, uint64_t first, uint64_t last);
};

struct ioas {
	struct object object;
	struct imap areas;  /* struct area */
	struct dense front; /* by page: a word for an area of one page, see below */
	struct pool area_pool;
	struct ranges reserved, allowed;
	uint64_t alignment; /* of IOVAs, lengths and offsets within a page */
	bool huge_pages;    /* IOMMU_OPTION_HUGE_PAGES */
	TAILQ_HEAD(, ioas_table) tables;
	LIST_HEAD(, access) accesses;
};

extern const struct object_type ioas_type;

/* -ENOMEM. Not published. */
int ioas_new(struct ctx *ctx, struct ioas **ret_ioas);
/* The published IOAS of this id, or NULL. */
struct ioas *ioas_find(struct ctx *ctx, uint32_t id);

/*
 * IOMMU_OPTION_HUGE_PAGES. -EINVAL: neither 0 nor 1, or 0 while there are both page tables and areas; -EADDRINUSE: an area does not
 * fit whole pages.
 */
int ioas_set_huge_pages(struct ioas *ioas, uint64_t value);

/* ---- what may be mapped (ranges.c) ---- */

/* Keeps [first, last] free of mappings until `owner` lets go. -EADDRINUSE: an area or an allowed range is there; -ENOMEM. */
int ioas_reserve(struct ioas *ioas, uint64_t first, uint64_t last, const void *owner);
void ioas_unreserve(struct ioas *ioas, const void *owner);
/*
 * Sets the alignment to what tables, accesses and options ask now, with at least `wanted`. -EADDRINUSE: an area does not
 * fit; nothing has changed then.
 */
int ioas_update_alignment(struct ioas *ioas, uint64_t wanted);

/* ---- page tables (tables.c) ---- */

/*
 * Shows all areas to a page table too. -EADDRINUSE: an area, an allowed range or the alignment is in the way; -EINVAL: pages
 * larger than the system's, or an area without permissions; -EFAULT, -EINVAL, -ENOMEM of pinning.
 */
int ioas_add_table(struct ioas *ioas, struct ioas_table *table);
void ioas_remove_table(struct ioas *ioas, struct ioas_table *table);

/* ---- what DMA sees (host.c) ---- */

/* A word of the front: the host pointer, and in its low bits IOMMU_IOAS_MAP_READABLE | WRITEABLE. */
#define IOAS_FRONT_PERM ((uint64_t)7)

/*
 * Where an area of the map is in memory has changed; NULL: DMA takes the slow way. Who takes a pointer away waits for DMA that may use it
 * before the memory goes, as after imap_remove(), and changes the map's versions (imap_touch()).
 */
void ioas_set_host(struct ioas *ioas, const struct imap_entry *entry, char *host);
/* An area, whose pointer is set, has come into the map; is about to leave it, or to change its range. */
void ioas_show_front(struct ioas *ioas, const struct imap_entry *entry);
void ioas_hide_front(struct ioas *ioas, const struct imap_entry *entry);

/* ---- mapping (map.c, place.c, unmap.c) ---- */

/* A part of a page-set to be mapped. */
struct piece {
	struct pages *pages;
	uint64_t offset; /* bytes from the page-set's first page */
	uint64_t length;
};

/*
 * Maps pieces side by side at *iova, or where there is room if !fixed (then *iova is set). Takes a reference on each
 * page-set. `flags`: IOMMU_IOAS_MAP_*. For the errors see include/uiommufd/iommufd.h, IOMMU_IOAS_MAP; nothing is mapped then.
 */
int ioas_map_pieces(struct ioas *ioas, const struct piece *pieces, size_t n, uint32_t flags,
		    uint64_t *iova);
/* Maps a range of the client's addresses, as IOMMU_IOAS_MAP. */
int ioas_map_user(struct ioas *ioas, struct client *client, const struct memory_range *range,
		  uint32_t flags, uint64_t *iova);
/*
 * Where `length` bytes fit, whose memory is at `base` (an address or file offset). -EINVAL: their alignment is less than
 * the IOAS asks; -EOVERFLOW; -ENOSPC.
 */
int ioas_place(struct ioas *ioas, uint64_t base, uint64_t length, uint64_t *ret_iova);

/*
 * Removes all areas in [first, last], lowest first; *ret_removed says how many bytes, also on failure. May drop the
 * context's lock while accesses let go. -EBUSY: locked; -ENOENT: an area sticks out; -EDEADLOCK: accesses never let go.
 */
int ioas_unmap(struct ioas *ioas, uint64_t first, uint64_t last, uint64_t *ret_removed);

/*
 * Cuts the area that holds `iova` behind it, unless it begins or ends there. -EBUSY: an UNMAP waits; -EINVAL: pinned by an
 * access, misaligned, or page tables may use large pages; -EOPNOTSUPP: a dma-buf; -ENOMEM.
 */
int ioas_cut_after(struct ioas *ioas, uint64_t iova);

/*
 * Memory behind page-sets has come or gone (a dma-buf was revoked): when this returns, DMA sees it as it is now. Takes RANK_CONTEXTS
 * and RANK_CONTEXT.
 */
void ioas_memory_changed(struct machine *machine);

#endif
