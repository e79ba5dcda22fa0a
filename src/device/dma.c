/* SPDX-License-Identifier: MIT */
/* Ports: the way of a byte from an IOVA to memory. */
#include "device/dma.h"

#include <errno.h>

#include <uiommufd/iommufd.h>

#include "base/guard.h"
#include "core/machine_impl.h"
#include "hwpt/dirty.h"

static void forget(struct dma_port *port)
{
	port->hit.first = 1;
	port->hit.last = 0;
}

int dma_port_init(struct dma_port *port, struct device *device)
{
	port->device = device;
	forget(port);
	return hazard_register(&device->object.ctx->machine->hazard, &port->slot);
}

void dma_port_done(struct dma_port *port)
{
	hazard_unregister(port->slot);
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

/* Looks an IOVA up and remembers what it finds. False: it is not mapped, or can only be copied. */
static bool look_up(struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	struct dma_hit hit = {
		.pasid = pasid,
		.changes = atomic_load_explicit(&port->device->changes, memory_order_acquire),
	};
	struct imap_entry entry;
	struct area *area;

	hit.paging = find_paging(port->device, pasid);
	if (!hit.paging)
		return false;
	hit.map = &hit.paging->ioas->areas;
	hit.generation = imap_generation(hit.map);
	if (!imap_lookup(hit.map, iova, &entry))
		return false;
	area = entry.value;
	hit.host = atomic_load_explicit(&area->host, memory_order_acquire);
	if (!hit.host)
		return false;
	hit.first = entry.first;
	hit.last = entry.last;
	hit.perm = area->perm;
	port->hit = hit;
	return true;
}

static bool still_good(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	const struct dma_hit *hit = &port->hit;

	/* The device's attachments first: while they are the same, the map is alive. */
	return iova >= hit->first && iova <= hit->last && pasid == hit->pasid &&
	       atomic_load_explicit(&port->device->changes, memory_order_acquire) == hit->changes &&
	       imap_generation(hit->map) == hit->generation;
}

char *dma_translate(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len, bool write)
{
	const struct dma_hit *hit = &port->hit;

	if (!still_good(port, pasid, iova) && !look_up(port, pasid, iova))
		return NULL;
	if (!(hit->perm & perm_for(write)))
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
