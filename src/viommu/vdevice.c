/* SPDX-License-Identifier: MIT */
/* vDEVICEs: virtual ids of devices behind a vIOMMU. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "viommu/viommu.h"

static void vdevice_destroy(struct object *object)
{
	struct vdevice *vdevice = (struct vdevice *)object;

	LIST_REMOVE(vdevice, link);
	*vdevice->back = NULL;
	object_unuse(&vdevice->viommu->object);
	free(vdevice);
}

static const struct object_type vdevice_type = {
	.name = "vdevice",
	.destroy = vdevice_destroy,
};

struct vdevice *viommu_find_vdevice(struct viommu *viommu, uint64_t virt_id)
{
	struct vdevice *vdevice;

	LIST_FOREACH(vdevice, &viommu->vdevices, link)
		if (vdevice->virt_id == virt_id)
			return vdevice;
	return NULL;
}

struct vdevice *viommu_vdevice_of(struct viommu *viommu, const struct iommu_dev *dev)
{
	struct vdevice *vdevice;

	LIST_FOREACH(vdevice, &viommu->vdevices, link)
		if (vdevice->dev == dev)
			return vdevice;
	return NULL;
}

int vdevice_new(struct viommu *viommu, struct iommu_dev *dev, struct object **back,
		uint64_t virt_id, struct vdevice **ret_vdevice)
{
	struct vdevice *vdevice;
	int rc;

	if (dev->iommu != viommu->iommu || dev->ops != viommu->iommu_ops)
		return -EINVAL;
	if (*back)
		return -EEXIST;
	if (viommu_find_vdevice(viommu, virt_id))
		return -EEXIST;
	vdevice = mem_zalloc(sizeof(*vdevice));
	if (!vdevice)
		return -ENOMEM;
	rc = object_init(&vdevice->object, viommu->object.ctx, &vdevice_type);
	if (rc) {
		free(vdevice);
		return rc;
	}
	vdevice->viommu = viommu;
	vdevice->dev = dev;
	vdevice->back = back;
	vdevice->virt_id = virt_id;
	*back = &vdevice->object;
	LIST_INSERT_HEAD(&viommu->vdevices, vdevice, link);
	object_use(&viommu->object);
	rc = viommu->ops->vdevice_init ? viommu->ops->vdevice_init(vdevice) : 0;
	if (rc) {
		object_abandon(&vdevice->object);
		return rc;
	}
	*ret_vdevice = vdevice;
	return 0;
}
