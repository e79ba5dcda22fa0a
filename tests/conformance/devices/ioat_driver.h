/* SPDX-License-Identifier: MIT */
/*
 * A driver in user space for Intel's DMA engine, IOAT (PCI 8086:2021): the device's node under /dev/vfio/devices for its registers and interrupts,
 * /dev/iommu for the memory that it may reach. It knows nothing of uiommufd.
 *
 * Functions return 0 or -errno. A struct ioat belongs to one thread at a time, but for ioat_map() and ioat_unmap().
 */
#ifndef IOAT_DRIVER_H
#define IOAT_DRIVER_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

struct ioat_work;

struct ioat {
	int iommufd, device, interrupt; /* the last is an eventfd */
	uint32_t ioas;
	volatile uint8_t *registers;
	size_t registers_size;
	struct ioat_work *work; /* memory that the device and the driver share, */
	uint64_t work_iova;	/* and where the device sees it */
};

/* The node of the first IOAT that sysfs shows, such as "/dev/vfio/devices/vfio0"; -ENODEV: there is none. */
int ioat_find(char ret_node[static PATH_MAX]);

/* Opens the device and makes it ready. `ioat` is good for ioat_close() afterwards, whatever came out. */
int ioat_open(struct ioat *ioat, const char *node);
void ioat_close(struct ioat *ioat);

/* Lets the device see memory of ours: read and write, whole pages. */
int ioat_map(struct ioat *ioat, void *memory, size_t size, uint64_t *ret_iova);
int ioat_unmap(struct ioat *ioat, uint64_t iova, size_t size);

/*
 * Starts `times` copies, one after the other, all of the same size bytes (64 KiB at most) from one IOVA to another. The device raises the interrupt after
 * each, if that is wanted.
 */
void ioat_start(struct ioat *ioat, uint64_t from, uint64_t to, size_t size, uint16_t times,
		int interrupt);
/* Waits for the end of them. -EFAULT: the device met an address that it must not use, and has been made ready again. */
int ioat_wait(struct ioat *ioat);

#endif
