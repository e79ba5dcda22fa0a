/* SPDX-License-Identifier: MIT */
/* Groups: /dev/vfio/N, and devices that are used by way of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/client.h"
#include "ioas/ioas.h"
#include "iommu/iommu.h"
#include "vfio/internal.h"

/* A group's one descriptor; devices that came from it keep it. */
struct vfio_group_file {
	struct file file;
	struct vfio_group *group;
	struct machine *machine; /* a reference */
	struct ctx *container;	 /* a reference, or NULL */
	unsigned int devices;	 /* that are open by it: files */
};

#define NAME_MAX_BYTES 128

/* ---- containers ---- */

/* The IOAS that container users work on, made if there is none. */
static int make_compat_ioas(struct ctx *ctx)
{
	struct ioas *ioas;
	int rc;

	LOCK_SCOPED(&ctx->lock);
	if (ctx->vfio_ioas)
		return 0;
	rc = ioas_new(ctx, &ioas);
	if (rc)
		return rc;
	object_publish(&ioas->object);
	ctx->vfio_ioas = ioas;
	return 0;
}

/*
 * What a device's IOMMU can't map is kept free. For VFIO's own container, which has a group's IOMMU behind it from when the group joins: programs ask it for the
 * ranges before they open a device.
 */
static int keep_free(struct ioas *ioas, struct iommu_dev *dev, const void *owner)
{
	struct domain *domain;
	uint64_t first, last;
	int rc = dev->ops->alloc_paging(dev, 0, NULL, &domain);

	if (rc)
		return rc;
	first = domain->first;
	last = domain->last;
	domain->ops->free(domain);
	if (first)
		rc = ioas_reserve(ioas, 0, first - 1, owner);
	if (!rc && last != UINT64_MAX)
		rc = ioas_reserve(ioas, last + 1, UINT64_MAX, owner);
	for (size_t i = 0; i < dev->n_reserved && !rc; i++)
		rc = ioas_reserve(ioas, dev->reserved[i].first, dev->reserved[i].last, owner);
	return rc;
}

static void leave_container(struct vfio_group_file *file, struct ctx *ctx)
{
	LOCK_SCOPED(&ctx->lock);
	if (ctx->vfio_ioas)
		ioas_unreserve(ctx->vfio_ioas, file);
}

static int join_container(struct vfio_group_file *file, struct ctx *ctx)
{
	struct vfio_device *device;
	int rc = 0;

	if (!ctx->maps_registers)
		return 0;
	LOCK_SCOPED(&ctx->lock);
	if (!ctx->vfio_ioas)
		return -ENODEV;
	LIST_FOREACH(device, &file->group->vfio->devices, link) {
		if (device->group == file->group && !rc)
			rc = keep_free(ctx->vfio_ioas, device->function->iommu, file);
	}
	if (rc)
		ioas_unreserve(ctx->vfio_ioas, file);
	return rc;
}

static int set_container(struct vfio_group_file *file, struct file *container)
{
	struct ctx *ctx = ctx_of_file(container);
	int rc;

	LOCK_SCOPED(&file->group->vfio->lock);
	if (file->container || !ctx)
		return -EINVAL;
	rc = make_compat_ioas(ctx);
	if (!rc)
		rc = join_container(file, ctx);
	if (rc)
		return rc;
	ctx_get(ctx);
	file->container = ctx;
	return 0;
}

static long ioctl_set_container(struct vfio_group_file *file, struct client *client, uint64_t arg)
{
	struct file *container;
	int32_t fd;
	int rc;

	if (client_read(client, &fd, arg, sizeof(fd)))
		return -EFAULT;
	if (fd < 0)
		return -EINVAL;
	rc = client->ops->fd_file(client, fd, &container);
	if (rc)
		return rc == -ENOENT ? -EINVAL : rc;
	rc = set_container(file, container);
	file_put(container);
	return rc;
}

static long ioctl_unset_container(struct vfio_group_file *file)
{
	struct ctx *ctx;
	long rc;

	lock_take(&file->group->vfio->lock);
	ctx = file->devices ? NULL : file->container;
	rc = ctx ? 0 : file->devices ? -EBUSY : -EINVAL;
	if (ctx) {
		/* Before another thread can join it again: what it keeps free is named by the file. */
		leave_container(file, ctx);
		file->container = NULL;
	}
	lock_release(&file->group->vfio->lock);
	if (ctx)
		ctx_put(ctx);
	return rc;
}

static long ioctl_get_status(struct vfio_group_file *file, struct client *client, uint64_t arg)
{
	struct vfio_group_status status;
	int rc = vfio_read_head(client, &status, arg, sizeof(status));

	if (rc)
		return rc;
	lock_take(&file->group->vfio->lock);
	status.flags =
		VFIO_GROUP_FLAGS_VIABLE | (file->container ? VFIO_GROUP_FLAGS_CONTAINER_SET : 0);
	lock_release(&file->group->vfio->lock);
	return client_write(client, arg, &status, sizeof(status));
}

/* ---- GET_DEVICE_FD ---- */

/* A string of the client's, with its end. -EFAULT; -EINVAL: it is too long. */
static int read_string(struct client *client, uint64_t at, char text[NAME_MAX_BYTES])
{
	for (size_t i = 0; i < NAME_MAX_BYTES; i++) {
		if (client_read(client, &text[i], at + i, 1))
			return -EFAULT;
		if (!text[i])
			return 0;
	}
	return -EINVAL;
}

static struct vfio_device *find_device(struct vfio_group *group, const char *name)
{
	struct vfio_device *device;

	LIST_FOREACH(device, &group->vfio->devices, link)
		if (device->group == group && !strcmp(device->function->name, name) &&
		    vfio_present(device))
			break;
	return device;
}

/* Has the group devices that are there? */
static bool has_devices(struct vfio_group *group)
{
	struct vfio_device *device;

	LIST_FOREACH(device, &group->vfio->devices, link)
		if (device->group == group && vfio_present(device))
			return true;
	return false;
}

/* What GET_DEVICE_FD's string says: "0000:01:00.0 vf_token=2ab74924-c335-45f4-9b16-8569e5b08258". */
struct device_words {
	char name[NAME_MAX_BYTES]; /* cut from what follows */
	bool has_token;
	struct vfio_token token;
};

/* The key=value pairs behind the name. -EINVAL. */
static int read_words(const char *at, struct device_words *words)
{
	const char *key = "vf_token=";
	int rc;

	while (*at) {
		if (*at == ' ') {
			at++;
			continue;
		}
		if (words->has_token || strncmp(at, key, strlen(key)) != 0)
			return -EINVAL;
		at += strlen(key);
		rc = vfio_token_parse(at, &words->token);
		if (rc)
			return rc;
		words->has_token = true;
		at += VFIO_TOKEN_TEXT;
	}
	return 0;
}

/* May the device be had with these? */
static int check_words(struct vfio_device *device, const char *options, struct device_words *words)
{
	int rc = read_words(options, words);

	return rc ? rc : vfio_token_check(device, words->has_token ? &words->token : NULL);
}

/* To the IOAS of the container. */
static int attach_compat(struct vfio_device *device)
{
	struct ctx *ctx = device->ctx;
	uint32_t pt_id;

	LOCK_SCOPED(&ctx->lock);
	if (!ctx->vfio_ioas)
		return -ENODEV;
	pt_id = ctx->vfio_ioas->object.id;
	return device_attach(device->device, 0, &pt_id);
}

/* One more user of the device; the first opens it. */
static int use_device(struct vfio_device *device, struct ctx *ctx)
{
	int rc;

	if (device->users) {
		device->users++;
		return 0;
	}
	rc = vfio_open_device(device, ctx);
	if (rc)
		return rc;
	rc = attach_compat(device);
	if (rc) {
		device->users = 0;
		vfio_close_device(device);
	}
	return rc;
}

static int open_device(struct vfio_group_file *group, struct device_words *words,
		       struct vfio_file **ret_file)
{
	char *options = words->name + strcspn(words->name, " ");
	struct vfio_device *device;
	struct vfio_file *file;
	int rc;

	LOCK_SCOPED(&group->group->vfio->lock);
	if (!group->container)
		return -EINVAL;
	if (*options)
		*options++ = '\0';
	device = find_device(group->group, words->name);
	if (!device)
		return -ENODEV;
	rc = check_words(device, options, words);
	if (rc)
		return rc;
	rc = vfio_file_new(device, &vfio_group_device_ops, &file);
	if (rc)
		return rc;
	file->group = group;
	file_get(&group->file);
	group->devices++;
	rc = use_device(device, group->container);
	atomic_store(&file->bound, !rc);
	*ret_file = file;
	return rc;
}

static long ioctl_get_device_fd(struct vfio_group_file *group, struct client *client, uint64_t arg)
{
	struct vfio_file *file = NULL;
	struct device_words words = {};
	int rc = read_string(client, arg, words.name);

	if (!rc)
		rc = open_device(group, &words, &file);
	if (!rc)
		rc = client->ops->fd_install(client, &file->file);
	if (rc < 0 && file)
		file_put(&file->file);
	return rc;
}

/* ---- the file ---- */

static long group_ioctl(struct file *base, struct client *client, unsigned int cmd, uint64_t arg)
{
	struct vfio_group_file *file = (struct vfio_group_file *)base;

	switch (cmd) {
	case VFIO_GROUP_GET_STATUS:
		return ioctl_get_status(file, client, arg);
	case VFIO_GROUP_SET_CONTAINER:
		return ioctl_set_container(file, client, arg);
	case VFIO_GROUP_UNSET_CONTAINER:
		return ioctl_unset_container(file);
	case VFIO_GROUP_GET_DEVICE_FD:
		return ioctl_get_device_fd(file, client, arg);
	default:
		return -ENOTTY;
	}
}

static void group_release(struct file *base)
{
	struct vfio_group_file *file = (struct vfio_group_file *)base;
	struct vfio *vfio = file->group->vfio;

	lock_take(&vfio->lock);
	file->group->opened = NULL;
	lock_release(&vfio->lock);
	if (file->container) {
		leave_container(file, file->container);
		ctx_put(file->container);
	}
	machine_put(file->machine);
	free(file);
}

static const struct file_ops group_ops = {
	.link = "/dev/vfio/",
	.ioctl = group_ioctl,
	.release = group_release,
};

static int read_group(struct vfio *vfio, struct client *client, uint64_t at,
		      struct vfio_group **ret_group)
{
	struct file *file;
	int32_t fd;
	int rc;

	if (client_read(client, &fd, at, sizeof(fd)))
		return -EFAULT;
	rc = client->ops->fd_file(client, fd, &file);
	if (rc)
		return rc == -ENOENT ? -EINVAL : rc;
	rc = -EINVAL;
	if (file->ops == &group_ops) {
		*ret_group = ((struct vfio_group_file *)file)->group;
		rc = (*ret_group)->vfio == vfio ? 0 : -EINVAL;
	}
	file_put(file);
	return rc;
}

int vfio_group_list_read(struct vfio *vfio, struct client *client, uint64_t at, uint32_t count,
			 struct vfio_group_list *ret_list)
{
	ret_list->count = count;
	for (uint32_t i = 0; i < count; i++) {
		int rc = read_group(vfio, client, at + i * sizeof(int32_t), &ret_list->groups[i]);

		if (rc)
			return rc;
	}
	return 0;
}

bool vfio_group_listed(const struct vfio_group_list *list, const struct vfio_group *group)
{
	for (unsigned int i = 0; i < list->count; i++)
		if (list->groups[i] == group)
			return true;
	return false;
}

void vfio_group_file_put(struct vfio_group_file *file)
{
	lock_take(&file->group->vfio->lock);
	file->devices--;
	lock_release(&file->group->vfio->lock);
	file_put(&file->file);
}

static int open_group(struct machine *machine, struct machine_node *node, struct client *client,
		      struct file **ret_file)
{
	struct vfio_group *group = (struct vfio_group *)node;
	struct vfio_group_file *file;

	LOCK_SCOPED(&group->vfio->lock);
	if (!has_devices(group))
		return -ENOENT;
	if (group->opened || group->cdevs_bound)
		return -EBUSY;
	file = mem_zalloc(sizeof(*file));
	if (!file)
		return -ENOMEM;
	file_init(&file->file, &group_ops);
	file->group = group;
	file->machine = machine_get(machine);
	group->opened = file;
	*ret_file = &file->file;
	return 0;
}

int vfio_group_get(struct vfio *vfio, unsigned int number, struct vfio_group **ret_group)
{
	const unsigned int chain = number % VFIO_GROUP_CHAINS;
	struct vfio_group *group;

	LIST_FOREACH(group, &vfio->groups[chain], link)
		if (group->number == number)
			break;
	if (!group) {
		group = mem_zalloc(sizeof(*group));
		if (!group)
			return -ENOMEM;
		group->vfio = vfio;
		group->number = number;
		snprintf(group->path, sizeof(group->path), "vfio/%u", number);
		group->node = (struct machine_node){.path = group->path, .open = open_group};
		LIST_INSERT_HEAD(&vfio->groups[chain], group, link);
		machine_add_node(vfio->machine, &group->node);
	}
	*ret_group = group;
	return 0;
}
