/* SPDX-License-Identifier: MIT */
/* `iommu smmuv3`. */
#include "hw/smmuv3/smmuv3.h"
#include "machine/kinds.h"

#define PASID_BITS_MAX 20

static const char *const reports[] = {"hide", "report", NULL};
static const char *const off_on[] = {"off", "on", NULL};

static const struct kind_option options[] = {
	KIND_NUMBER("pasid-bits", "of PASIDs, 1 to 20 (20)", struct smmuv3_options, ssid_bits, 1,
		    PASID_BITS_MAX),
	KIND_OFF("ats", "devices may have TLBs of their own (on)", struct smmuv3_options, no_ats),
	KIND_WORD("cmdqv", "with the command queues of Tegra241 that guests own (off)",
		  struct smmuv3_options, cmdqv, off_on),
	KIND_OFF("caches", "it remembers translations, tables, descriptors (on)",
		 struct smmuv3_options, no_caches),
	KIND_ENTRIES("iotlb-entries", "translations that it remembers; 0 is no cache (512)",
		     struct smmuv3_options, tlb_entries),
	KIND_ENTRIES("table-entries",
		     "tables on the way to them that it remembers; 0 is no cache (64)",
		     struct smmuv3_options, walk_entries),
	KIND_NUMBER("seed", "of what is forgotten when there are more (0)", struct smmuv3_options,
		    seed, 0, UINT64_MAX),
	KIND_WORD("invalidation-errors",
		  "of devices that don't answer an invalidation: hide or report (hide)",
		  struct smmuv3_options, report_invalidations, reports),
	{},
};

static const char *const answers[] = {"right", "never", NULL};

static const struct kind_option device_options[] = {
	KIND_WORD("ats-answer", "to invalidations of its TLB: right or never (right)",
		  struct smmuv3_device_options, ignores_invalidations, answers),
	KIND_ENTRIES("ats-entries", "translations that it remembers, with ATS; 0 is no cache (64)",
		     struct smmuv3_device_options, atc_entries),
	KIND_WORD("stalls",
		  "its accesses wait for the answer to a fault: nothing for real PCI Express (off)",
		  struct smmuv3_device_options, can_stall, off_on),
	{},
};

static int init(void *iommu, struct machine *machine, const void *values)
{
	return smmuv3_iommu_init(iommu, machine, values);
}

static void done(void *iommu)
{
	smmuv3_iommu_done(iommu);
}

/* The StreamID of a PCI function is its requester id, with the domain above. */
static int device_init(void *device, void *iommu, const struct config_device *config, void *values,
		       struct iommu_dev **ret_dev)
{
	const struct uiommufd_model *model = &config->identity;
	uint32_t sid = (uint32_t)config->address.domain << 16 | kind_requester(&config->address);
	struct smmuv3_device_options *given = values;
	struct smmuv3_device *smmu = device;

	given->ats = model->flags & (UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI);
	given->pasid_bits = model->flags & UIOMMUFD_MODEL_PASID ? model->pasid_bits : 0;
	*ret_dev = &smmu->dev;
	return smmuv3_device_init(smmu, iommu, sid, given);
}

static void device_done(void *device)
{
	smmuv3_device_done(device);
}

const struct iommu_kind iommu_kind_smmuv3 = {
	.name = "smmuv3",
	.summary = "Arm's SMMUv3",
	.options = options,
	.device_options = device_options,
	.options_size = sizeof(struct smmuv3_options),
	.device_options_size = sizeof(struct smmuv3_device_options),
	.size = sizeof(struct smmuv3_iommu),
	.device_size = sizeof(struct smmuv3_device),
	.init = init,
	.done = done,
	.device_init = device_init,
	.device_done = device_done,
};
