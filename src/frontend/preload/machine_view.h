/* SPDX-License-Identifier: MIT */
/*
 * What a program finds of a machine's devices: nodes below /dev, and sysfs as Linux has it for PCI devices that vfio-pci has taken. A device's
 * place is /sys/devices/pciDDDD:BB/ADDRESS; all else is links to it, so that realpath() gives what it gives on Linux.
 */
#ifndef UIOMMUFD_PRELOAD_MACHINE_VIEW_H
#define UIOMMUFD_PRELOAD_MACHINE_VIEW_H

#include "config/config.h"
#include "frontend/preload/path_tree.h"

/*
 * The description that this process was given (UIOMMUFD_MACHINE), or NULL: the default machine. Constant after the constructors of priority
 * 101; a process with a description that can't be read has ended there, with a sentence.
 */
const struct config *preload_config(void);

/* Adds a complete machine to a tree; the config has to live as long. 0, -ENOMEM, -ENAMETOOLONG. */
int machine_view_add(struct vtree *tree, const struct config *config);

/* ---- its parts ---- */

/* Major numbers are dynamic on Linux; these are the last that it would give away. */
#define VFIO_GROUP_MAJOR  511
#define VFIO_DEVICE_MAJOR 510

#define SYSFS_FILE_SIZE 4096

/* "pci1000:00/1000:00:01.0": a device's place below /sys/devices. */
#define SYSFS_PLACE_BYTES 40
void sysfs_place(const struct config_device *device, char ret_place[static SYSFS_PLACE_BYTES]);
/* The same of an IOMMU: its folder below /sys/devices/virtual/iommu. */
#define SYSFS_IOMMU_BYTES 48
void sysfs_iommu_name(const struct config_iommu *iommu, char ret_name[static SYSFS_IOMMU_BYTES]);

/* The folder of one device, and its nodes and links elsewhere (sysfs_device.c). */
int sysfs_add_device(struct vtree *tree, const struct config *config, size_t index);
/* Groups, IOMMUs, the driver, classes (sysfs_machine.c). */
int sysfs_add_machine(struct vtree *tree, const struct config *config);

/* Makes a link; `target` is a format. 0, -ENOMEM, -ENAMETOOLONG, -EEXIST. */
int sysfs_link(struct vtree *tree, struct vnode *dir, const char *path, const char *target, ...)
	__attribute__((format(printf, 4, 5)));
/* Makes a folder; `path` is a format. */
int sysfs_dir(struct vtree *tree, struct vnode **ret_dir, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* Makes a character device with its folder's `dev` and `uevent`, and the links to that by number. */
struct sysfs_char {
	const char *node; /* below /dev */
	mode_t mode;
	unsigned int major, minor;
	const char *folder; /* below /sys/devices */
};
int sysfs_add_char(struct vtree *tree, const struct sysfs_char *what);

#endif
