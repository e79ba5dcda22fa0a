/* SPDX-License-Identifier: MIT */
/* DMA after unmap. */
#include "device/watch.h"

#include "core/machine_impl.h"
#include "core/sanitizer.h"

static const char *name_of(const struct device *device)
{
	return device->iommu_dev->name ? device->iommu_dev->name : "a device";
}

static void tell(const struct dma_port *port, const struct dma_access *access,
		 const struct sanitizer_event *event, bool unmap, uint32_t id)
{
	double ms = (double)(sanitizer_now() - event->when) / 1e6;
	struct device *device = port->device;

	sanitizer_found(device->object.ctx->machine->sanitizer, event->when,
			"uiommufd: DMA after unmap: %s (device %u), PASID %u, %s at IOVA %#llx\n"
			"  nothing is mapped there now; [%#llx, %#llx] was taken away %.3f ms ago "
			"by %s %u\n",
			name_of(device), device->object.id, access->pasid,
			access->perm & PT_ANY_WRITE ? "writes" : "reads",
			(unsigned long long)access->iova, (unsigned long long)event->first,
			(unsigned long long)event->last, ms,
			unmap ? "IOMMU_IOAS_UNMAP from IOAS"
			      : "IOMMU_HWPT_INVALIDATE of the nested page table",
			id);
}

/* Where a page is asked for, its absence is no fault of anybody's. */
void watch_fault(const struct dma_port *port, const struct dma_access *access, uint64_t address)
{
	struct sanitizer *sanitizer = port->device->object.ctx->machine->sanitizer;
	const struct device_attachment *own = device_attachment_for(port->device, access->pasid);
	struct sanitizer_event event;
	const struct ioas *ioas;

	if (!own || (port->repairable && own->hwpt->fault))
		return;
	ioas = own->hwpt->stage2->ioas;
	if (own->hwpt->object.type == &hwpt_nested_type && address == access->iova &&
	    sanitizer_recall(sanitizer, own->hwpt->domain, address, &event))
		tell(port, access, &event, false, own->hwpt->object.id);
	else if (sanitizer_recall(sanitizer, ioas, address, &event))
		tell(port, access, &event, true, ioas->object.id);
}
