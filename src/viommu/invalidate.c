/* SPDX-License-Identifier: MIT */
/* HWPT_INVALIDATE: batches of requests for the caches of a nested page table or of a vIOMMU's devices. */
#include <errno.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "viommu/viommu.h"

#define MAX_ENTRIES (1u << 19)

static int check(const struct iommu_hwpt_invalidate *cmd)
{
	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if (!cmd->entry_num)
		return 0;
	if (!cmd->data_uptr || !cmd->entry_len || cmd->entry_len > PAGE_SIZE ||
	    cmd->entry_num > MAX_ENTRIES)
		return -EINVAL;
	return 0;
}

static int run(struct ctx *ctx, uint32_t id, struct user_array *array)
{
	struct object *object = object_find(ctx, id, NULL);
	struct viommu *viommu = viommu_find(ctx, id);

	if (!object)
		return -ENOENT;
	if (object->type == &hwpt_nested_type) {
		struct domain *domain = ((struct hwpt *)object)->domain;

		return domain->ops->invalidate ? domain->ops->invalidate(domain, array)
					       : -EOPNOTSUPP;
	}
	if (viommu)
		return viommu->ops->invalidate ? viommu->ops->invalidate(viommu, array)
					       : -EOPNOTSUPP;
	return -EINVAL;
}

/* The count of what was done is written back whatever happened: 0 if no model saw the requests. */
int hwpt_invalidate_ioctl(struct ucmd *ucmd)
{
	struct iommu_hwpt_invalidate *cmd = ucmd->cmd;
	uint64_t ahead[USER_ARRAY_AHEAD / sizeof(uint64_t)];
	struct user_array array = {
		.client = ucmd->client,
		.type = cmd->data_type,
		.uptr = cmd->data_uptr,
		.entry_len = cmd->entry_len,
		.entry_num = cmd->entry_num,
		.ahead = ahead,
	};
	int rc = check(cmd);

	if (!rc)
		rc = run(ucmd->ctx, cmd->hwpt_id, &array);
	cmd->entry_num = array.done;
	if (ucmd_respond(ucmd, sizeof(*cmd)))
		return -EFAULT;
	return rc;
}
