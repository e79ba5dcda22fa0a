/* SPDX-License-Identifier: MIT */
/* Objects: ids, lookup, DESTROY. */
#include "core/object.h"

#include <errno.h>
#include <stddef.h>

#include <uiommufd/iommufd.h>

#include "core/ctx.h"
#include "core/ioctl.h"

int object_init(struct object *object, struct ctx *ctx, const struct object_type *type)
{
	int rc = idmap_reserve(&ctx->ids, &object->id);

	if (rc)
		return rc;
	object->type = type;
	object->ctx = ctx;
	object->users = 0;
	return 0;
}

void object_publish(struct object *object)
{
	idmap_publish(&object->ctx->ids, object->id, object);
}

void object_destroy(struct object *object)
{
	idmap_remove(&object->ctx->ids, object->id);
	object->type->destroy(object);
}

void object_abandon(struct object *object)
{
	object_destroy(object);
}

void object_destroy_tombstone(struct object *object)
{
	idmap_publish(&object->ctx->ids, object->id, NULL);
	object->type->destroy(object);
}

struct object *object_find(struct ctx *ctx, uint32_t id, const struct object_type *type)
{
	struct object *object = idmap_find(&ctx->ids, id);

	return object && (!type || object->type == type) ? object : NULL;
}

int destroy_ioctl(struct ucmd *ucmd)
{
	struct iommu_destroy *cmd = ucmd->cmd;
	struct object *object = object_find(ucmd->ctx, cmd->id, NULL);

	if (!object)
		return -ENOENT;
	if (object->users || (object->type->busy && object->type->busy(object)))
		return -EBUSY;
	object_destroy(object);
	return 0;
}
