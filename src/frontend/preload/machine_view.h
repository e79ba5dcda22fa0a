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

/*
 * What this process shares with others of that machine's devices (core/share.h), in the config's order; NULL without one. A machine with virtual functions is
 * given memory by `uiommufd run` that all processes of the program have; where its descriptor was lost, and for other machines, it is this process's and its
 * children's.
 */
struct share *preload_shares(void);
/* Keeps the descriptor of that memory out of the program's way. After the constructors of priority 101. */
void preload_keep_shares(void);
/* The variable that names it: "number:device:inode". */
#define SHARES_VARIABLE "UIOMMUFD_SHARES"

/* What a view shows. */
struct sysfs_machine {
	const struct config *config; /* complete */
	/* core/share.h, of its devices. NULL: there are no virtual functions, and nothing can be bound or unbound */
	struct share *shares;
	/* Asks the user of a device that has to go, as share_leave() wants it. */
	void (*ask)(struct share *share);
};

/* Adds a machine to a tree; it has to live as long. 0, -ENOMEM, -ENAMETOOLONG. */
int machine_view_add(struct vtree *tree, const struct sysfs_machine *machine);
/* This process's, for its view; NULL without a description. */
const struct sysfs_machine *preload_machine(void);
/* The machine of a node's tree. */
const struct sysfs_machine *sysfs_machine(const struct vnode *vnode);

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

/*
 * Nodes that are made until the next call are there as long as the device is, or a driver has it, or one has any device of its group. SYSFS_ALWAYS: they
 * always are.
 */
enum sysfs_when { SYSFS_ALWAYS, SYSFS_EXISTS, SYSFS_BOUND, SYSFS_GROUP_EXISTS, SYSFS_GROUP_BOUND };
/* Is the device there, and has a driver it? */
bool sysfs_exists(const struct sysfs_machine *machine, const struct config_device *device);
bool sysfs_bound(const struct sysfs_machine *machine, const struct config_device *device);
void sysfs_while(struct vtree *tree, enum sysfs_when when, const struct config_device *device);

/* The folder of one device, and its nodes and links elsewhere (sysfs_device.c). */
int sysfs_add_device(struct vtree *tree, const struct config *config, size_t index);
/* Where its BARs seem to be, and those of its virtual functions. */
void sysfs_addresses(const struct config *config, const struct config_device *device,
		     uint64_t ret_own[6], uint64_t ret_vfs[6]);
/* From its Requester ID to that of its VF 0. */
uint16_t sysfs_vf_offset(const struct config *config, const struct config_device *pf);
/* The files of a physical function, and links between it and its virtual functions (sysfs_sriov.c). */
int sysfs_add_sriov(struct vtree *tree, struct vnode *dir, const struct config *config,
		    const struct config_device *device);
/* What the driver's files do (sysfs_sriov.c). */
int sysfs_bind(const struct vnode *vnode, const char *text, size_t length);
int sysfs_unbind(const struct vnode *vnode, const char *text, size_t length);
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
