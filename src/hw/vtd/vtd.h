/* SPDX-License-Identifier: MIT */
/*
 * VT-d: the IOMMU of Intel's machines in scalable mode, as Linux shows it by iommufd (Intel Virtualization Technology for Directed I/O,
 * Architecture Specification, revision 4: "VT-d" below).
 *
 * Stage 2 is the IOAS's map. PASID tables are held by us: a domain is behind the RID or a PASID as it is attached. A machine makes its
 * IOMMUs and puts each PCI function behind one of them; both live until all contexts of the machine have gone.
 */
#ifndef UIOMMUFD_HW_VTD_VTD_H
#define UIOMMUFD_HW_VTD_VTD_H

#include "iommu/iommu.h"

struct machine;

struct vtd_options {
	unsigned int address_bits; /* of stage 2's input: 48 or 57; 0: 48 */
	unsigned int pasid_bits;   /* 1 to 20; 0: 20 */
	bool no_nesting, no_dirty_tracking, no_five_levels;
};

struct vtd_iommu {
	struct machine *machine;
	struct vtd_options options;
	uint64_t cap, ecap; /* VT-d 11.4.2, 11.4.3: the capability registers */
};

struct vtd_device_options {
	unsigned int pasid_bits; /* of its PASID capability; 0: it has none */
	bool pasid_exec, pasid_priv;
	bool ats;
	bool pri; /* page requests; asks for ats */
};

/* A PCI function behind a VT-d IOMMU: bind it by device_bind(ctx, &vtd_device.dev, ...). */
struct vtd_device {
	struct iommu_dev dev;
	struct vtd_iommu *iommu;
	uint16_t source_id; /* bus << 8 | device << 3 | function */
	struct vtd_device_options options;
	bool faults_on;
};

/* `options` may be NULL. -EINVAL: an option out of range; -ENOMEM. The machine outlives it. */
int vtd_iommu_init(struct vtd_iommu *iommu, struct machine *machine,
		   const struct vtd_options *options);
void vtd_iommu_done(struct vtd_iommu *iommu);

/* `options` may be NULL: no PASIDs, no ATS, no page requests. -EINVAL: an option out of range; -ENOMEM. */
int vtd_device_init(struct vtd_device *device, struct vtd_iommu *iommu, uint16_t source_id,
		    const struct vtd_device_options *options);
/* Not bound to a context any more. */
void vtd_device_done(struct vtd_device *device);

#endif
