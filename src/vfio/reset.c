/* SPDX-License-Identifier: MIT */
/* Resets that a program asks for. */
#include <errno.h>

#include "vfio/internal.h"

long vfio_reset(struct vfio_device *device, struct client *client, uint64_t arg)
{
	if (!pci_has_flr(device->function))
		return -EINVAL;
	pci_reset(device->function);
	return 0;
}
