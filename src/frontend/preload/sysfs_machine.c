/* SPDX-License-Identifier: MIT */
/* What sysfs has around devices: their groups and IOMMUs, the driver and its modules, classes of VFIO. */
#include <stdio.h>
#include <string.h>

#include "frontend/preload/machine_view.h"

static ssize_t text_of(const char *text, char *buf, size_t size)
{
	return snprintf(buf, size, "%s\n", text);
}

#define CONSTANT_TEXT(name, text)                                                                  \
	static ssize_t name##_text(const struct vnode *vnode, char *buf, size_t size)              \
	{                                                                                          \
		return text_of(text, buf, size);                                                   \
	}

CONSTANT_TEXT(no, "N")
CONSTANT_TEXT(one, "1")
CONSTANT_TEXT(live, "live")
CONSTANT_TEXT(entry_limit, "65535")
CONSTANT_TEXT(type, "DMA")

static ssize_t nothing_text(const struct vnode *vnode, char *buf, size_t size)
{
	return 0;
}

/* ---- groups ---- */

/* Where an IOMMU takes writes of devices for interrupts: on x86, as on Arm, where Linux puts it by software. */
static ssize_t reserved_text(const struct vnode *vnode, char *buf, size_t size)
{
	const struct config_iommu *iommu = vnode->data;

	if (!strcmp(iommu->kind, "smmuv3"))
		return text_of("0x0000000008000000 0x00000000080fffff msi", buf, size);
	return text_of("0x00000000fee00000 0x00000000feefffff msi", buf, size);
}

static const struct vnode_file group_files[] = {
	{"type", 0644, type_text, NULL},
	{"reserved_regions", 0444, reserved_text, NULL},
	{},
};

static int add_group_node(struct vtree *tree, int group)
{
	char node[32], folder[48], path[48];
	const struct sysfs_char what = {.node = node,
					.mode = 0600,
					.major = VFIO_GROUP_MAJOR,
					.minor = (unsigned int)group,
					.folder = folder};
	struct vnode *dir;
	int r;

	snprintf(node, sizeof(node), "vfio/%d", group);
	snprintf(folder, sizeof(folder), "virtual/vfio/%d", group);
	r = sysfs_add_char(tree, &what);
	r = r ? r : sysfs_dir(tree, &dir, "/sys/devices/%s", folder);
	r = r ? r : sysfs_link(tree, dir, "subsystem", "../../../../class/vfio");
	snprintf(path, sizeof(path), "/sys/class/vfio/%d", group);
	return r ? r : sysfs_link(tree, NULL, path, "../../devices/%s", folder);
}

static int add_group(struct vtree *tree, const struct config *config,
		     const struct config_device *device)
{
	struct vnode *dir, *devices;
	int r;

	sysfs_while(tree, SYSFS_GROUP_EXISTS, device);
	r = sysfs_dir(tree, &dir, "/sys/kernel/iommu_groups/%d", device->group);

	if (r || dir->data) /* another device's group, too */
		return r;
	dir->data = &config->iommus[device->iommu];
	r = vtree_make_dir(tree, dir, "devices", &devices);
	r = r ? r : vtree_make_files(tree, dir, group_files, SYSFS_FILE_SIZE);
	sysfs_while(tree, SYSFS_GROUP_BOUND, device);
	return r ? r : add_group_node(tree, device->group);
}

/* ---- IOMMUs ---- */

static int add_iommu(struct vtree *tree, const struct config_iommu *iommu)
{
	char name[SYSFS_IOMMU_BYTES], path[80];
	struct vnode *dir, *devices;
	int r;

	sysfs_iommu_name(iommu, name);
	r = sysfs_dir(tree, &dir, "/sys/devices/virtual/iommu/%s", name);
	r = r ? r : vtree_make_dir(tree, dir, "devices", &devices);
	r = r ? r : sysfs_link(tree, dir, "subsystem", "../../../../class/iommu");
	snprintf(path, sizeof(path), "/sys/class/iommu/%s", name);
	return r ? r : sysfs_link(tree, NULL, path, "../../devices/virtual/iommu/%s", name);
}

static int add_iommu_device(struct vtree *tree, const struct config *config,
			    const struct config_device *device)
{
	char name[SYSFS_IOMMU_BYTES], place[SYSFS_PLACE_BYTES], path[128];

	sysfs_iommu_name(&config->iommus[device->iommu], name);
	sysfs_place(device, place);
	snprintf(path, sizeof(path), "/sys/devices/virtual/iommu/%s/devices/%s", name,
		 strchr(place, '/') + 1);
	return sysfs_link(tree, NULL, path, "../../../../%s", place);
}

/* ---- the driver, and modules ---- */

static const struct vnode_file driver_files[] = {
	{"bind", 0200, NULL, sysfs_bind}, {"unbind", 0200, NULL, sysfs_unbind},
	{"new_id", 0200, NULL, NULL},	  {"remove_id", 0200, NULL, NULL},
	{"uevent", 0200, NULL, NULL},	  {},
};

static const struct vnode_file module_files[] = {
	{"initstate", 0444, live_text, NULL},
	{"refcnt", 0444, one_text, NULL},
	{},
};

static const struct vnode_file vfio_files[] = {
	{"parameters/enable_unsafe_noiommu_mode", 0644, no_text, NULL},
	{},
};

static const struct vnode_file type1_files[] = {
	{"parameters/allow_unsafe_interrupts", 0644, no_text, NULL},
	{"parameters/disable_hugepages", 0644, no_text, NULL},
	{"parameters/dma_entry_limit", 0644, entry_limit_text, NULL},
	{},
};

static const struct vnode_file vfio_pci_files[] = {
	{"parameters/disable_denylist", 0444, no_text, NULL},
	{"parameters/disable_idle_d3", 0444, no_text, NULL},
	{"parameters/enable_sriov", 0644, no_text, NULL},
	{"parameters/ids", 0444, nothing_text, NULL},
	{},
};

static const struct module {
	const char *name;
	const struct vnode_file *files;
} modules[] = {
	{"iommufd", NULL},
	{"vfio", vfio_files},
	{"vfio_iommu_type1", type1_files},
	{"vfio_pci", vfio_pci_files},
	{"vfio_pci_core", NULL},
};

static int add_module(struct vtree *tree, const struct module *module)
{
	struct vnode *dir;
	int r = sysfs_dir(tree, &dir, "/sys/module/%s", module->name);

	r = r ? r : vtree_make_files(tree, dir, module_files, SYSFS_FILE_SIZE);
	return r || !module->files ? r
				   : vtree_make_files(tree, dir, module->files, SYSFS_FILE_SIZE);
}

static int add_driver(struct vtree *tree)
{
	struct vnode *dir;
	int r = 0;

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]) && !r; i++)
		r = add_module(tree, &modules[i]);
	r = r ? r : sysfs_dir(tree, &dir, "/sys/bus/pci/drivers/vfio-pci");
	r = r ? r : vtree_make_files(tree, dir, driver_files, SYSFS_FILE_SIZE);
	r = r ? r : sysfs_link(tree, dir, "module", "../../../../module/vfio_pci");
	return r ? r
		 : sysfs_link(tree, NULL, "/sys/module/vfio_pci/drivers/pci:vfio-pci",
			      "../../../bus/pci/drivers/vfio-pci");
}

/* Folders that stay when a device goes. */
static int add_folders(struct vtree *tree)
{
	static const char *const folders[] = {
		"/dev/vfio/devices",   "/dev/char",	  "/sys/dev/char",
		"/sys/class/vfio-dev", "/sys/class/vfio", "/sys/devices/virtual/vfio",
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !r; i++)
		r = vtree_add_dir(tree, folders[i]);
	return r;
}

int sysfs_add_machine(struct vtree *tree, const struct config *config)
{
	int r = config->device_count ? add_folders(tree) : 0;

	for (size_t i = 0; i < config->iommu_count && !r; i++)
		r = add_iommu(tree, &config->iommus[i]);
	for (size_t i = 0; i < config->device_count && !r; i++) {
		r = add_group(tree, config, &config->devices[i]);
		sysfs_while(tree, SYSFS_EXISTS, &config->devices[i]);
		r = r ? r : add_iommu_device(tree, config, &config->devices[i]);
		sysfs_while(tree, SYSFS_ALWAYS, NULL);
	}
	if (!r && config->device_count)
		r = add_driver(tree);
	return r;
}
