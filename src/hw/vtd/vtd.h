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
#include "iommu/iotlb.h"

struct machine;

struct vtd_options {
	unsigned int address_bits; /* of stage 2's input: 48 or 57; 0: 48 */
	unsigned int pasid_bits;   /* 1 to 20; 0: 20 */
	bool no_nesting, no_dirty_tracking, no_five_levels;
	/* Entries of the caches of stage 1, rounded up to a power of two; IOTLB_NONE; 0: 1024, 128, and 256 for each device. */
	uint32_t iotlb_entries, table_entries, device_entries;
	uint64_t seed; /* of evictions */
	/*
	 * A device that answers an invalidation wrongly or never stops HWPT_INVALIDATE at that entry: the count is its index, its last word becomes ICE (1)
	 * or ITE (2). Otherwise the user sees nothing of it, as with Linux.
	 */
	bool report_invalidation_errors;
	/* The entry of HWPT_INVALIDATE, counted from 1, that drops nothing, as if the user had forgotten it; 0: none. To see what comes of it. */
	uint64_t lose_invalidation;
};

struct vtd_iommu {
	struct machine *machine;
	struct vtd_options options;
	uint64_t cap, ecap; /* VT-d 11.4.2, 11.4.3: the capability registers */
	struct iotlb iotlb, tables;
	atomic_ulong invalidations; /* entries so far */
};

/* How a device answers the invalidation of its TLB. */
enum vtd_answer {
	VTD_ANSWERS,
	VTD_ANSWERS_WRONGLY, /* drops what it shall, but its completion is no good: ICE */
	VTD_NEVER_ANSWERS,   /* and keeps what it has: ITE */
};

struct vtd_device_options {
	unsigned int pasid_bits; /* of its PASID capability; 0: it has none */
	bool pasid_exec, pasid_priv;
	bool ats;
	bool pri; /* page requests; asks for ats */
	enum vtd_answer answer;
};

/* A PCI function behind a VT-d IOMMU: bind it by device_bind(ctx, &vtd_device.dev, ...). */
struct vtd_device {
	struct iommu_dev dev;
	struct vtd_iommu *iommu;
	uint16_t source_id; /* bus << 8 | device << 3 | function */
	char name[16];	    /* the same as text; dev.name may be set to another */
	struct vtd_device_options options;
	_Atomic enum vtd_answer answer; /* from the options; may be changed at any time */
	struct iotlb tlb;
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
