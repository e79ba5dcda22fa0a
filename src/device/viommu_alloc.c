/* SPDX-License-Identifier: MIT */
/* VIOMMU_ALLOC and VDEVICE_ALLOC: the calls that join a device and a vIOMMU. */
#include <errno.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "device/device.h"
#include "viommu/viommu.h"

int viommu_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommu_viommu_alloc *cmd = ucmd->cmd;
	struct user_data data = {ucmd->client, cmd->type, cmd->data_uptr, cmd->data_len};
	struct hwpt_paging *parent;
	struct device *device;
	struct viommu *viommu;
	int rc;

	if (cmd->flags || !cmd->type)
		return -EOPNOTSUPP;
	device = device_find(ucmd->ctx, cmd->dev_id);
	if (!device)
		return -ENOENT;
	if (!viommu_supported(device->iommu_dev, cmd->type))
		return -EOPNOTSUPP;
	parent = hwpt_find_paging(ucmd->ctx, cmd->hwpt_id);
	if (!parent)
		return -ENOENT;
	if (!parent->nest_parent)
		return -EINVAL;
	rc = viommu_new(parent, device->iommu_dev, cmd->type, cmd->data_len ? &data : NULL,
			&viommu);
	if (rc)
		return rc;
	cmd->out_viommu_id = viommu->object.id;
	return ucmd_respond_new(ucmd, sizeof(*cmd), &viommu->object, 0);
}

int vdevice_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommu_vdevice_alloc *cmd = ucmd->cmd;
	struct viommu *viommu = viommu_find(ucmd->ctx, cmd->viommu_id);
	struct vdevice *vdevice;
	struct device *device;
	int rc;

	if (!viommu)
		return -ENOENT;
	device = device_find(ucmd->ctx, cmd->dev_id);
	if (!device)
		return -ENOENT;
	rc = vdevice_new(viommu, device->iommu_dev, &device->vdevice, cmd->virt_id, &vdevice);
	if (rc)
		return rc;
	cmd->out_vdevice_id = vdevice->object.id;
	return ucmd_respond_new(ucmd, sizeof(*cmd), &vdevice->object, 0);
}
