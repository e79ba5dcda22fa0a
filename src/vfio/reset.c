/* SPDX-License-Identifier: MIT */
/* Resets that a program asks for: of its device alone, or of all on the bus. */
#include <errno.h>
#include <stddef.h>

#include "core/client.h"
#include "vfio/internal.h"

void vfio_reset_function(struct vfio_device *device)
{
	vfio_revoke_exports(device, true);
	pci_reset(device->function);
	vfio_revoke_exports(device, false);
}

long vfio_reset(struct vfio_device *device, struct client *client, uint64_t arg)
{
	if (!pci_has_flr(device->function))
		return -EINVAL;
	vfio_reset_function(device);
	return 0;
}

/* ---- all on the bus ---- */

/* A bus below a bridge can be reset, the root's can't, nor one that virtual functions alone are on. */
static bool has_bus_reset(const struct vfio_device *device)
{
	return device->function->slot.bus != 0 && !device->function->pf;
}

static bool same_bus(const struct vfio_device *a, const struct vfio_device *b)
{
	return a->function->slot.domain == b->function->slot.domain &&
	       a->function->slot.bus == b->function->slot.bus && pci_exists(b->function);
}

/* Is it the caller's to reset, whose device this is? What nobody has open is his if its group is. */
static bool owned(const struct vfio_device *device, const struct vfio_device *other)
{
	return other->group->bound && other->group->ctx == device->ctx;
}

static bool by_cdev(const struct vfio_device *device)
{
	return device->group->cdevs_bound;
}

static uint32_t name_of(const struct vfio_device *device, const struct vfio_device *other)
{
	if (!by_cdev(device))
		return other->group->number;
	if (!owned(device, other))
		return (uint32_t)VFIO_PCI_DEVID_NOT_OWNED;
	return other->device ? other->device->object.id : VFIO_PCI_DEVID_OWNED;
}

/* Writes as many as there is room for; counts all. */
static int list_dependents(struct vfio_device *device, struct client *client, uint64_t arg,
			   struct vfio_pci_hot_reset_info *info)
{
	const size_t head = sizeof(*info), each = sizeof(struct vfio_pci_dependent_device);
	struct vfio_device *other;

	info->flags = by_cdev(device) ? VFIO_PCI_HOT_RESET_FLAG_DEV_ID |
						VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
				      : 0;
	info->count = 0;
	LIST_FOREACH(other, &device->vfio->devices, link) {
		const struct pci_slot *slot = &other->function->slot;
		struct vfio_pci_dependent_device entry = {
			.group_id = name_of(device, other),
			.segment = slot->domain,
			.bus = slot->bus,
			.devfn = (uint8_t)(slot->device << 3 | slot->function),
		};
		uint64_t at = head + info->count * each;

		if (!same_bus(device, other))
			continue;
		if (by_cdev(device) && !owned(device, other))
			info->flags &= ~(uint32_t)VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
		info->count++;
		if (at + each <= info->argsz && client_write(client, arg + at, &entry, each))
			return -EFAULT;
	}
	return head + info->count * each > info->argsz ? -ENOSPC : 0;
}

long vfio_get_hot_reset_info(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct vfio_pci_hot_reset_info info;
	int rc = vfio_read_head(client, &info, arg, sizeof(info));

	if (rc)
		return rc;
	if (!has_bus_reset(device))
		return -ENODEV;
	rc = list_dependents(device, client, arg, &info);
	if (rc != -EFAULT && client_write(client, arg, &info, sizeof(info)))
		rc = -EFAULT;
	return rc;
}

static bool all_owned(const struct vfio_device *device, const struct vfio_group_list *groups)
{
	const struct vfio_device *other;

	LIST_FOREACH(other, &device->vfio->devices, link) {
		if (!same_bus(device, other))
			continue;
		if (by_cdev(device) ? !owned(device, other)
				    : !vfio_group_listed(groups, other->group))
			return false;
	}
	return true;
}

static void reset_bus(struct vfio_device *device)
{
	struct vfio_device *other;

	LIST_FOREACH(other, &device->vfio->devices, link)
		if (same_bus(device, other))
			vfio_reset_function(other);
}

/* The users of groups name those that they have. */
static int read_groups(struct vfio_device *device, struct client *client, uint64_t arg,
		       const struct vfio_pci_hot_reset *head, struct vfio_group_list *groups)
{
	const uint64_t at = arg + offsetof(struct vfio_pci_hot_reset, group_fds);

	if (!!head->count == by_cdev(device) || head->count > VFIO_GROUP_LIST ||
	    (head->argsz - sizeof(*head)) / sizeof(int32_t) < head->count)
		return -EINVAL;
	return vfio_group_list_read(device->vfio, client, at, head->count, groups);
}

static int hot_reset(struct vfio_device *device, const struct vfio_group_list *groups)
{
	LOCK_SCOPED(&device->vfio->lock);
	if (!all_owned(device, groups))
		return -EINVAL;
	reset_bus(device);
	return 0;
}

/* Takes the VFIO lock itself: descriptors are looked up before. */
long vfio_hot_reset(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct vfio_group_list groups;
	struct vfio_pci_hot_reset head;
	int rc = vfio_read_head(client, &head, arg, sizeof(head));

	if (!rc && head.flags)
		rc = -EINVAL;
	if (!rc && !has_bus_reset(device))
		rc = -ENODEV;
	if (!rc)
		rc = read_groups(device, client, arg, &head, &groups);
	return rc ? rc : hot_reset(device, &groups);
}
