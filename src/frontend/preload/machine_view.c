/* SPDX-License-Identifier: MIT */
/* The machine of this process, as nodes. */
#include "frontend/preload/machine_view.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/share.h"

/* ---- when nodes are there ---- */

const struct sysfs_machine *sysfs_machine(const struct vnode *vnode)
{
	while (vnode->parent)
		vnode = vnode->parent;
	return vnode->data;
}

bool sysfs_exists(const struct sysfs_machine *machine, const struct config_device *device)
{
	if (!device->is_vf)
		return true;
	return machine->shares && device->vf < atomic_load(&machine->shares[device->pf].vfs);
}

bool sysfs_bound(const struct sysfs_machine *machine, const struct config_device *device)
{
	size_t index = (size_t)(device - machine->config->devices);

	if (!sysfs_exists(machine, device))
		return false;
	return !machine->shares || !atomic_load(&machine->shares[index].unbound);
}

static bool owner_exists(const struct vnode *vnode)
{
	return sysfs_exists(sysfs_machine(vnode), vnode->owner);
}

static bool owner_bound(const struct vnode *vnode)
{
	return sysfs_bound(sysfs_machine(vnode), vnode->owner);
}

static bool any_of_group(const struct vnode *vnode, bool (*is)(const struct sysfs_machine *machine,
							       const struct config_device *device))
{
	const struct sysfs_machine *machine = sysfs_machine(vnode);
	const struct config *config = machine->config;
	const struct config_device *owner = vnode->owner;

	if (is(machine, owner)) /* as mostly: it need not be looked for */
		return true;
	for (size_t i = 0; i < config->device_count; i++)
		if (config->devices[i].group == owner->group && is(machine, &config->devices[i]))
			return true;
	return false;
}

static bool group_exists(const struct vnode *vnode)
{
	return any_of_group(vnode, sysfs_exists);
}

static bool group_bound(const struct vnode *vnode)
{
	return any_of_group(vnode, sysfs_bound);
}

void sysfs_while(struct vtree *tree, enum sysfs_when when, const struct config_device *device)
{
	static bool (*const present[])(const struct vnode *vnode) = {
		[SYSFS_ALWAYS] = NULL,
		[SYSFS_EXISTS] = owner_exists,
		[SYSFS_BOUND] = owner_bound,
		[SYSFS_GROUP_EXISTS] = group_exists,
		[SYSFS_GROUP_BOUND] = group_bound,
	};

	tree->present = present[when];
	tree->owner = device;
}

void sysfs_place(const struct config_device *device, char ret_place[static SYSFS_PLACE_BYTES])
{
	char address[CONFIG_ADDRESS_BYTES], root[CONFIG_ADDRESS_BYTES];

	config_address_write(device->is_vf ? &device->pf_address : &device->address, root);
	config_address_write(&device->address, address);
	snprintf(ret_place, SYSFS_PLACE_BYTES, "pci%.7s/%s", root, address);
}

/* As the kernel's drivers name them; an SMMU by where its registers are. */
void sysfs_iommu_name(const struct config_iommu *iommu, char ret_name[static SYSFS_IOMMU_BYTES])
{
	if (!strcmp(iommu->kind, "smmuv3"))
		snprintf(ret_name, SYSFS_IOMMU_BYTES, "smmu3.0x%016llx",
			 0x9050000ull + (unsigned int)iommu->unit * 0x20000ull);
	else if (!strcmp(iommu->kind, "amd"))
		snprintf(ret_name, SYSFS_IOMMU_BYTES, "ivhd%d", iommu->unit);
	else
		snprintf(ret_name, SYSFS_IOMMU_BYTES, "dmar%d", iommu->unit);
}

int sysfs_link(struct vtree *tree, struct vnode *dir, const char *path, const char *target, ...)
{
	char text[PATH_MAX];
	struct vnode *link;
	va_list args;
	int n;

	va_start(args, target);
	n = vsnprintf(text, sizeof(text), target, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		return -ENAMETOOLONG;
	return vtree_make_link(tree, dir, path, text, &link);
}

int sysfs_dir(struct vtree *tree, struct vnode **ret_dir, const char *path, ...)
{
	char text[PATH_MAX];
	va_list args;
	int n;

	va_start(args, path);
	n = vsnprintf(text, sizeof(text), path, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		return -ENAMETOOLONG;
	return vtree_make_dir(tree, NULL, text, ret_dir);
}

/* ---- character devices ---- */

/* A folder's data is its device's node. */
static const struct vnode *node_of(const struct vnode *vnode)
{
	return vnode->data;
}

static ssize_t dev_text(const struct vnode *vnode, char *buf, size_t size)
{
	return snprintf(buf, size, "%u:%u\n", node_of(vnode)->major, node_of(vnode)->minor);
}

static ssize_t char_uevent_text(const struct vnode *vnode, char *buf, size_t size)
{
	char path[PATH_MAX];
	int r = vnode_path(node_of(vnode), path, sizeof(path));

	if (r < 0)
		return r;
	return snprintf(buf, size, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n", node_of(vnode)->major,
			node_of(vnode)->minor, path + strlen("/dev/"));
}

static const struct vnode_file char_files[] = {
	{"dev", 0444, dev_text, NULL},
	{"uevent", 0644, char_uevent_text, NULL},
	{},
};

static int add_folder(struct vtree *tree, const struct sysfs_char *what, const struct vnode *node)
{
	struct vnode *dir;
	int r = sysfs_dir(tree, &dir, "/sys/devices/%s", what->folder);

	if (r)
		return r;
	dir->data = node;
	return vtree_make_files(tree, dir, char_files, SYSFS_FILE_SIZE);
}

int sysfs_add_char(struct vtree *tree, const struct sysfs_char *what)
{
	char path[PATH_MAX];
	struct vnode *node;
	int r;

	if (snprintf(path, sizeof(path), "/dev/%s", what->node) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = vtree_make_char(tree, NULL, path, &node);
	if (r)
		return r;
	node->mode = what->mode;
	node->major = what->major;
	node->minor = what->minor;
	r = add_folder(tree, what, node);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", what->major, what->minor);
	r = r ? r : sysfs_link(tree, NULL, path, "../../devices/%s", what->folder);
	snprintf(path, sizeof(path), "/dev/char/%u:%u", what->major, what->minor);
	return r ? r : sysfs_link(tree, NULL, path, "../%s", what->node);
}

int machine_view_add(struct vtree *tree, const struct sysfs_machine *machine)
{
	const struct config *config = machine->config;
	int r = sysfs_add_machine(tree, config);

	tree->root.data = machine;
	for (size_t i = 0; i < config->device_count && !r; i++)
		r = sysfs_add_device(tree, config, i);
	return r;
}
