/* SPDX-License-Identifier: MIT */
/* A context with one device on one IOAS, for benchmarks of the calls themselves: in the process, without shim. */
#ifndef UIOMMUFD_BENCH_WORLD_H
#define UIOMMUFD_BENCH_WORLD_H

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#include "core/machine.h"
#include "device/dma.h"
#include "hw/mock/mock.h"

struct world {
	struct machine *machine;
	struct client client;
	struct file *file;
	struct ctx *ctx;
	uint32_t ioas, stdev, hwpt, dev; /* the device is plugged in by world_plug() */
	struct device *device;
	char *memory; /* untouched */
	uint64_t memory_size;
};

void world_init(struct world *world, uint64_t memory_size);
void world_plug(struct world *world);
/* The same, with a page table that maps all IOVAs by 4 KiB. */
void world_plug_wide(struct world *world);
void world_done(struct world *world);

/* One more IOAS. */
uint32_t world_ioas(struct world *world);
/* A page table on the IOAS for the device; see IOMMU_HWPT_ALLOC. */
uint32_t world_hwpt(struct world *world, struct iommu_hwpt_alloc cmd);
/* Ends the program if the call fails. */
long world_call(struct world *world, unsigned int cmd, void *arg);
void world_map(struct world *world, uint64_t va, uint64_t length, uint64_t iova);
void world_unmap(struct world *world, uint64_t iova, uint64_t length);

#endif
