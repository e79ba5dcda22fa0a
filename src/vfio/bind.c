/* SPDX-License-Identifier: MIT */
/* The cdev's way to a context: BIND, ATTACH, DETACH. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "vfio/internal.h"

#define UPTO(type, field) (offsetof(struct type, field) + sizeof(((struct type *)0)->field))

/* ---- BIND ---- */

static int read_bind(struct client *client, uint64_t arg, struct vfio_device_bind_iommufd *bind)
{
	int rc = vfio_read_head(client, bind, arg, UPTO(vfio_device_bind_iommufd, out_devid));

	if (!rc)
		rc = copy_struct_from_client(client, bind, sizeof(*bind), arg, bind->argsz);
	if (!rc && (bind->flags & ~VFIO_DEVICE_BIND_FLAG_TOKEN || bind->iommufd < 0))
		rc = -EINVAL;
	return rc;
}

/* The context behind a descriptor, with a reference on its file. */
static int find_ctx(struct client *client, int fd, struct file **ret_file)
{
	int rc = client->ops->fd_file(client, fd, ret_file);

	if (rc)
		return rc == -ENOENT ? -EBADFD : rc;
	if (ctx_of_file(*ret_file))
		return 0;
	file_put(*ret_file);
	return -EBADFD;
}

/* BIND's flag says if there is a token. */
static int check_token(struct vfio_device *device, struct client *client,
		       const struct vfio_device_bind_iommufd *bind)
{
	struct vfio_token token;

	if (!(bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN))
		return vfio_token_check(device, NULL);
	if (client_read(client, &token, bind->token_uuid_ptr, sizeof(token)))
		return -EFAULT;
	return vfio_token_check(device, &token);
}

/* A call on its way. */
struct bind_call {
	struct client *client;
	struct vfio_device_bind_iommufd bind;
	int found; /* what looking for the context has given */
	struct file *iommu;
};

/* In the kernel's order of errors. */
static int bind_locked(struct vfio_file *file, const struct bind_call *call)
{
	struct vfio_device *device = file->device;
	int rc;

	if (device->group->opened)
		return -EBUSY;
	if (!vfio_present(device))
		return -ENODEV;
	if (atomic_load(&file->bound))
		return -EINVAL;
	rc = check_token(device, call->client, &call->bind);
	if (rc)
		return rc;
	if (call->found)
		return call->found;
	if (device->users)
		return -EINVAL;
	rc = vfio_open_device(device, ctx_of_file(call->iommu));
	if (rc)
		return rc;
	device->group->cdevs_bound++;
	return 0;
}

/* The answer, and from then on the descriptor can be used. */
static int grant(struct vfio_file *file, struct client *client, uint64_t arg)
{
	struct vfio_device *device = file->device;
	uint32_t id = device->device->object.id;

	if (client_write(client, arg + offsetof(struct vfio_device_bind_iommufd, out_devid), &id,
			 sizeof(id))) {
		device->users = 0;
		device->group->cdevs_bound--;
		vfio_close_device(device);
		return -EFAULT;
	}
	atomic_store_explicit(&file->bound, true, memory_order_release);
	return 0;
}

long vfio_bind(struct vfio_file *file, struct client *client, uint64_t arg)
{
	struct bind_call call = {.client = client};
	int rc = read_bind(client, arg, &call.bind);

	if (rc)
		return rc;
	/* Before the lock: the frontend may have to open it first. */
	call.found = find_ctx(client, call.bind.iommufd, &call.iommu);
	lock_take(&file->device->vfio->lock);
	rc = bind_locked(file, &call);
	if (!rc)
		rc = grant(file, client, arg);
	lock_release(&file->device->vfio->lock);
	if (!call.found)
		file_put(call.iommu);
	return rc;
}

/* ---- ATTACH, DETACH ---- */

/* A PASID's attachment is named by a number that the kernel allocates: there are 2^31. */
static int attach(struct vfio_device *device, uint32_t pasid, uint32_t *pt_id)
{
	if (pasid > INT_MAX)
		return -ENOSPC;
	LOCK_SCOPED(&device->ctx->lock);
	if (device_attachment_find(device->device, pasid))
		return device_replace(device->device, pasid, pt_id);
	return device_attach(device->device, pasid, pt_id);
}

static void detach(struct vfio_device *device, uint32_t pasid)
{
	LOCK_SCOPED(&device->ctx->lock);
	device_detach(device->device, pasid);
}

/*
 * Reads a struct whose last field, a PASID, is there if a flag says so. `min`: the size without it.
 */
static int read_with_pasid(struct client *client, void *cmd, uint64_t arg, size_t min, size_t size)
{
	const uint32_t has_pasid = VFIO_DEVICE_ATTACH_PASID; /* DETACH's is the same */
	uint32_t *words = cmd;
	int rc;

	words[size / 4 - 1] = 0;
	rc = vfio_read_head(client, cmd, arg, min);
	if (rc)
		return rc;
	if (words[1] & ~has_pasid)
		return -EINVAL;
	if (!(words[1] & has_pasid))
		return 0;
	if (words[0] < size)
		return -EINVAL;
	return client_read(client, cmd, arg, size);
}

long vfio_attach(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct vfio_device_attach_iommufd_pt cmd;
	int rc;

	rc = read_with_pasid(client, &cmd, arg, UPTO(vfio_device_attach_iommufd_pt, pt_id),
			     sizeof(cmd));
	if (!rc)
		rc = attach(device, cmd.pasid, &cmd.pt_id);
	if (rc)
		return rc;
	if (client_write(client, arg + offsetof(struct vfio_device_attach_iommufd_pt, pt_id),
			 &cmd.pt_id, sizeof(cmd.pt_id))) {
		detach(device, cmd.pasid);
		return -EFAULT;
	}
	return 0;
}

long vfio_detach(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct vfio_device_detach_iommufd_pt cmd;
	int rc;

	rc = read_with_pasid(client, &cmd, arg, UPTO(vfio_device_detach_iommufd_pt, flags),
			     sizeof(cmd));
	if (!rc)
		detach(device, cmd.pasid);
	return rc;
}
