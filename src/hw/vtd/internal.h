/* SPDX-License-Identifier: MIT */
/* What the files of the VT-d model share. */
#ifndef UIOMMUFD_HW_VTD_INTERNAL_H
#define UIOMMUFD_HW_VTD_INTERNAL_H

#include <sys/queue.h>

#include "hw/vtd/vtd.h"
#include "iommu/stage1.h"

/* A nested domain behind a RID or PASID. */
struct vtd_attachment {
	LIST_ENTRY(vtd_attachment) link;
	struct vtd_device *device;
	uint32_t pasid;
};

/* A first stage in the user's memory. */
struct vtd_nested {
	struct domain domain;
	uint64_t flags;	     /* IOMMU_VTD_S1_* */
	uint32_t addr_width; /* as the user said: looked at when it is attached */
	struct machine *machine;
	struct pt_config tables;
	struct iotlb_space space;
	LIST_HEAD(, vtd_attachment) attachments; /* under the context's lock */
};

extern const struct iommu_ops vtd_iommu_ops;

static inline struct vtd_device *vtd_of_dev(struct iommu_dev *dev)
{
	return (struct vtd_device *)((char *)dev - offsetof(struct vtd_device, dev));
}

/* The operations of struct iommu_ops (iommu.c). */
int vtd_alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
		     struct domain **ret_domain);
int vtd_alloc_nested(struct iommu_dev *dev, struct domain *parent, uint32_t flags,
		     const struct user_data *data, struct domain **ret_domain);
int vtd_hw_info(struct iommu_dev *dev, uint32_t *type, void *buf, size_t *len);

/* The nested domain, or NULL: it is of another kind. */
struct vtd_nested *vtd_nested_of(struct domain *domain);
/*
 * Puts it behind a RID or PASID. -EINVAL: the device's IOMMU can't walk such tables; -ENOMEM.
 */
int vtd_nested_enter(struct vtd_nested *nested, struct vtd_device *device, uint32_t pasid);
void vtd_nested_leave(struct vtd_nested *nested, struct vtd_device *device, uint32_t pasid);
/* domain_ops.invalidate (invalidate.c) */
int vtd_invalidate(struct domain *domain, struct user_array *array);

/* The caches that a request of the device goes through. */
static inline struct stage1_caches vtd_caches(struct vtd_device *device)
{
	return (struct stage1_caches){
		.device = device->tlb.entries ? &device->tlb : NULL,
		.iotlb = &device->iommu->iotlb,
		.tables = &device->iommu->tables,
	};
}

#endif
