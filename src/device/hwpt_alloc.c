/* SPDX-License-Identifier: MIT */
/* HWPT_ALLOC: which kind of page table it is depends on what pt_id names. */
#include <errno.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "device/device.h"
#include "viommu/viommu.h"

/* What is asked for, beside the parent. */
struct request {
	struct device *device;
	uint32_t flags;
	const struct user_data *data; /* or NULL */
};

static int alloc_on_ioas(struct ioas *ioas, const struct request *request, struct hwpt **ret_hwpt)
{
	struct hwpt_paging *paging;
	int rc;

	rc = hwpt_paging_new(ioas, request->device->iommu_dev, request->flags, request->data,
			     &paging);
	if (rc)
		return rc;
	rc = hwpt_paging_show(paging);
	if (rc) {
		object_abandon(&paging->hwpt.object);
		return rc;
	}
	*ret_hwpt = &paging->hwpt;
	return 0;
}

static int alloc(struct ctx *ctx, uint32_t pt_id, const struct request *request,
		 struct hwpt **ret_hwpt)
{
	struct hwpt_paging *parent = hwpt_find_paging(ctx, pt_id);
	struct ioas *ioas = ioas_find(ctx, pt_id);
	struct viommu *viommu = viommu_find(ctx, pt_id);

	if (ioas)
		return alloc_on_ioas(ioas, request, ret_hwpt);
	if (parent)
		return hwpt_nested_new(parent, request->device->iommu_dev, request->flags,
				       request->data, ret_hwpt);
	if (viommu)
		return viommu_alloc_nested(viommu, request->device->iommu_dev, request->flags,
					   request->data, ret_hwpt);
	return -EINVAL;
}

static int set_fault_queue(struct ctx *ctx, struct hwpt *hwpt, uint32_t flags, uint32_t fault_id)
{
	struct object *queue;

	if (!(flags & IOMMU_HWPT_FAULT_ID_VALID))
		return 0;
	queue = object_find(ctx, fault_id, &fault_queue_type);
	if (!queue)
		return -ENOENT;
	object_use(queue);
	hwpt->fault = queue;
	return 0;
}

int hwpt_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct user_data data = {ucmd->client, cmd->data_type, cmd->data_uptr, cmd->data_len};
	struct request request = {.flags = cmd->flags, .data = cmd->data_len ? &data : NULL};
	struct hwpt *hwpt;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if ((cmd->data_type == IOMMU_HWPT_DATA_NONE) != !cmd->data_len)
		return -EINVAL;
	request.device = device_find(ucmd->ctx, cmd->dev_id);
	if (!request.device)
		return -ENOENT;
	rc = alloc(ucmd->ctx, cmd->pt_id, &request, &hwpt);
	if (rc)
		return rc;
	rc = set_fault_queue(ucmd->ctx, hwpt, cmd->flags, cmd->fault_id);
	cmd->out_hwpt_id = hwpt->object.id;
	return ucmd_respond_new(ucmd, sizeof(*cmd), &hwpt->object, rc);
}
