/* SPDX-License-Identifier: MIT */
/* Virtual IOMMUs, their devices and hardware queues. */
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
		.data_uptr = length ? (uintptr_t)&data : 0,
		.__reserved = arg(args, "rsv"),
	};

	if (call(world, IOMMU_VIOMMU_ALLOC, &cmd))
		say(world, " id=%u out=0x%x len=0x%lx", cmd.out_viommu_id, data.out_data,
		    (unsigned long)data.out_mmap_length);
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

const struct op viommu_ops[] = {
	{"viommu_alloc", op_viommu_alloc},
	{"vdevice_alloc", op_vdevice_alloc},
	{"hw_queue_alloc", op_hw_queue_alloc},
	{},
};
