/* SPDX-License-Identifier: MIT */
/* Ports: the way of a byte from an IOVA to memory. */
#include "device/dma.h"

#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "core/machine_impl.h"
#include "hwpt/dirty.h"

#define LARGE ((uint64_t)1 << DMA_LARGE_SHIFT)
#define HITS  (DMA_LARGE_HITS + DMA_SMALL_HITS)

int dma_port_init(struct dma_port *port, struct device *device)
{
	struct dma_hit *hits = mem_alloc(HITS * sizeof(*hits));
	int rc;

	if (!hits)
		return -ENOMEM;
	for (unsigned int i = 0; i < HITS; i++)
		hits[i] = (struct dma_hit){.first = 1, .last = 0};
	rc = hazard_register(&device->object.ctx->machine->hazard, &port->slot);
	if (rc) {
		free(hits);
		return rc;
	}
	port->device = device;
	port->hits = hits;
	return 0;
}

void dma_port_done(struct dma_port *port)
{
	hazard_unregister(port->slot);
	free(port->hits);
}

/* ---- translation, inside a section ---- */

static uint32_t perm_for(bool write)
{
	return write ? IOMMU_IOAS_MAP_WRITEABLE : IOMMU_IOAS_MAP_READABLE;
}

/* The page table that a RID or PASID is attached to now. A nested one needs a model that walks it. */
static struct hwpt_paging *find_paging(struct device *device, uint32_t pasid)
{
	struct device_attachment *own = device_attachment_find(device, pasid);
	struct hwpt *hwpt;

	if (!own)
		return NULL;
	hwpt = atomic_load_explicit(&own->hwpt, memory_order_acquire);
	return hwpt->object.type == &hwpt_paging_type ? (struct hwpt_paging *)hwpt : NULL;
}

static struct dma_hit *large_hit(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	return &port->hits[((iova >> DMA_LARGE_SHIFT) ^ pasid) % DMA_LARGE_HITS];
}

static struct dma_hit *small_hit(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	return &port->hits[DMA_LARGE_HITS + ((iova >> PAGE_SHIFT) ^ pasid) % DMA_SMALL_HITS];
}

/* Looks an IOVA up and remembers what it finds. NULL: it is not mapped, or can only be copied. */
static const struct dma_hit *look_up(struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	uint64_t changes = atomic_load_explicit(&port->device->changes, memory_order_acquire);
	struct hwpt_paging *paging = find_paging(port->device, pasid);
	struct imap_entry entry;
	const struct imap *map;
	struct dma_hit *hit;
	struct area *area;
	uint64_t generation;
	char *host;

	if (!paging)
		return NULL;
	map = &paging->ioas->areas;
	generation = imap_generation(map);
	if (!imap_lookup(map, iova, &entry))
		return NULL;
	area = entry.value;
	host = atomic_load_explicit(&area->host, memory_order_acquire);
	if (!host)
		return NULL;
	hit = entry.last - entry.first >= LARGE - 1 ? large_hit(port, pasid, iova)
						    : small_hit(port, pasid, iova);
	*hit = (struct dma_hit){
		.first = entry.first,
		.last = entry.last,
		.host = host,
		.map = map,
		.paging = paging,
		.generation = generation,
		.changes = changes,
		.pasid = pasid,
		.perm = area->perm,
	};
	return hit;
}

static bool still_good(const struct dma_port *port, const struct dma_hit *hit, uint32_t pasid,
		       uint64_t iova)
{
	/* The device's attachments first: while they are the same, the map is alive. */
	return iova >= hit->first && iova <= hit->last && pasid == hit->pasid &&
	       atomic_load_explicit(&port->device->changes, memory_order_acquire) == hit->changes &&
	       imap_generation(hit->map) == hit->generation;
}

static const struct dma_hit *find(struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	const struct dma_hit *hit = large_hit(port, pasid, iova);

	if (still_good(port, hit, pasid, iova))
		return hit;
	hit = small_hit(port, pasid, iova);
	return still_good(port, hit, pasid, iova) ? hit : look_up(port, pasid, iova);
}

char *dma_translate(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len, bool write)
{
	const struct dma_hit *hit = find(port, pasid, iova);

	if (!hit || !(hit->perm & perm_for(write)))
		return NULL;
	if (hit->last - iova < *len - 1)
		*len = hit->last - iova + 1;
	/* Hardware has one bit for an entry; DMA itself is only ever seen by the page. */
	if (write && atomic_load_explicit(&hit->paging->tracking, memory_order_relaxed))
		dirty_mark_pages(hit->paging, iova, iova + *len - 1);
	return hit->host + (iova - hit->first);
}

/* ---- copies ---- */

/* What is still to be copied. */
struct copy {
	uint32_t pasid;
	bool write;
	uint64_t iova;
	char *buf;
	size_t len;
};

/* The slow way: as much as lies in one area, under the lock. */
static int copy_area(struct device *device, const struct copy *copy, size_t *len)
{
	struct hwpt_paging *paging = find_paging(device, copy->pasid);
	struct imap_entry entry;
	struct area *area;
	uint64_t offset;

	if (!paging || !imap_first_in(&paging->ioas->areas, copy->iova, copy->iova, &entry))
		return -EFAULT;
	area = entry.value;
	if (!(area->perm & perm_for(copy->write)))
		return -EFAULT;
	if (entry.last - copy->iova < *len - 1)
		*len = entry.last - copy->iova + 1;
	offset = area->offset + (copy->iova - entry.first);
	if (copy->write && atomic_load_explicit(&paging->tracking, memory_order_relaxed))
		dirty_mark_pages(paging, copy->iova, copy->iova + *len - 1);
	return copy->write ? pages_write(area->pages, offset, copy->buf, *len)
			   : pages_read(area->pages, offset, copy->buf, *len);
}

static int copy_locked(struct dma_port *port, const struct copy *copy, size_t *len)
{
	LOCK_SCOPED(&port->device->object.ctx->lock);
	return copy_area(port->device, copy, len);
}

/* As much as lies in one piece; *len says how much that was. */
static int copy_piece(struct dma_port *port, const struct copy *copy, size_t *len)
{
	uint64_t last = copy->iova + (copy->len - 1);
	char *host;
	int rc = -EFAULT;

	*len = copy->len;
	dma_enter(port, copy->iova, last < copy->iova ? UINT64_MAX : last);
	host = dma_translate(port, copy->pasid, copy->iova, len, copy->write);
	if (host)
		rc = copy->write ? guard_copy(host, copy->buf, *len)
				 : guard_copy(copy->buf, host, *len);
	dma_leave(port);
	return rc ? copy_locked(port, copy, len) : 0;
}

static int copy_all(struct dma_port *port, struct copy *copy, uint64_t *ret_fault)
{
	while (copy->len) {
		size_t n;
		int rc = copy_piece(port, copy, &n);

		if (rc) {
			if (ret_fault)
				*ret_fault = copy->iova;
			return rc;
		}
		copy->iova += n;
		copy->buf += n;
		copy->len -= n;
	}
	return 0;
}

int dma_read(struct dma_port *port, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	     uint64_t *ret_fault)
{
	struct copy copy = {pasid, false, iova, buf, len};

	return copy_all(port, &copy, ret_fault);
}

int dma_write(struct dma_port *port, uint32_t pasid, uint64_t iova, const void *buf, size_t len,
	      uint64_t *ret_fault)
{
	struct copy copy = {pasid, true, iova, (char *)buf, len};

	return copy_all(port, &copy, ret_fault);
}
