/* SPDX-License-Identifier: MIT */
/* Binding devices to a context. */
#include "device/device.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "device/sva.h"

static void leave_group(struct device *device)
{
	LIST_REMOVE(device, link);
	if (--device->group->refs == 0)
		free(device->group);
}

static void device_destroy(struct object *object)
{
	struct device *device = (struct device *)object;

	if (device->group)
		leave_group(device);
	free(device);
}

const struct object_type device_type = {
	.name = "device",
	.destroy = device_destroy,
};

struct device *device_find(struct ctx *ctx, uint32_t id)
{
	return (struct device *)object_find(ctx, id, &device_type);
}

static int join_group(struct device *device, struct group *group)
{
	if (!group)
		group = mem_zalloc(sizeof(*group));
	if (!group)
		return -ENOMEM;
	device->group = group;
	group->refs++;
	LIST_INSERT_HEAD(&group->devices, device, link);
	return 0;
}

int device_bind(struct ctx *ctx, struct iommu_dev *iommu_dev, struct group *group,
		struct device **ret_device)
{
	struct device *device;
	int rc;

	if (!iommu_dev->ops->capable(iommu_dev, IOMMU_CAN_CACHE_COHERENCY))
		return -EINVAL;
	device = mem_zalloc(sizeof(*device));
	if (!device)
		return -ENOMEM;
	rc = object_init(&device->object, ctx, &device_type);
	if (rc) {
		free(device);
		return rc;
	}
	rc = join_group(device, group);
	if (rc) {
		object_abandon(&device->object);
		return rc;
	}
	device->iommu_dev = iommu_dev;
	device->reserved = iommu_dev->reserved;
	device->n_reserved = iommu_dev->n_reserved;
	object_use(&device->object); /* the driver's: programs can't destroy it */
	object_publish(&device->object);
	*ret_device = device;
	return 0;
}

void device_unbind(struct device *device)
{
	struct device_attachment *attachment;

	while ((attachment = atomic_load(&device->attachments)))
		device_detach(device, attachment->pasid);
	sva_unbind_all(device);
	device_drop_partial(device);
	if (device->vdevice)
		object_destroy_tombstone(device->vdevice);
	object_unuse(&device->object);
	object_destroy(&device->object);
}
