/* SPDX-License-Identifier: MIT */
/* PCI functions behind a VT-d IOMMU. */
#include <errno.h>

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
static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	const struct vtd_iommu *iommu = vtd_of_dev(dev)->iommu;

	if (!domain)
		return 0;
	if (domain->owner != &vtd_iommu_ops ||
	    domain->last != ((uint64_t)1 << iommu->options.address_bits) - 1)
		return -EINVAL;
	if (domain->dirty_tracking && !(iommu->ecap & ECAP_SSADS))
		return -EINVAL;
	return 0;
}

static int enable_faults(struct iommu_dev *dev, bool on)
{
	struct vtd_device *device = vtd_of_dev(dev);

	if (!device->options.pri)
		return -ENODEV;
	device->faults_on = on;
	return 0;
}

const struct iommu_ops vtd_iommu_ops = {
	.capable = capable,
	.hw_info = vtd_hw_info,
	.alloc_paging = vtd_alloc_paging,
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
	device->dev = (struct iommu_dev){
		.ops = &vtd_iommu_ops,
		.iommu = iommu,
		.max_pasids = device->options.pasid_bits ? 1u << device->options.pasid_bits : 0,
		.ats_not_supported = !device->options.ats,
		.pasid_exec = device->options.pasid_exec,
		.pasid_priv = device->options.pasid_priv,
		.reserved = msi_window,
		.n_reserved = sizeof(msi_window) / sizeof(msi_window[0]),
	};
	return 0;
}

void vtd_device_done(struct vtd_device *device)
{
}
