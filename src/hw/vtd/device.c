/* SPDX-License-Identifier: MIT */
/* PCI functions behind a VT-d IOMMU. */
#include <errno.h>
#include <stdio.h>

#include "hw/vtd/internal.h"
#include "hw/vtd/registers.h"

/* VT-d 3.14 "Handling Requests to Interrupt Address Range". */
static const struct reserved_region msi_window[] = {
	{0xfee00000, 0xfeefffff},
};

static bool capable(struct iommu_dev *dev, enum iommu_capability cap)
{
	switch (cap) {
	case IOMMU_CAN_CACHE_COHERENCY:
		return true;
	case IOMMU_CAN_DIRTY_TRACKING:
		return vtd_of_dev(dev)->iommu->ecap & ECAP_SSADS;
	case IOMMU_CAN_PASID_TABLES_BY_USER:
		return false;
	}
	return false;
}

/* A page table that this IOMMU can't walk is refused: it may have been made for one with longer addresses. */
static int check_paging(const struct vtd_iommu *iommu, const struct domain *domain)
{
	if (domain->owner != &vtd_iommu_ops ||
	    domain->last != ((uint64_t)1 << iommu->options.address_bits) - 1)
		return -EINVAL;
	return domain->dirty_tracking && !(iommu->ecap & ECAP_SSADS) ? -EINVAL : 0;
}

/* DMA finds the new domain once this has returned, and may go on through the old one until the caller has waited for it. */
static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	struct vtd_device *device = vtd_of_dev(dev);
	struct vtd_nested *nested = domain ? vtd_nested_of(domain) : NULL;
	struct vtd_nested *old_nested = old ? vtd_nested_of(old) : NULL;
	int rc = 0;

	if (nested)
		rc = vtd_nested_enter(nested, device, pasid);
	else if (domain)
		rc = check_paging(device->iommu, domain);
	if (!rc && old_nested)
		vtd_nested_leave(old_nested, device, pasid);
	return rc;
}

static int enable_faults(struct iommu_dev *dev, bool on)
{
	return vtd_of_dev(dev)->options.pri ? 0 : -ENODEV;
}

const struct iommu_ops vtd_iommu_ops = {
	.capable = capable,
	.hw_info = vtd_hw_info,
	.alloc_paging = vtd_alloc_paging,
	.alloc_nested = vtd_alloc_nested,
	.attach = attach,
	.enable_faults = enable_faults,
};

int vtd_device_init(struct vtd_device *device, struct vtd_iommu *iommu, uint16_t source_id,
		    const struct vtd_device_options *options)
{
	*device = (struct vtd_device){.iommu = iommu, .source_id = source_id};
	if (options)
		device->options = *options;
	if (device->options.pasid_bits > 20 || (device->options.pri && !device->options.ats))
		return -EINVAL;
	if (device->options.pasid_bits > iommu->options.pasid_bits)
		device->options.pasid_bits = iommu->options.pasid_bits;
	snprintf(device->name, sizeof(device->name), "%02x:%02x.%u", source_id >> 8,
		 source_id >> 3 & 0x1f, source_id & 7);
	device->dev = (struct iommu_dev){
		.name = device->name,
		.ops = &vtd_iommu_ops,
		.iommu = iommu,
		.max_pasids = device->options.pasid_bits ? 1u << device->options.pasid_bits : 0,
		.ats_not_supported = !device->options.ats,
		.pasid_exec = device->options.pasid_exec,
		.pasid_priv = device->options.pasid_priv,
		.reserved = msi_window,
		.n_reserved = sizeof(msi_window) / sizeof(msi_window[0]),
	};
	atomic_init(&device->answer, device->options.answer);
	return iotlb_init_in(&device->tlb, iommu->machine,
			     device->options.ats ? iotlb_entries(iommu->options.device_entries, 256)
						 : 0,
			     iommu->options.seed + 2 + source_id);
}

void vtd_device_done(struct vtd_device *device)
{
	iotlb_done(&device->tlb);
}
