/* SPDX-License-Identifier: MIT */
/*
 * What the files of the SMMUv3 model share.
 *
 * An IOMMU is constant once devices are behind it. Domains, vIOMMUs and devices are guarded by the lock of the context that made them or
 * that they are bound to; DMA reads domains without it, and they are constant too.
 */
#ifndef UIOMMUFD_HW_SMMUV3_SMMU_H
#define UIOMMUFD_HW_SMMUV3_SMMU_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/iommufd.h>

#include "device/device.h"
#include "hw/smmuv3/smmuv3.h"
#include "hw/smmuv3/regs.h"
#include "iommu/iotlb.h"
#include "viommu/viommu.h"

/* What the model supports; hw_info says the same. */
#define SMMU_ADDRESS_BITS 48
#define SMMU_SSID_BITS	  20
#define SMMU_STALL_MAX	  64
#define SMMU_CMDQ_LOG2	  19

/* A page table of the model: a stage 1 or 2 that we own, or the guest's stream table entry. */
enum smmu_stage {
	SMMU_STAGE_1,
	SMMU_STAGE_2,
	SMMU_NESTED,
};

/* What a guest's stream table entry says (IHI 0070, 5.2). V=0 is STE_ABORT. */
struct smmu_ste {
	enum ste_config config;
	enum ste_s1fmt s1fmt;
	enum ste_s1dss s1dss;
	enum ste_eats eats;
	bool s1stalld;
	unsigned int s1cdmax;	/* log2 of the number of context descriptors */
	uint64_t s1context_ptr; /* guest physical address */
};

struct smmu_domain {
	struct domain domain;
	struct smmuv3_iommu *iommu;
	enum smmu_stage stage;
	struct smmu_viommu *viommu; /* nested */
	struct smmu_ste ste;	    /* nested */
};

#define SMMU_ASIDS   65536
#define SMMU_CDS     64 /* descriptors that are remembered */
#define SMMU_CD_USED 3	/* their first words: the others are of memory types */

/* A descriptor that is remembered (cd_cache.c): odd while a thread changes it. */
struct smmu_cd_entry {
	_Atomic uint64_t version;
	_Atomic uint64_t key; /* 0: empty */
	_Atomic uint64_t words[SMMU_CD_USED];
};

struct smmu_viommu {
	struct viommu viommu;
	struct smmuv3_iommu *iommu;
	struct cmdqv *cmdqv; /* type TEGRA241_CMDQV */
	/* What is remembered of it: see caches.h. `cds` has an epoch alone. */
	struct iotlb_space pages, globals, tables, cds;
	_Atomic uint64_t asids[SMMU_ASIDS / 64]; /* that were ever seen */
	struct smmu_cd_entry cd_entries[SMMU_CDS];
};

extern const struct iommu_ops smmu_iommu_ops;

static inline struct smmuv3_device *smmu_device_of(struct iommu_dev *dev)
{
	return (struct smmuv3_device *)((char *)dev - offsetof(struct smmuv3_device, dev));
}

static inline struct smmuv3_iommu *smmu_of_dev(const struct iommu_dev *dev)
{
	return dev->iommu;
}

/* ---- stream table entries (ste.c) ---- */

/* -EIO: a bit that a guest may not set, or a Config or EATS that it may not use. */
int smmu_ste_decode(const uint64_t words[2], struct smmu_ste *ret_ste);

/* ---- vIOMMUs (viommu.c) ---- */

size_t smmu_viommu_size(struct iommu_dev *dev, uint32_t type);
int smmu_viommu_init(struct viommu *viommu, struct domain *parent, const struct user_data *data);

/* ---- commands (commands.c) ---- */

/* What is wrong with a command, and where an array of them stopped. */
struct smmu_batch {
	uint32_t done;		 /* commands that took effect */
	enum smmu_cerror cerror; /* of command `done` */
};

/*
 * Checks a guest's command and puts what we use in place of what the guest knows: the virtual StreamID becomes the device. -EIO: not one that a
 * guest may give, a bit that it may not set, or an unknown StreamID.
 */
int smmu_command_check(struct smmu_viommu *viommu, const uint64_t cmd[2]);
/* Does what a checked command says. CERROR_ATC_INV: the device does not answer. */
enum smmu_cerror smmu_command_run(struct smmu_viommu *viommu, const uint64_t cmd[2]);
/* viommu_ops.invalidate. */
int smmu_viommu_invalidate(struct viommu *viommu, struct user_array *array);

#endif
