/* SPDX-License-Identifier: MIT */
/* The sanitizer's look at DMA that faults: inside of device/ only. */
#ifndef UIOMMUFD_DEVICE_WATCH_H
#define UIOMMUFD_DEVICE_WATCH_H

#include "device/dma.h"

/*
 * An access has failed; `address` is what stage 2 got, or the IOVA if stage 1 failed. With the context's lock held, in a machine with a
 * sanitizer.
 */
void watch_fault(const struct dma_port *port, const struct dma_access *access, uint64_t address);

#endif
