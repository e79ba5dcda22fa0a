/* SPDX-License-Identifier: MIT */
/*
 * A rig for VFIO: the bench's machine with an IOMMU that does nothing but translate, and a small device (the "toy") behind it, which tests
 * drive as a program does: through descriptors.
 */
#ifndef UIOMMUFD_TESTS_VFIO_RIG_H
#define UIOMMUFD_TESTS_VFIO_RIG_H

#include <linux/pci_regs.h>

#include <uiommufd/device.h>
#include <uiommufd/vfio.h>

#include "core/world.h"
#include "iommu/iommu.h"
#include "pci/function.h"

/* The toy's registers, in BAR 0. A command copies 8 bytes. */
#define TOY_IOVA    0x0	 /* 64 bits */
#define TOY_VALUE   0x8	 /* 64 bits */
#define TOY_COMMAND 0x10 /* TOY_READ or TOY_WRITE; when the work is done it reads 0, or the error */
#define TOY_STORES  0x18 /* how many stores there were */
#define TOY_RAISE                                                                                  \
	0x20 /* raises the vector that is written; 0x80000000 asserts INTx, 0x40000000 takes it back */
#define TOY_STATUS 0x28 /* read hook: counts its loads */
#define TOY_READ   1
#define TOY_WRITE  2

#define TOY_NAME     "0000:01:00.0"
#define TOY_PAGES    4
#define TOY_HOOKED   0x1000 /* a page of BAR 0 whose loads have effects */
#define TOY_NO_MMAP  0x2000 /* a page that can't be mapped */
#define TOY_MEMORY   0x3000 /* a page of plain memory */
#define TOY_MSIX_BAR 4
#define TOY_VECTORS  8

struct rig_iommu {
	struct iommu_dev dev;
};

struct rig {
	struct bench bench;
	struct rig_iommu iommu[2];
	struct pci_function *function[2]; /* they share group 7: vfio3 and vfio4 */
	struct file *cdev;		  /* of the first */
	uint32_t devid, ioas;
	char *memory; /* 16 pages, mapped at RIG_IOVA once rig_map() is called */
};

#define RIG_IOVA  0x100000
#define RIG_PAGES 16

extern const struct uiommufd_model rig_toy;

/* Plugs in one device, or two. */
void rig_init(struct rig *rig, unsigned int devices);
/* Plugs in one device of another model, vfio3. */
void rig_init_model(struct rig *rig, const struct uiommufd_model *model,
		    const struct pci_option *options, size_t n_options);
/* Plugs in a physical function, vfio3 of group 7, and its virtual one, vfio4 of group 8, which isn't there before somebody says so. */
void rig_init_sriov(struct rig *rig);
void rig_done(struct rig *rig);

struct file *rig_open(struct rig *rig, const char *node);
long rig_call(struct rig *rig, struct file *file, unsigned int cmd, const void *arg);
/* BIND to the bench's context: the device's id, or -errno. */
int64_t rig_bind(struct rig *rig, struct file *cdev);
long rig_attach(struct rig *rig, struct file *cdev, uint32_t pt_id);
/* Opens the cdev, binds, attaches to an IOAS with the memory mapped, turns bus mastering on. */
void rig_start(struct rig *rig);

/* Registers of BAR 0, and config space, by pread and pwrite. */
uint64_t rig_load(struct rig *rig, struct file *file, uint64_t offset, size_t len);
void rig_store(struct rig *rig, struct file *file, uint64_t offset, uint64_t value, size_t len);
uint32_t rig_config_load(struct rig *rig, struct file *file, unsigned int offset, size_t len);
void rig_config_store(struct rig *rig, struct file *file, unsigned int offset, uint32_t value,
		      size_t len);

/* Maps a piece of BAR 0 of which nothing is trapped. */
void *rig_map(struct rig *rig, struct file *file, uint64_t offset, uint64_t length);

/* Has the toy do a command and waits for its end: what its command register says then. */
uint64_t rig_command(struct rig *rig, struct file *file, uint64_t iova, uint64_t command);

/* SET_IRQS of up to 8 interrupts of the cdev: fds are the data, as long as the flags say. */
struct rig_irqs {
	uint32_t index, flags, start, count;
	const void *data;
};
long rig_irqs(struct rig *rig, struct file *file, struct rig_irqs irqs);
/* What an eventfd has counted, and takes it out. */
uint64_t rig_events(int fd);

#endif
