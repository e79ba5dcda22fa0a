/* SPDX-License-Identifier: MIT */
/* NOIOMMU_GET_PA: physical addresses for drivers of devices without an IOMMU. */
#include <errno.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "ioas/ioas.h"

int ioas_noiommu_get_pa_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_noiommu_get_pa *cmd = ucmd->cmd;
	struct imap_entry entry;
	struct ioas *ioas;

	if (!client_capable(ucmd->client, CAP_SYS_RAWIO))
		return -EPERM;
	if (cmd->flags || cmd->__reserved)
		return -EOPNOTSUPP;
	if (!cmd->length)
		return -EINVAL;
	if (cmd->iova == UINT64_MAX)
		return -EOVERFLOW;
	ioas = ioas_find(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	if (!imap_first_in(&ioas->areas, cmd->iova, cmd->iova, &entry))
		return -ENOENT;
	/* No machine of ours has a device without an IOMMU, so no IOAS is held by one. */
	return -EOPNOTSUPP;
}
