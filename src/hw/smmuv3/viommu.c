/* SPDX-License-Identifier: MIT */
/* A guest's SMMU: its stream table entries, and which of its StreamIDs is which device. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/machine_impl.h"
#include "core/sanitizer.h"
#include "hw/smmuv3/caches.h"
#include "hw/smmuv3/cmdqv.h"
#include "hw/smmuv3/events.h"
#include "hw/smmuv3/smmu.h"
#include "hw/smmuv3/translate.h"

static void nested_free(struct domain *domain)
{
	struct sanitizer *sanitizer = ((struct smmu_domain *)domain)->iommu->machine->sanitizer;

	if (sanitizer)
		sanitizer_forget(sanitizer, domain);
	free(domain);
}

static const struct domain_ops nested_ops = {
	.translate = smmu_translate,
	.report = smmu_report,
	.free = nested_free,
};

/* Flags: none, not even PASID, for the guest's entry brings PASIDs by itself. */
static int alloc_nested(struct viommu *viommu, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	struct smmu_viommu *smmu_viommu = (struct smmu_viommu *)viommu;
	struct iommu_hwpt_arm_smmuv3 arg;
	struct smmu_domain *nested;
	struct smmu_ste ste;
	int rc;

	if (flags)
		return -EOPNOTSUPP;
	rc = user_data_read(data, IOMMU_HWPT_DATA_ARM_SMMUV3, &arg, sizeof(arg), sizeof(arg));
	if (!rc)
		rc = smmu_ste_decode((const uint64_t[]){arg.ste[0], arg.ste[1]}, &ste);
	if (rc)
		return rc;
	nested = mem_zalloc(sizeof(*nested));
	if (!nested)
		return -ENOMEM;
	nested->domain.ops = &nested_ops;
	nested->domain.owner = &smmu_iommu_ops;
	nested->iommu = smmu_viommu->iommu;
	nested->stage = SMMU_NESTED;
	nested->viommu = smmu_viommu;
	nested->ste = ste;
	*ret_domain = &nested->domain;
	return 0;
}

/* A virtual StreamID names one stream. With command queues there is one of so many places to match it in. */
static int vdevice_init(struct vdevice *vdevice)
{
	struct smmu_viommu *viommu = (struct smmu_viommu *)vdevice->viommu;

	if (smmu_device_of(vdevice->dev)->options.streams != 1)
		return -EOPNOTSUPP;
	return viommu->cmdqv ? cmdqv_check_vdevice(vdevice) : 0;
}

static void destroy(struct viommu *viommu)
{
	cmdqv_free(((struct smmu_viommu *)viommu)->cmdqv);
}

static const struct viommu_ops viommu_ops = {
	.destroy = destroy,
	.alloc_nested = alloc_nested,
	.invalidate = smmu_viommu_invalidate,
	.vdevice_init = vdevice_init,
	.hw_queue_size = cmdqv_queue_size,
	.hw_queue_init = cmdqv_queue_init,
	.hw_queue_destroy = cmdqv_queue_destroy,
};

size_t smmu_viommu_size(struct iommu_dev *dev, uint32_t type)
{
	const struct smmuv3_iommu *iommu = smmu_of_dev(dev);

	if (type == IOMMU_VIOMMU_TYPE_ARM_SMMUV3 ||
	    (type == IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV && iommu->options.cmdqv))
		return sizeof(struct smmu_viommu);
	return 0;
}

int smmu_viommu_init(struct viommu *viommu, struct domain *parent, const struct user_data *data)
{
	struct smmu_viommu *smmu_viommu = (struct smmu_viommu *)viommu;

	if (parent->owner != &smmu_iommu_ops ||
	    ((struct smmu_domain *)parent)->iommu != viommu->iommu)
		return -EINVAL;
	smmu_viommu->iommu = viommu->iommu;
	viommu->ops = &viommu_ops;
	smmu_caches_init(smmu_viommu);
	return viommu->type == IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV
		       ? cmdqv_new(viommu, data, &smmu_viommu->cmdqv)
		       : 0;
}
