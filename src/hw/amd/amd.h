/* SPDX-License-Identifier: MIT */
/*
 * AMD's IOMMU as Linux shows it by iommufd (AMD I/O Virtualization Technology Specification, document 48882: "AMD" below).
 *
 * Linux 7.3 has half of nesting: it checks a guest's device table entry, and has no way yet to make a page table of one. So do we, unless the
 * IOMMU is made with `nesting`: then a vIOMMU makes nested page tables, whose GCR3 table and guest tables are walked in the guest's memory. There is no
 * way to invalidate them yet, so nothing is remembered of them.
 */
#ifndef UIOMMUFD_HW_AMD_AMD_H
#define UIOMMUFD_HW_AMD_AMD_H

#include "iommu/iommu.h"

struct machine;

struct amd_options {
	unsigned int pasid_bits; /* 1 to 20; 0: 20 */
	bool no_dirty_tracking;
	bool no_five_levels; /* of guest tables */
	bool nesting;	     /* more than Linux 7.3 */
};

struct amd_iommu {
	struct machine *machine;
	struct amd_options options;
	uint64_t efr, efr2; /* AMD, 3.4.2: the extended feature registers */
};

struct amd_device_options {
	unsigned int pasid_bits; /* of its PASID capability; 0: it has none */
	bool ats;
	bool pri; /* page requests; asks for ats */
};

/* A PCI function behind an AMD IOMMU: bind it by device_bind(ctx, &amd_device.dev, ...). */
struct amd_device {
	struct iommu_dev dev;
	struct amd_iommu *iommu;
	uint16_t device_id; /* bus << 8 | device << 3 | function */
	struct amd_device_options options;
};

/* `options` may be NULL. -EINVAL: an option out of range. The machine outlives it. */
int amd_iommu_init(struct amd_iommu *iommu, struct machine *machine,
		   const struct amd_options *options);
void amd_iommu_done(struct amd_iommu *iommu);

/* `options` may be NULL: no PASIDs, no ATS, no page requests. -EINVAL: an option out of range. */
int amd_device_init(struct amd_device *device, struct amd_iommu *iommu, uint16_t device_id,
		    const struct amd_device_options *options);
/* Not bound to a context any more. */
void amd_device_done(struct amd_device *device);

#endif
