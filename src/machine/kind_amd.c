/* SPDX-License-Identifier: MIT */
/* `iommu amd`. */
#include "hw/amd/amd.h"
#include "machine/kinds.h"

#define PASID_BITS_MAX 20

static const char *const off_on[] = {"off", "on", NULL};

static const struct kind_option options[] = {
	KIND_NUMBER("pasid-bits", "of PASIDs, 1 to 20 (20)", struct amd_options, pasid_bits, 1,
		    PASID_BITS_MAX),
	KIND_OFF("dirty-tracking", "(on)", struct amd_options, no_dirty_tracking),
	KIND_OFF("five-levels", "of the program's own page tables (on)", struct amd_options,
		 no_five_levels),
	KIND_WORD("nesting", "page tables of the program's own, which Linux 7.3 has not (off)",
		  struct amd_options, nesting, off_on),
	{},
};

static const struct kind_option device_options[] = {
	KIND_WORD("pri", "it asks for pages that are absent, and waits (as the model has it)",
		  struct amd_device_options, pri, off_on),
	{},
};

static int init(void *iommu, struct machine *machine, const void *values)
{
	return amd_iommu_init(iommu, machine, values);
}

static void done(void *iommu)
{
	amd_iommu_done(iommu);
}

static int device_init(void *device, void *iommu, const struct config_device *config, void *values,
		       struct iommu_dev **ret_dev)
{
	const struct uiommufd_model *model = &config->identity;
	struct amd_device_options *given = values;
	struct amd_device *amd = device;

	given->ats = model->flags & (UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI);
	given->pri = model->flags & UIOMMUFD_MODEL_PRI;
	given->pasid_bits = model->flags & UIOMMUFD_MODEL_PASID ? model->pasid_bits : 0;
	*ret_dev = &amd->dev;
	return amd_device_init(amd, iommu, kind_requester(&config->address), given);
}

static void device_done(void *device)
{
	amd_device_done(device);
}

const struct iommu_kind iommu_kind_amd = {
	.name = "amd",
	.summary = "AMD's IOMMU",
	.options = options,
	.device_options = device_options,
	.options_size = sizeof(struct amd_options),
	.device_options_size = sizeof(struct amd_device_options),
	.size = sizeof(struct amd_iommu),
	.device_size = sizeof(struct amd_device),
	.init = init,
	.done = done,
	.device_init = device_init,
	.device_done = device_done,
};
