/* SPDX-License-Identifier: MIT */
/* A guest's memory, and a device of it behind VT-d, whose DMA goes by the guest's tables. */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include "hw/vtd/vtd.h"
#include "world.h"

#define GUEST_SIZE (64ull << 20)
#define GUEST_ROOT 4096ull	 /* of its tables: four levels */
#define GUEST_DATA (16ull << 20) /* what is below is for tables */
#define GUEST_LEAF 0x67ull	 /* an entry: present, writable, for users, accessed and dirty */

struct guest {
	struct world world; /* first */
	struct vtd_iommu iommu;
	struct vtd_device vtd;
	struct dma_port port;
};

/* With the device bound. Either of the options may be NULL. */
void guest_init(struct guest *guest, const struct vtd_options *iommu,
		const struct vtd_device_options *device);
/* The device does DMA by the tables at GUEST_ROOT from now on; `queue`, if not 0, takes its page requests. The page table's id. */
uint32_t guest_enter(struct guest *guest, uint32_t queue);
void guest_done(struct guest *guest);

#endif
