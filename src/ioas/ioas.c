/* SPDX-License-Identifier: MIT */
/* The life of an IOAS, and its options. */
#include "ioas/ioas.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "core/machine_impl.h"
#include "core/sanitizer.h"

static void ioas_destroy(struct object *object)
{
	struct ioas *ioas = (struct ioas *)object;
	uint64_t removed;

	/* Whoever could pin or show an area holds a use of the IOAS: nothing is in the way. */
	ioas_unmap(ioas, 0, UINT64_MAX, &removed);
	if (ioas->object.ctx->machine->sanitizer)
		sanitizer_forget(ioas->object.ctx->machine->sanitizer, ioas);
	if (ioas->object.ctx->vfio_ioas == ioas)
		ioas->object.ctx->vfio_ioas = NULL;
	ranges_done(&ioas->reserved);
	ranges_done(&ioas->allowed);
	dense_done(&ioas->front);
	imap_done(&ioas->areas);
	pool_done(&ioas->area_pool);
	free(ioas);
}

const struct object_type ioas_type = {
	.name = "ioas",
	.destroy = ioas_destroy,
};

int ioas_new(struct ctx *ctx, struct ioas **ret_ioas)
{
	struct ioas *ioas = mem_zalloc(sizeof(*ioas));
	int rc;

	if (!ioas)
		return -ENOMEM;
	rc = object_init(&ioas->object, ctx, &ioas_type);
	if (rc) {
		free(ioas);
		return rc;
	}
	imap_init(&ioas->areas);
	dense_init(&ioas->front);
	pool_init(&ioas->area_pool, sizeof(struct area));
	TAILQ_INIT(&ioas->tables);
	ioas->alignment = 1;
	ioas->huge_pages = true;
	*ret_ioas = ioas;
	return 0;
}

struct ioas *ioas_find(struct ctx *ctx, uint32_t id)
{
	return (struct ioas *)object_find(ctx, id, &ioas_type);
}

int ioas_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_alloc *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	rc = ioas_new(ucmd->ctx, &ioas);
	if (rc)
		return rc;
	cmd->out_ioas_id = ioas->object.id;
	return ucmd_respond_new(ucmd, sizeof(*cmd), &ioas->object, 0);
}

/* ---- options ---- */

int ioas_set_huge_pages(struct ioas *ioas, uint64_t value)
{
	int rc;

	if (value > 1)
		return -EINVAL;
	if (value == ioas->huge_pages)
		return 0;
	if (!value && !TAILQ_EMPTY(&ioas->tables) && ioas->areas.count)
		return -EINVAL;
	ioas->huge_pages = value;
	rc = ioas_update_alignment(ioas, 1);
	if (rc)
		ioas->huge_pages = !value;
	return rc;
}

static int huge_pages_option(struct ctx *ctx, struct iommu_option *cmd)
{
	struct ioas *ioas = ioas_find(ctx, cmd->object_id);

	if (!ioas)
		return -ENOENT;
	if (cmd->op == IOMMU_OPTION_OP_SET)
		return ioas_set_huge_pages(ioas, cmd->val64);
	if (cmd->op != IOMMU_OPTION_OP_GET)
		return -EOPNOTSUPP;
	cmd->val64 = ioas->huge_pages;
	return 0;
}

static int set_rlimit_mode(struct ucmd *ucmd, uint64_t value)
{
	if (!client_capable(ucmd->client, CAP_SYS_RESOURCE))
		return -EPERM;
	if (ucmd->ctx->ids.count)
		return -EBUSY;
	if (value > 1)
		return -EINVAL;
	ucmd->ctx->account_mode = value ? ACCOUNT_MM : ACCOUNT_USER;
	return 0;
}

static int rlimit_mode_option(struct ucmd *ucmd, struct iommu_option *cmd)
{
	if (cmd->object_id)
		return -EOPNOTSUPP;
	if (cmd->op == IOMMU_OPTION_OP_SET)
		return set_rlimit_mode(ucmd, cmd->val64);
	if (cmd->op != IOMMU_OPTION_OP_GET)
		return -EOPNOTSUPP;
	cmd->val64 = ucmd->ctx->account_mode == ACCOUNT_MM;
	return 0;
}

int option_ioctl(struct ucmd *ucmd)
{
	struct iommu_option *cmd = ucmd->cmd;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->option_id == IOMMU_OPTION_RLIMIT_MODE)
		rc = rlimit_mode_option(ucmd, cmd);
	else if (cmd->option_id == IOMMU_OPTION_HUGE_PAGES)
		rc = huge_pages_option(ucmd->ctx, cmd);
	else
		rc = -EOPNOTSUPP;
	if (rc)
		return rc;
	/* Only the value is written back, and a set that can't be has taken effect all the same. */
	return client_write(ucmd->client, ucmd->uptr + offsetof(struct iommu_option, val64),
			    &cmd->val64, sizeof(cmd->val64));
}

int vfio_ioas_ioctl(struct ucmd *ucmd)
{
	struct iommu_vfio_ioas *cmd = ucmd->cmd;
	struct ctx *ctx = ucmd->ctx;
	struct ioas *ioas;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	switch (cmd->op) {
	case IOMMU_VFIO_IOAS_GET:
		if (!ctx->vfio_ioas)
			return -ENODEV;
		cmd->ioas_id = ctx->vfio_ioas->object.id;
		return ucmd_respond(ucmd, sizeof(*cmd));
	case IOMMU_VFIO_IOAS_SET:
		ioas = ioas_find(ctx, cmd->ioas_id);
		if (!ioas)
			return -ENOENT;
		ctx->vfio_ioas = ioas;
		return 0;
	case IOMMU_VFIO_IOAS_CLEAR:
		ctx->vfio_ioas = NULL;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
