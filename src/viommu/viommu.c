/* SPDX-License-Identifier: MIT */
/* The life of vIOMMUs. */
#include "viommu/viommu.h"

#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"

static bool viommu_busy(struct object *object)
{
	struct viommu *viommu = (struct viommu *)object;

	return viommu->region && mmap_region_busy(object->ctx, viommu->region);
}

static void viommu_destroy(struct object *object)
{
	struct viommu *viommu = (struct viommu *)object;

	if (viommu->ops && viommu->ops->destroy)
		viommu->ops->destroy(viommu);
	mmap_region_free(viommu->region);
	object_unuse(&viommu->parent->hwpt.object);
	free(viommu);
}

const struct object_type viommu_type = {
	.name = "viommu",
	.busy = viommu_busy,
	.destroy = viommu_destroy,
};

struct viommu *viommu_find(struct ctx *ctx, uint32_t id)
{
	return (struct viommu *)object_find(ctx, id, &viommu_type);
}

bool viommu_supported(struct iommu_dev *dev, uint32_t type)
{
	return dev->ops->viommu_size && dev->ops->viommu_size(dev, type);
}

int viommu_new(struct hwpt_paging *parent, struct iommu_dev *dev, uint32_t type,
	       const struct user_data *data, struct viommu **ret_viommu)
{
	struct viommu *viommu;
	int rc;

	if (!viommu_supported(dev, type))
		return -EOPNOTSUPP;
	viommu = mem_zalloc(dev->ops->viommu_size(dev, type));
	if (!viommu)
		return -ENOMEM;
	rc = object_init(&viommu->object, parent->hwpt.object.ctx, &viommu_type);
	if (rc) {
		free(viommu);
		return rc;
	}
	viommu->type = type;
	viommu->iommu_ops = dev->ops;
	viommu->iommu = dev->iommu;
	viommu->parent = parent;
	object_use(&parent->hwpt.object);
	rc = dev->ops->viommu_init(viommu, parent->hwpt.domain, data);
	if (rc) {
		viommu->ops = NULL;
		object_abandon(&viommu->object);
		return rc;
	}
	*ret_viommu = viommu;
	return 0;
}

int viommu_alloc_nested(struct viommu *viommu, struct iommu_dev *dev, uint32_t flags,
			const struct user_data *data, struct hwpt **ret_hwpt)
{
	struct domain *domain;
	int rc;

	if (dev->iommu != viommu->iommu || dev->ops != viommu->iommu_ops)
		return -EINVAL;
	if (flags & ~(IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID) || !data ||
	    !viommu->ops->alloc_nested)
		return -EOPNOTSUPP;
	rc = viommu->ops->alloc_nested(viommu, flags & IOMMU_HWPT_ALLOC_PASID, data, &domain);
	if (rc)
		return rc;
	rc = hwpt_nested_wrap(viommu->object.ctx, viommu->parent, &viommu->object, domain,
			      ret_hwpt);
	if (rc) {
		domain->ops->free(domain);
		return rc;
	}
	(*ret_hwpt)->pasid_compatible = flags & IOMMU_HWPT_ALLOC_PASID;
	return 0;
}
