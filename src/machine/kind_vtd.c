/* SPDX-License-Identifier: MIT */
/* `iommu vtd`. */
#include "hw/vtd/vtd.h"
#include "machine/kinds.h"

/* As many PASIDs as PCI has bits for. */
#define PASID_BITS_MAX 20

static const char *const reports[] = {"hide", "report", NULL};

static const struct kind_option options[] = {
	KIND_NUMBER("address-bits", "of IOVAs, 48 or 57 (48)", struct vtd_options, address_bits, 48,
		    57),
	KIND_NUMBER("pasid-bits", "of PASIDs, 1 to 20 (20)", struct vtd_options, pasid_bits, 1,
		    PASID_BITS_MAX),
	KIND_OFF("nesting", "page tables of the program's own over an IOAS (on)",
		 struct vtd_options, no_nesting),
	KIND_OFF("dirty-tracking", "(on)", struct vtd_options, no_dirty_tracking),
	KIND_OFF("five-levels", "of the program's own page tables (on)", struct vtd_options,
		 no_five_levels),
	KIND_ENTRIES("iotlb-entries", "translations that it remembers; 0 is no cache (1024)",
		     struct vtd_options, iotlb_entries),
	KIND_ENTRIES("table-entries",
		     "tables on the way to them that it remembers; 0 is no cache (128)",
		     struct vtd_options, table_entries),
	KIND_ENTRIES("device-entries",
		     "translations that a device with ATS remembers; 0 is no cache (256)",
		     struct vtd_options, device_entries),
	KIND_NUMBER("seed", "of what is forgotten when there are more (0)", struct vtd_options,
		    seed, 0, UINT64_MAX),
	KIND_WORD("invalidation-errors",
		  "of devices that don't answer an invalidation: hide or report (hide)",
		  struct vtd_options, report_invalidation_errors, reports),
	KIND_NUMBER("lose-invalidation",
		    "the invalidation, counted from 1, that drops nothing; 0 is none (0)",
		    struct vtd_options, lose_invalidation, 0, UINT64_MAX),
	{},
};

static const char *const off_on[] = {"off", "on", NULL};
static const char *const answers[] = {"right", "wrong", "never", NULL};

static const struct kind_option device_options[] = {
	KIND_WORD("ats-answer", "to invalidations of its TLB: right, wrong or never (right)",
		  struct vtd_device_options, answer, answers),
	KIND_WORD("pri", "it asks for pages that are absent, and waits (as the model has it)",
		  struct vtd_device_options, pri, off_on),
	{},
};

static int init(void *iommu, struct machine *machine, const void *values)
{
	return vtd_iommu_init(iommu, machine, values);
}

static void done(void *iommu)
{
	vtd_iommu_done(iommu);
}

static int device_init(void *device, void *iommu, const struct config_device *config, void *values,
		       struct iommu_dev **ret_dev)
{
	const struct uiommufd_model *model = &config->identity;
	struct vtd_device_options *given = values;
	struct vtd_device *vtd = device;

	/* The word `pri` is in the flags by now (machine/learn.c). */
	given->ats = model->flags & (UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI);
	given->pri = model->flags & UIOMMUFD_MODEL_PRI;
	given->pasid_bits = model->flags & UIOMMUFD_MODEL_PASID ? model->pasid_bits : 0;
	*ret_dev = &vtd->dev;
	return vtd_device_init(vtd, iommu, kind_requester(&config->address), given);
}

static void device_done(void *device)
{
	vtd_device_done(device);
}

const struct iommu_kind iommu_kind_vtd = {
	.name = "vtd",
	.summary = "Intel's VT-d in scalable mode",
	.options = options,
	.device_options = device_options,
	.options_size = sizeof(struct vtd_options),
	.device_options_size = sizeof(struct vtd_device_options),
	.size = sizeof(struct vtd_iommu),
	.device_size = sizeof(struct vtd_device),
	.init = init,
	.done = done,
	.device_init = device_init,
	.device_done = device_done,
};
