/* SPDX-License-Identifier: MIT */
/* What the files of the AMD model share. */
#ifndef UIOMMUFD_HW_AMD_INTERNAL_H
#define UIOMMUFD_HW_AMD_INTERNAL_H

#include "hw/amd/amd.h"
#include "iommu/iotlb.h"
#include "viommu/viommu.h"

extern const struct iommu_ops amd_iommu_ops;

enum amd_tables {
	AMD_V1,	    /* host tables, stage 2 */
	AMD_V2,	    /* guest tables that are ours: for PASIDs */
	AMD_NESTED, /* the guest's device table entry */
};

/* What a guest's device table entry says of stage 1. */
struct amd_gdte {
	bool translates; /* V and GV: else addresses are the guest's physical ones */
	bool without_pasid; /* GIoV: requests without PASID use entry 0, else they are not translated */
	unsigned int glx;    /* levels of the GCR3 table, less one */
	unsigned int levels; /* of guest tables */
	uint64_t gcr3;	     /* guest physical address */
};

struct amd_domain {
	struct domain domain;
	enum amd_tables tables;
	struct amd_iommu *iommu;  /* nested: whose entry it was checked for */
	struct amd_gdte gdte;	  /* nested */
	struct iotlb_space space; /* nested: that of no cache */
};

static inline struct amd_device *amd_of_dev(struct iommu_dev *dev)
{
	return (struct amd_device *)((char *)dev - offsetof(struct amd_device, dev));
}

/*
 * Checks and decodes a guest's entry (dte.c). -EINVAL: a field of the host's is set, no GCR3 table where one is used, a reserved value;
 * -EOPNOTSUPP: more levels of guest tables than the IOMMU has.
 */
int amd_gdte_decode(const struct amd_iommu *iommu, const uint64_t dte[4],
		    struct amd_gdte *ret_gdte);

/*
 * The top guest table of a PASID (gcr3.c; AMD 2.2.6.3). -EFAULT: no entry is valid for it, *ret_missing, or the table can't be read; -EAGAIN of the
 * memory.
 */
int amd_gcr3_find(const struct amd_gdte *gdte, const struct pt_memory *memory, uint32_t pasid,
		  uint64_t *ret_root, bool *ret_missing);

/* vIOMMUs and nested page tables (nested.c). */
size_t amd_viommu_size(struct iommu_dev *dev, uint32_t type);
int amd_viommu_init(struct viommu *viommu, struct domain *parent, const struct user_data *data);

#endif
