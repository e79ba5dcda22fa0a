/* SPDX-License-Identifier: MIT */
/*
 * Shared virtual addressing: a PASID of a device *bound* to a process's address space. Its DMA goes to the addresses of that process as they are
 * at that moment; what is absent is brought in by the process's own memory management. Nothing is pinned, and nothing is mapped by ioctls.
 *
 * Bonds are made and ended with the context's lock held. DMA finds them without, inside of sections: who ends one waits for DMA.
 */
#ifndef UIOMMUFD_DEVICE_SVA_H
#define UIOMMUFD_DEVICE_SVA_H

#include "base/mm.h"
#include "device/device.h"

/*
 * Binds a PASID, or finds the bond that is there and counts one more. Takes a reference on mm. -EINVAL: 0, or a PASID that the device has not; -EBUSY: the
 * PASID has a page table, or is bound to another process; -ENOMEM.
 */
int sva_bind(struct device *device, uint32_t pasid, struct mm *mm);
/* Takes one bind back; with the last the bond ends, and no DMA through it is running. -ENOENT: there is none. */
int sva_unbind(struct device *device, uint32_t pasid);
/* The device goes: all of them. */
void sva_unbind_all(struct device *device);

/* The address space behind a PASID, or NULL: in a section, or with the lock. */
struct mm *sva_find(const struct device *device, uint32_t pasid);

#endif
