/* SPDX-License-Identifier: MIT */
/* Virtual IOMMUs, their devices and hardware queues, and the region that a vIOMMU offers for mmap. */
#include <sys/mman.h>

#include "ops.h"

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

static void op_viommu_alloc(struct world *world, const struct args *args)
{
	struct iommu_viommu_selftest data = {.in_data = arg(args, "in")};
	uint64_t length = arg(args, "dlen");
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.type = arg(args, "type"),
		.dev_id = arg(args, "dev"),
		.hwpt_id = arg(args, "hwpt"),
		.data_len = length < sizeof(data) ? length : sizeof(data),
		.data_uptr = arg_pointer(args, length ? &data : NULL),
		.__reserved = arg(args, "rsv"),
	};

	if (!call(world, IOMMU_VIOMMU_ALLOC, &cmd))
		return;
	say(world, " id=%u out=0x%x len=0x%lx", cmd.out_viommu_id, data.out_data,
	    (unsigned long)data.out_mmap_length);
	if (data.out_mmap_length && world->n_regions < SLOTS) {
		world->regions[world->n_regions].offset = data.out_mmap_offset;
		world->regions[world->n_regions++].length = data.out_mmap_length;
	}
}

static void op_vdevice_alloc(struct world *world, const struct args *args)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = arg(args, "viommu"),
		.dev_id = arg(args, "dev"),
		.virt_id = arg(args, "virt"),
	};

	if (call(world, IOMMU_VDEVICE_ALLOC, &cmd))
		say(world, " id=%u", cmd.out_vdevice_id);
}

static void op_hw_queue_alloc(struct world *world, const struct args *args)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.viommu_id = arg(args, "viommu"),
		.type = arg(args, "type"),
		.index = arg(args, "index"),
		.nesting_parent_iova = arg(args, "iova"),
		.length = arg(args, "len"),
	};

	if (call(world, IOMMU_HW_QUEUE_ALLOC, &cmd))
		say(world, " id=%u", cmd.out_hw_queue_id);
}

/*
 * slot= counts the regions that were offered; delta= is added to the offset, which is no number to compare. Says the
 * region's first word.
 */
static void op_region_map(struct world *world, const struct args *args)
{
	uint64_t slot = arg(args, "slot"), length = arg(args, "len"), prot = arg(args, "prot");
	void *at;

	if (slot >= world->n_regions || world->n_mappings == SLOTS) {
		say(world, "skip");
		return;
	}
	at = mmap(NULL, length, prot, arg(args, "shared") ? MAP_SHARED : MAP_PRIVATE, world->iommu,
		  world->regions[slot].offset + arg(args, "delta"));
	if (at == MAP_FAILED) {
		say_errno(world);
		return;
	}
	say(world, "0");
	if (prot & PROT_READ)
		say(world, " word=0x%x", *(volatile uint32_t *)at);
	world->mappings[world->n_mappings].at = at;
	world->mappings[world->n_mappings++].length = length;
}

/* map= counts the region_map that succeeded. */
static void op_region_unmap(struct world *world, const struct args *args)
{
	uint64_t map = arg(args, "map");

	if (map >= world->n_mappings || !world->mappings[map].at) {
		say(world, "skip");
		return;
	}
	say(world, "%d", munmap(world->mappings[map].at, world->mappings[map].length));
	world->mappings[map].at = NULL;
}

const struct op viommu_ops[] = {
	{"viommu_alloc", op_viommu_alloc},     {"vdevice_alloc", op_vdevice_alloc},
	{"hw_queue_alloc", op_hw_queue_alloc}, {"region_map", op_region_map},
	{"region_unmap", op_region_unmap},     {},
};
