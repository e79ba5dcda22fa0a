/* SPDX-License-Identifier: MIT */
/* What the files of the VT-d model share. */
#ifndef UIOMMUFD_HW_VTD_INTERNAL_H
#define UIOMMUFD_HW_VTD_INTERNAL_H

#include "hw/vtd/vtd.h"

extern const struct iommu_ops vtd_iommu_ops;

static inline struct vtd_device *vtd_of_dev(struct iommu_dev *dev)
{
	return (struct vtd_device *)((char *)dev - offsetof(struct vtd_device, dev));
}

/* The operation of struct iommu_ops (iommu.c). */
int vtd_alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
		     struct domain **ret_domain);
int vtd_hw_info(struct iommu_dev *dev, uint32_t *type, void *buf, size_t *len);

#endif
