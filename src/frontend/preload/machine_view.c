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

static struct config *description;

static void give_up(const char *why, unsigned int line)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "uiommufd: UIOMMUFD_MACHINE can't be used (line %u): %s.\n", line, why);

	(void)!write(STDERR_FILENO, text, n);
	_exit(127);
}

/* Before the tree is built, which asks. */
__attribute__((constructor(101))) static void description_init(void)
{
	const char *text = getenv("UIOMMUFD_MACHINE");
	struct config_error error = {};

	if (!text || !*text)
		return;
	if (config_new(&description))
		give_up("memory is out", 0);
	if (config_read(description, text, &error) || config_complete(description, NULL, &error))
		give_up(error.text, error.line);
}

const struct config *preload_config(void)
{
	return description;
}

void sysfs_place(const struct config_device *device, char ret_place[static SYSFS_PLACE_BYTES])
{
	char address[CONFIG_ADDRESS_BYTES];

	config_address_write(&device->address, address);
	snprintf(ret_place, SYSFS_PLACE_BYTES, "pci%.7s/%s", address, address);
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
	dir->present = node->present;
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

int machine_view_add(struct vtree *tree, const struct config *config)
{
	int r = sysfs_add_machine(tree, config);

	for (size_t i = 0; i < config->device_count && !r; i++)
		r = sysfs_add_device(tree, config, i);
	return r;
}
