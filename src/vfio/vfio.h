/* SPDX-License-Identifier: MIT */
/*
 * VFIO of a machine: its devices and groups, and what programs do with them by /dev/vfio/devices/vfioN and /dev/vfio/N.
 *
 * One lock (RANK_VFIO) guards who has what: opens, groups, containers, binding, interrupts. It is held around resets too. Registers are reached
 * without it.
 */
#ifndef UIOMMUFD_VFIO_VFIO_H
#define UIOMMUFD_VFIO_VFIO_H

#include "core/machine.h"

struct pci_function;

/*
 * Gives the machine a device, /dev/vfio/devices/vfio<number>, of the group /dev/vfio/<group>; takes the function over on success. Before the
 * machine is opened. -ENOMEM.
 */
int vfio_plug(struct machine *machine, struct pci_function *function, unsigned int number,
	      unsigned int group);

struct share;
/* Tells the device's user, if it has one in this machine, that it is wanted back: VFIO_PCI_REQ_IRQ_INDEX. Takes RANK_VFIO. */
void vfio_request(struct machine *machine, const struct share *share);

#endif
