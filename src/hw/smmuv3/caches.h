/* SPDX-License-Identifier: MIT */
/*
 * What the SMMU and its devices remember (IHI 0070, chapter 3.17 "TLB tagging, VMIDs, ASIDs and participation in broadcast TLB
 * maintenance", 4.3 configuration caches, 3.9 ATS): translations by VMID (the vIOMMU) and ASID, tables on the way to them, context
 * descriptors by StreamID and SubstreamID, and each device's own TLB (ATC). Nothing is dropped but by eviction, by a command, or where a device is
 * put behind another page table.
 *
 * Look-ups and insertions are for DMA: no lock, inside of sections. Invalidations come with the context's lock held, and are in effect when
 * smmu_invalidate_finish() returns. Protocol and proof: iommu/iotlb.h.
 *
 * Addresses are tagged by putting ASID or SubstreamID above the 37 bits of a page number: 48 bits of address, and which half.
 */
#ifndef UIOMMUFD_HW_SMMUV3_CACHES_H
#define UIOMMUFD_HW_SMMUV3_CACHES_H

#include "hw/smmuv3/cd.h"
#include "hw/smmuv3/smmu.h"
#include "iommu/iotlb.h"

/* What must not have changed since a look-up began, for its result to be remembered. */
struct smmu_epochs {
	uint64_t pages, globals, tables, cds, atc;
};

void smmu_caches_init(struct smmu_viommu *viommu);
struct smmu_epochs smmu_epochs(const struct smmu_viommu *viommu,
			       const struct smmuv3_device *device);

/* ---- DMA ---- */

/* A page that allows all of `perm`; hit->address is of the page's first byte, hit->shift log2 of its bytes. */
bool smmu_tlb_find(const struct smmu_viommu *viommu, uint16_t asid, uint64_t va, uint32_t perm,
		   struct iotlb_hit *ret_hit);
void smmu_tlb_insert(struct smmu_viommu *viommu, const struct smmu_epochs *epochs, uint16_t asid,
		     uint64_t va, bool global, struct iotlb_hit *hit);

/* Begins the walk at the lowest table that is known. False: none is, and the walk stays where it begins. */
bool smmu_tables_find(const struct smmu_viommu *viommu, uint16_t asid, uint64_t va,
		      const struct pt_config *config, struct pt_walk *walk);
/* Remembers the tables that a walk went through. */
void smmu_tables_insert(struct smmu_viommu *viommu, const struct smmu_epochs *epochs, uint16_t asid,
			uint64_t va, const struct pt_config *config, const struct pt_walk *walk);

/* The words of a descriptor that are used. */
bool smmu_cd_find(struct smmu_viommu *viommu, const struct smmuv3_device *device, uint32_t ssid,
		  uint64_t ret_words[SMMU_CD_USED]);
void smmu_cd_insert(struct smmu_viommu *viommu, const struct smmuv3_device *device, uint64_t epoch,
		    uint32_t ssid, const uint64_t words[SMMU_CD_USED]);

bool smmu_atc_find(const struct smmuv3_device *device, uint32_t ssid, uint64_t va, uint32_t perm,
		   struct iotlb_hit *ret_hit);
void smmu_atc_insert(struct smmuv3_device *device, uint64_t epoch, uint32_t ssid, uint64_t va,
		     struct iotlb_hit *hit);

/* ---- commands ---- */

/* Which translations: [first, last] of an ASID or of all. `leaf`: tables stay. */
struct smmu_tlbi {
	bool any_asid, leaf;
	uint16_t asid;
	uint64_t first, last;
};

void smmu_tlb_invalidate(struct smmu_viommu *viommu, const struct smmu_tlbi *tlbi);
/* The descriptor of a substream, or all of the device's. */
void smmu_cd_invalidate(struct smmu_viommu *viommu, struct smmuv3_device *device, bool all,
			uint32_t ssid);

/* Which translations of a device: of one substream, of the accesses without one (!ssid_valid), or of all (global). */
struct smmu_atc_inv {
	bool ssid_valid, global;
	uint32_t ssid;
	uint64_t first, last;
};

void smmu_atc_invalidate(struct smmuv3_device *device, const struct smmu_atc_inv *inv);
/* Waits until no DMA uses what was dropped. */
void smmu_invalidate_finish(const struct smmu_viommu *viommu);

/* The device goes behind another page table: its own TLB and descriptors are dropped. `viommu` may be NULL. */
void smmu_device_forget(struct smmu_viommu *viommu, struct smmuv3_device *device);

#endif
