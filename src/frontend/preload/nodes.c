/* SPDX-License-Identifier: MIT */
/* Modes and numbers as on Linux. */
#include "frontend/preload/nodes.h"

#include <stddef.h>

#define MISC_MAJOR 10
#define VFIO_MINOR 196 /* fixed, in the kernel's list of devices */
/* Dynamic: it differs between machines. This one is out of the way of the real ones. */
#define IOMMU_MINOR 1000

const struct node nodes[] = {
	{"/dev/iommu", 0660, MISC_MAJOR, IOMMU_MINOR},
	{"/dev/vfio/vfio", 0666, MISC_MAJOR, VFIO_MINOR},
	{},
};
