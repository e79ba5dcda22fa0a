/* SPDX-License-Identifier: MIT */
/* Shared virtual addressing: device/sva.h for those who don't see the core, with its lock taken for them. */
#include <errno.h>
#include <unistd.h>

#include "core/ctx.h"
#include "device/sva.h"
#include "frontend/library/library.h"

/* The caller's address space, or another process's; with a reference. */
static int get_mm(pid_t pid, struct mm **ret_mm)
{
	if (pid && pid != getpid())
		return mm_new_remote(pid, ret_mm);
	*ret_mm = mm_get(library_get()->client.mm);
	return 0;
}

static int bind_locked(struct ctx *ctx, uint32_t dev_id, uint32_t pasid, struct mm *mm)
{
	struct device *device;

	LOCK_SCOPED(&ctx->lock);
	device = device_find(ctx, dev_id);
	return device ? sva_bind(device, pasid, mm) : -ENOENT;
}

int uiommufd_sva_bind(struct uiommufd_file *file, uint32_t dev_id, uint32_t pasid, pid_t pid)
{
	int rc = library_check(file->generation);
	struct ctx *ctx = rc ? NULL : ctx_of_file(file->file);
	struct mm *mm;

	if (!rc && !ctx)
		rc = -EINVAL;
	if (!rc)
		rc = get_mm(pid, &mm);
	if (rc)
		return rc;
	rc = bind_locked(ctx, dev_id, pasid, mm);
	mm_put(mm);
	return rc;
}

int uiommufd_sva_unbind(struct uiommufd_file *file, uint32_t dev_id, uint32_t pasid)
{
	int rc = library_check(file->generation);
	struct ctx *ctx = rc ? NULL : ctx_of_file(file->file);
	struct device *device;

	if (rc)
		return rc;
	if (!ctx)
		return -EINVAL;
	LOCK_SCOPED(&ctx->lock);
	device = device_find(ctx, dev_id);
	return device ? sva_unbind(device, pasid) : -ENOENT;
}
