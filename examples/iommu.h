/* SPDX-License-Identifier: MIT */
/*
 * The two ways to an IOMMU, behind three functions; an example links one of them:
 *
 *   iommu_kernel.c   open(), ioctl() and close() on /dev/iommu: the kernel's, or the one that `uiommufd run` shows
 *   iommu_library.c  the same calls on a machine of libuiommufd, inside the program
 *
 * Descriptors that ioctls give are real ones in both: read(), write() and poll() need no wrapping.
 */
#ifndef EXAMPLES_IOMMU_H
#define EXAMPLES_IOMMU_H

struct iommu;

/* Ends the program with a message if there is none. */
struct iommu *iommu_open(void);
/* The ioctl's result, or -errno. */
long iommu_ioctl(struct iommu *iommu, unsigned long cmd, void *arg);
void iommu_close(struct iommu *iommu);

#endif
