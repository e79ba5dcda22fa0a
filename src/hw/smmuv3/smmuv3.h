/* SPDX-License-Identifier: MIT */
/*
 * SMMUv3: Arm's IOMMU, as Linux shows it by iommufd (Arm IHI 0070, "IHI 0070" below).
 *
 * Stage 2 is the IOAS's map. Stage 1 is the guest's: a nested page table is the first two words of a stream table entry, made on a vIOMMU;
 * from there we read context descriptors and VMSAv8-64 tables in the guest's memory. A machine makes its IOMMUs and puts each device behind one of them;
 * both live until all contexts of the machine have gone.
 */
#ifndef UIOMMUFD_HW_SMMUV3_SMMUV3_H
#define UIOMMUFD_HW_SMMUV3_SMMUV3_H

#include <uiommufd/iommufd.h>

#include "iommu/iommu.h"
#include "iommu/iotlb.h"

struct machine;
struct smmu_viommu;

struct smmuv3_options {
	unsigned int ssid_bits; /* of PASIDs: 1 to 20; 0: 20 */
	bool no_ats;		/* devices can't ask for translations of their own */
	bool cmdqv;		/* with the command queues of Tegra241 that guests own */
	uint32_t tlb_entries;	/* translations that it remembers, or IOTLB_NONE; 0: 512 */
	uint32_t walk_entries;	/* tables on the way to them, or IOTLB_NONE; 0: 64 */
	bool no_caches;		/* it remembers nothing, nor descriptors */
	uint64_t seed;		/* of evictions */
	/*
	 * A device that does not answer an invalidation stops HWPT_INVALIDATE at that command: the count is its index, its last word becomes
	 * CERROR_ATC_INV (3). Otherwise the user sees nothing of it, as with Linux.
	 */
	bool report_invalidations;
};

struct smmuv3_iommu {
	struct machine *machine;
	struct smmuv3_options options;
	struct iotlb tlb, walks;
	struct iommu_hw_info_arm_smmuv3
		info; /* IHI 0070, 6.3.1 to 6.3.8: the identification registers */
};

struct smmuv3_device_options {
	unsigned int pasid_bits; /* of its PASID capability; 0: it has none */
	unsigned int
		streams; /* how many StreamIDs it has; 0: one. Others can't have a virtual one */
	bool ats;
	uint32_t atc_entries; /* translations in its own TLB, with ats, or IOTLB_NONE; 0: 64 */
	bool can_stall; /* its accesses may wait for the answer to a fault: no PCI function's */
	bool ignores_invalidations; /* its device TLB never answers */
};

/* A device behind an SMMUv3: bind it by device_bind(ctx, &smmuv3_device.dev, ...). */
struct smmuv3_device {
	struct iommu_dev dev;
	struct smmuv3_iommu *iommu;
	uint32_t sid; /* its StreamID: on PCI, the requester id and what the machine adds */
	struct smmuv3_device_options options;
	char name[24]; /* its StreamID in words; dev.name may be set to another */
	struct iotlb atc;
	struct iotlb_space atc_space;
	/* The nested page table that is behind it, or NULL: what another one says must not come into its caches. */
	struct domain *_Atomic nested;
	uint32_t pasids; /* attached */
	struct smmu_viommu *
		viommu; /* whose nested page table is behind it, and where it is known as `vsid`, or NULL */
	uint32_t vsid; /* as it was when the page table was attached */
};

/* `options` may be NULL. -EINVAL: an option out of range; -ENOMEM. The machine outlives it. */
int smmuv3_iommu_init(struct smmuv3_iommu *iommu, struct machine *machine,
		      const struct smmuv3_options *options);
void smmuv3_iommu_done(struct smmuv3_iommu *iommu);

/* `options` may be NULL: no PASIDs, no ATS, no stalls. -EINVAL: an option out of range; -ENOMEM. */
int smmuv3_device_init(struct smmuv3_device *device, struct smmuv3_iommu *iommu, uint32_t sid,
		       const struct smmuv3_device_options *options);
/* Not bound to a context any more. */
void smmuv3_device_done(struct smmuv3_device *device);

#endif
