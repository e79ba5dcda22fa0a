/* SPDX-License-Identifier: MIT */
/*
 * DMA: what a device model's threads do with IOVAs.
 *
 * A port is one thread's way to do DMA for one device. It takes no lock and never waits for an ioctl: it announces the range that it is
 * about to touch (container/hazard.h), finds the page table that the RID or PASID is attached to, looks the IOVA up in its IOAS, and
 * copies. When UNMAP, a detach or a replace returns, no DMA through the old translation is running and none can start. Memory that is not
 * in this process, or not where it was mapped, is reached under the context's lock instead.
 *
 * A port must not be used by two threads at once, nor from a thread that holds the context's lock.
 */
#ifndef UIOMMUFD_DEVICE_DMA_H
#define UIOMMUFD_DEVICE_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/iommufd.h>

#include "base/spin.h"
#include "container/hazard.h"
#include "device/device.h"

/* A translation that a port has used, and what must still be so for it to be good. */
struct dma_hit {
	uint64_t first, span;		 /* IOVAs: the first, and how far the last one is from it */
	char *host;			 /* of `first` */
	const _Atomic uint64_t *version; /* of the map (imap_version()) */
	uint64_t seen;
	uint64_t changes; /* of the device's attachments */
	struct hwpt_paging *paging;
	uint32_t pasid; /* DMA_NOTHING: none */
	uint32_t perm;	/* IOMMU_IOAS_MAP_READABLE | WRITEABLE */
};

#define DMA_NOTHING UINT32_MAX /* no PASID */

/*
 * Like an IOTLB's, a port's entries are of two kinds, by the size of what is mapped, so that random accesses to large areas and to small ones each find
 * theirs: an entry holds a whole area, and its place comes from the 2 MiB or the page that was asked for.
 */
#define DMA_LARGE_SHIFT 21
#define DMA_LARGE_HITS	256
#define DMA_SMALL_HITS	64

struct nested_hit;

/* The page table that a port has used last, good for as long as the device's attachments are the same. */
struct dma_table {
	struct hwpt_paging *paging;
	uint64_t changes;
	uint32_t pasid; /* DMA_NOTHING: none */
};

struct dma_port {
	struct device *device;
	struct hazard_slot *slot;
	const struct dma_hit *last[2]; /* of `hits`: what was read last, and what was written */
	struct dma_table table;
	struct dma_hit *hits;	   /* the large ones, then the small ones */
	struct nested_hit *nested; /* of stage 1 (device/nested.c) */
	bool repairable;	   /* the last failure was one that a page request may help */
	struct stage1 refused;	   /* what stage 1 said to it */
	struct spin spin;	   /* of waits for pages */
};

/* -ENOMEM. The device outlives its ports. */
int dma_port_init(struct dma_port *port, struct device *device);
void dma_port_done(struct dma_port *port);

/*
 * Copies `len` bytes from or to IOVAs of the RID (pasid 0) or a PASID. 0; -EFAULT: nothing is attached, mapped or permitted there, or the
 * memory has gone; part may have been copied then, and *ret_fault (which may be NULL) is the first IOVA that was not.
 */
int dma_read(struct dma_port *port, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	     uint64_t *ret_fault);
int dma_write(struct dma_port *port, uint32_t pasid, uint64_t iova, const void *buf, size_t len,
	      uint64_t *ret_fault);

/* All that an access can be. */
struct dma_access {
	uint32_t pasid; /* 0: the RID */
	uint32_t perm;	/* enum pt_perm, one or more: decides the direction, too */
	uint64_t iova;
	void *buf;
	size_t len;
};

/* As dma_read() and dma_write(). */
int dma_copy(struct dma_port *port, const struct dma_access *access, uint64_t *ret_fault);

/* The permission that an area must have. */
static inline uint32_t dma_perm(bool write)
{
	return write ? IOMMU_IOAS_MAP_WRITEABLE : IOMMU_IOAS_MAP_READABLE;
}

/* What the port remembers, is it still so, and of this address? */
static inline bool dma_hit_is_good(const struct dma_port *port, const struct dma_hit *hit,
				   uint32_t pasid, uint64_t iova)
{
	/* The device first: the map is alive while its attachments are the same. */
	return iova - hit->first <= hit->span && pasid == hit->pasid &&
	       atomic_load_explicit(&port->device->changes, memory_order_acquire) == hit->changes &&
	       atomic_load_explicit(hit->version, memory_order_acquire) == hit->seen;
}

/* The entry that was used last, if it is good for this access; or NULL. */
static inline const struct dma_hit *dma_last_hit(const struct dma_port *port, uint32_t pasid,
						 uint64_t iova, bool write)
{
	const struct dma_hit *hit = port->last[write];

	return dma_hit_is_good(port, hit, pasid, iova) && hit->perm & dma_perm(write) ? hit : NULL;
}

/* dma_translate() by other ways than what was used last. */
char *dma_search(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len, bool write);
/* A write of an area whose page table tracks them: marks it. `host` again. */
char *dma_mark(char *host, struct hwpt_paging *paging, uint64_t iova, size_t len);

/* What lies behind an address of an entry: see dma_translate(). */
static inline char *dma_use_hit(const struct dma_hit *hit, uint64_t iova, size_t *len, bool write)
{
	uint64_t offset = iova - hit->first;

	if (hit->span - offset < *len - 1)
		*len = hit->span - offset + 1;
	if (write && atomic_load_explicit(&hit->paging->tracking, memory_order_relaxed))
		return dma_mark(hit->host + offset, hit->paging, iova, *len);
	return hit->host + offset;
}

/*
 * For models that work on memory in place: between dma_enter() and dma_leave(), dma_translate() gives the address behind an IOVA of the
 * range that was entered, good until dma_leave(). *len (in: what is wanted, at least 1) becomes what follows in one piece. NULL: as -EFAULT above, or
 * memory that can only be copied. In between no ioctl may be waited for. Accesses go through guard_copy(): the program can take the
 * memory's permissions away.
 */
static inline void dma_enter(struct dma_port *port, uint64_t first, uint64_t last)
{
	/* A walk of stage 1 goes anywhere. If this changes just now, such a page table is not walked in this section (device/nested.h). */
	if (atomic_load_explicit(&port->device->nested, memory_order_relaxed))
		hazard_enter(port->slot, 0, UINT64_MAX);
	else
		hazard_enter(port->slot, first, last);
}

static inline char *dma_translate(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len,
				  bool write)
{
	const struct dma_hit *hit = dma_last_hit(port, pasid, iova, write);

	if (__builtin_expect(!!hit, 1))
		return dma_use_hit(hit, iova, len, write);
	return dma_search(port, pasid, iova, len, write);
}

static inline void dma_leave(struct dma_port *port)
{
	hazard_leave(port->slot);
}

#endif
