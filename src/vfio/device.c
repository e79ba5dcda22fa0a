/* SPDX-License-Identifier: MIT */
/* Devices: plugging them in, their opens and closes, and the calls on their descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/client.h"
#include "vfio/internal.h"

/* ---- files ---- */

int vfio_file_new(struct vfio_device *device, const struct file_ops *ops,
		  struct vfio_file **ret_file)
{
	struct vfio_file *file = mem_zalloc(sizeof(*file));

	if (!file)
		return -ENOMEM;
	file_init(&file->file, ops);
	file->device = device;
	file->machine = machine_get(device->vfio->machine);
	*ret_file = file;
	return 0;
}

static void file_release(struct file *base)
{
	struct vfio_file *file = vfio_file_of(base);
	struct vfio *vfio = file->device->vfio;

	lock_take(&vfio->lock);
	if (atomic_load(&file->bound) && !--file->device->users)
		vfio_close_device(file->device);
	if (atomic_load(&file->bound) && !file->group)
		file->device->group->cdevs_bound--;
	lock_release(&vfio->lock);
	if (file->group)
		vfio_group_file_put(file->group);
	machine_put(file->machine);
	free(file);
}

enum {
	CDEV_ONLY = 1,	  /* not on a descriptor that a group has given */
	LOCKS_ITSELF = 2, /* the VFIO lock */
};

static const struct call {
	unsigned int cmd;
	vfio_handler *handler;
	unsigned int flags;
} calls[] = {
	{VFIO_DEVICE_ATTACH_IOMMUFD_PT, vfio_attach, CDEV_ONLY},
	{VFIO_DEVICE_DETACH_IOMMUFD_PT, vfio_detach, CDEV_ONLY},
	{VFIO_DEVICE_GET_INFO, vfio_get_info},
	{VFIO_DEVICE_GET_REGION_INFO, vfio_get_region_info},
	{VFIO_DEVICE_GET_IRQ_INFO, vfio_get_irq_info},
	{VFIO_DEVICE_SET_IRQS, vfio_set_irqs, LOCKS_ITSELF},
	{VFIO_DEVICE_RESET, vfio_reset},
	{VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, vfio_get_hot_reset_info},
	{VFIO_DEVICE_PCI_HOT_RESET, vfio_hot_reset, LOCKS_ITSELF},
	{VFIO_DEVICE_IOEVENTFD, vfio_ioeventfd, LOCKS_ITSELF},
	{VFIO_DEVICE_FEATURE, vfio_feature, LOCKS_ITSELF},
};

static const struct call *find_call(unsigned int cmd)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].cmd == cmd)
			return &calls[i];
	return NULL;
}

static long device_ioctl(struct file *base, struct client *client, unsigned int cmd, uint64_t arg)
{
	struct vfio_file *file = vfio_file_of(base);
	const struct call *call = find_call(cmd);

	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return file->group ? -ENOTTY : vfio_bind(file, client, arg);
	if (!atomic_load_explicit(&file->bound, memory_order_acquire))
		return -EINVAL;
	if (!call || (call->flags & CDEV_ONLY && file->group))
		return -ENOTTY;
	vfio_wake(file->device);
	if (call->flags & LOCKS_ITSELF)
		return call->handler(file->device, client, arg);
	LOCK_SCOPED(&file->device->vfio->lock);
	return call->handler(file->device, client, arg);
}

const struct file_ops vfio_cdev_ops = {
	.link = "/dev/vfio/devices/vfio",
	.ioctl = device_ioctl,
	.read = vfio_read,
	.write = vfio_write,
	.mmap = vfio_mmap,
	.release = file_release,
};

const struct file_ops vfio_group_device_ops = {
	.link = "anon_inode:[vfio-device]",
	.ioctl = device_ioctl,
	.read = vfio_read,
	.write = vfio_write,
	.mmap = vfio_mmap,
	.release = file_release,
};

int vfio_read_head(struct client *client, void *head, uint64_t arg, size_t min)
{
	if (client_read(client, head, arg, min))
		return -EFAULT;
	return *(uint32_t *)head < min ? -EINVAL : 0;
}

/* ---- use ---- */

/* The function is held. */
static int bind_device(struct vfio_device *device, struct ctx *ctx)
{
	int rc;

	lock_take(&ctx->lock);
	rc = device_bind(ctx, device->function->iommu, device->group->group, &device->device);
	lock_release(&ctx->lock);
	if (rc)
		return rc;
	rc = pci_bind(device->function, device->device);
	if (!rc)
		return 0;
	lock_take(&ctx->lock);
	device_unbind(device->device);
	lock_release(&ctx->lock);
	device->device = NULL;
	return rc;
}

bool vfio_present(const struct vfio_device *device)
{
	const struct pci_function *function = device->function;

	return pci_exists(function) && !atomic_load(&function->share->unbound);
}

/* One user of the device, as other processes see it. */
static int enter(struct vfio_device *device)
{
	int rc = share_enter(device->function->share);

	if (rc || vfio_present(device))
		return rc;
	share_exit(device->function->share);
	return -ENODEV;
}

static int make_ready(struct vfio_device *device, struct ctx *ctx)
{
	int rc = pci_enable(device->function);

	if (rc)
		return rc;
	pci_hold(device->function);
	rc = pci_share_bars(device->function);
	if (!rc)
		rc = bind_device(device, ctx);
	if (!rc)
		pci_config_open(device->function);
	pci_release(device->function);
	return rc;
}

int vfio_open_device(struct vfio_device *device, struct ctx *ctx)
{
	struct vfio_group *group = device->group;
	int rc;

	if (group->bound && group->ctx != ctx)
		return -EPERM;
	rc = enter(device);
	if (rc)
		return rc;
	rc = make_ready(device, ctx);
	if (rc) {
		share_exit(device->function->share);
		return rc;
	}
	ctx_get(ctx);
	device->ctx = ctx;
	device->users = 1;
	group->bound++;
	group->ctx = ctx;
	group->group = device->device->group;
	return 0;
}

static void unbind_device(struct vfio_device *device)
{
	struct vfio_group *group = device->group;
	struct ctx *ctx = device->ctx;

	pci_unbind(device->function);
	lock_take(&ctx->lock);
	device_unbind(device->device);
	lock_release(&ctx->lock);
	device->device = NULL;
	device->ctx = NULL;
	if (!--group->bound) {
		group->ctx = NULL;
		group->group = NULL;
	}
}

void vfio_close_device(struct vfio_device *device)
{
	struct pci_function *function = device->function;
	struct ctx *ctx = device->ctx;

	pci_hold(function);
	vfio_leave_low_power(device);
	vfio_end_exports(device);
	vfio_end_ioeventfds(device);
	vfio_end_irqs(device);
	unbind_device(device);
	pci_reset(function);
	pci_config_open(function);
	pci_release(function);
	ctx_put(ctx);
	share_exit(function->share);
}

static int open_cdev(struct machine *machine, struct machine_node *node, struct client *client,
		     struct file **ret_file)
{
	struct vfio_device *device = (struct vfio_device *)node;
	struct vfio_file *file;
	int rc = vfio_present(device) ? vfio_file_new(device, &vfio_cdev_ops, &file) : -ENOENT;

	if (!rc)
		*ret_file = &file->file;
	return rc;
}

/* ---- the machine's part ---- */

static void free_device(struct vfio_device *device)
{
	LIST_REMOVE(device, link);
	pci_function_free(device->function);
	lock_done(&device->exports_lock);
	free(device);
}

static void vfio_free(struct machine_part *part)
{
	struct vfio *vfio = (struct vfio *)part;
	struct vfio_device *device;
	struct vfio_group *group;

	while ((device = LIST_FIRST(&vfio->devices)))
		free_device(device);
	for (unsigned int i = 0; i < VFIO_GROUP_CHAINS; i++)
		while ((group = LIST_FIRST(&vfio->groups[i]))) {
			LIST_REMOVE(group, link);
			free(group);
		}
	lock_done(&vfio->lock);
	free(vfio);
}

static const char vfio_key;

static struct vfio *vfio_get(struct machine *machine)
{
	struct vfio *vfio;

	LOCK_SCOPED(&machine->lock);
	vfio = (struct vfio *)machine_find_part(machine, &vfio_key);
	if (vfio)
		return vfio;
	vfio = mem_zalloc(sizeof(*vfio));
	if (!vfio)
		return NULL;
	vfio->part.key = &vfio_key;
	vfio->part.free = vfio_free;
	vfio->machine = machine;
	lock_init(&vfio->lock, RANK_VFIO);
	LIST_INSERT_HEAD(&machine->parts, &vfio->part, link);
	return vfio;
}

int vfio_plug(struct machine *machine, struct pci_function *function, unsigned int number,
	      unsigned int group)
{
	struct vfio *vfio = vfio_get(machine);
	struct vfio_device *device;
	int rc;

	if (!vfio)
		return -ENOMEM;
	device = mem_zalloc(sizeof(*device));
	if (!device)
		return -ENOMEM;
	rc = vfio_group_get(vfio, group, &device->group);
	if (rc) {
		free(device);
		return rc;
	}
	device->vfio = vfio;
	device->number = number;
	device->function = function;
	vfio_irqs_init(device);
	lock_init(&device->exports_lock, RANK_FILES);
	snprintf(device->path, sizeof(device->path), "vfio/devices/vfio%u", number);
	device->node = (struct machine_node){.path = device->path, .open = open_cdev};
	LIST_INSERT_HEAD(&vfio->devices, device, link);
	machine_add_node(machine, &device->node);
	return 0;
}

void vfio_request(struct machine *machine, const struct share *share)
{
	struct machine_host *host = machine->host;
	struct vfio *vfio = vfio_get(machine);
	struct vfio_device *device;

	if (!vfio)
		return;
	LOCK_SCOPED(&vfio->lock);
	LIST_FOREACH(device, &vfio->devices, link)
		if (device->function->share == share && device->request)
			host->ops->event_signal(host, device->request);
}
