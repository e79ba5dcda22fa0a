/* SPDX-License-Identifier: MIT */
/* GET_HW_INFO: what the IOMMU of a device can do. */
#include <errno.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "device/device.h"

/* No model's information is longer. */
#define MAX_INFO 64

static uint8_t max_pasid_log2(const struct iommu_dev *dev)
{
	return dev->max_pasids ? 31 - __builtin_clz(dev->max_pasids) : 0;
}

static uint64_t capabilities(struct iommu_dev *dev)
{
	uint64_t caps = 0;

	if (dev->ops->capable(dev, IOMMU_CAN_DIRTY_TRACKING))
		caps |= IOMMU_HW_CAP_DIRTY_TRACKING;
	if (dev->max_pasids && dev->pasid_exec)
		caps |= IOMMU_HW_CAP_PCI_PASID_EXEC;
	if (dev->max_pasids && dev->pasid_priv)
		caps |= IOMMU_HW_CAP_PCI_PASID_PRIV;
	if (dev->ats_not_supported)
		caps |= IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	return caps;
}

/* What we don't fill of the user's buffer becomes zero. */
static int clear(struct client *client, uint64_t at, uint64_t len)
{
	static const char zeroes[4096];

	while (len) {
		size_t n = len < sizeof(zeroes) ? len : sizeof(zeroes);

		if (client_write(client, at, zeroes, n))
			return -EFAULT;
		at += n;
		len -= n;
	}
	return 0;
}

static int copy_info(struct ucmd *ucmd, const void *info, size_t len)
{
	struct iommu_hw_info *cmd = ucmd->cmd;
	size_t n = len < cmd->data_len ? len : cmd->data_len;

	if (n && client_write(ucmd->client, cmd->data_uptr, info, n))
		return -EFAULT;
	return clear(ucmd->client, cmd->data_uptr + n, cmd->data_len - n);
}

int get_hw_info_ioctl(struct ucmd *ucmd)
{
	struct iommu_hw_info *cmd = ucmd->cmd;
	unsigned char info[MAX_INFO];
	struct device *device;
	size_t len = 0;
	uint32_t type = IOMMU_HW_INFO_TYPE_NONE;
	int rc = 0;

	if (cmd->flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE || cmd->__reserved[0] ||
	    cmd->__reserved[1] || cmd->__reserved[2])
		return -EOPNOTSUPP;
	device = device_find(ucmd->ctx, cmd->dev_id);
	if (!device)
		return -ENOENT;
	if (device->iommu_dev->ops->hw_info) {
		if (cmd->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE)
			type = cmd->in_data_type;
		len = sizeof(info);
		rc = device->iommu_dev->ops->hw_info(device->iommu_dev, &type, info, &len);
	}
	if (!rc)
		rc = copy_info(ucmd, info, len);
	if (rc)
		return rc;
	cmd->data_len = len;
	cmd->out_data_type = type;
	cmd->out_max_pasid_log2 = max_pasid_log2(device->iommu_dev);
	cmd->out_capabilities = capabilities(device->iommu_dev);
	return ucmd_respond(ucmd, sizeof(*cmd));
}
