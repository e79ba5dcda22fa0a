/* SPDX-License-Identifier: MIT */
/* Page tables: allocation, dirty tracking, invalidation; and what a device says of its IOMMU. */
#include <string.h>

#include "ops.h"

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#define BITMAP_BYTES (1u << 16)

static void op_hwpt_alloc(struct world *world, const struct args *args)
{
	uint32_t data[2] = {arg(args, "iotlb"), arg(args, "pt_type")};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.dev_id = arg(args, "dev"),
		.pt_id = arg(args, "pt"),
		.data_type = arg(args, "dtype"),
		.data_len = arg(args, "dlen"),
		.data_uptr = arg_pointer(args, arg(args, "dlen") ? data : NULL),
		.fault_id = arg(args, "fault"),
		.__reserved = arg(args, "rsv"),
		.__reserved2 = arg(args, "rsv2"),
	};

	if (call(world, IOMMU_HWPT_ALLOC, &cmd))
		say(world, " id=%u", cmd.out_hwpt_id);
}

static void op_hw_info(struct world *world, const struct args *args)
{
	uint32_t data[8];
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.dev_id = arg(args, "dev"),
		.data_len = arg(args, "dlen") < sizeof(data) ? arg(args, "dlen") : sizeof(data),
		.data_uptr = arg_pointer(args, data),
		.in_data_type = arg(args, "type"),
	};

	memset(data, 0x5a, sizeof(data)); /* so that bytes that were not written show */
	if (!call(world, IOMMU_GET_HW_INFO, &cmd))
		return;
	say(world, " type=0x%x len=%u pasid=%u caps=0x%llx data=", cmd.out_data_type, cmd.data_len,
	    cmd.out_max_pasid_log2, (unsigned long long)cmd.out_capabilities);
	for (int i = 0; i < 4; i++)
		say(world, "%08x.", data[i]);
}

static void op_set_dirty(struct world *world, const struct args *args)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.hwpt_id = arg(args, "hwpt"),
		.__reserved = arg(args, "rsv"),
	};

	call(world, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd);
}

static void op_get_dirty(struct world *world, const struct args *args)
{
	static unsigned char bits[BITMAP_BYTES];
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = arg(args, "hwpt"),
		.flags = arg(args, "fl"),
		.__reserved = arg(args, "rsv"),
		.iova = arg(args, "iova"),
		.length = arg(args, "len"),
		.page_size = arg(args, "pg"),
		.data = arg_pointer(args, bits),
	};
	size_t set = 0;

	memset(bits, 0, sizeof(bits));
	if (cmd.page_size && cmd.length / cmd.page_size > 8 * sizeof(bits)) {
		say(world, "skip");
		return;
	}
	call(world, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
	for (size_t i = 0; i < sizeof(bits); i++)
		set += __builtin_popcount(bits[i]);
	say(world, " set=%zu hash=%016lx", set, (unsigned long)hash(bits, sizeof(bits)));
}

/* Sets bits in the mock domain: those of every step-th page of the range. */
static void op_mock_dirty(struct world *world, const struct args *args)
{
	static unsigned char bits[BITMAP_BYTES];
	uint64_t page = arg(args, "pg"), length = arg(args, "len"), step = arg(args, "step");
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DIRTY,
		.id = arg(args, "hwpt"),
		.dirty = {.flags = arg(args, "fl"),
			  .iova = arg(args, "iova"),
			  .length = length,
			  .page_size = page,
			  .uptr = (uintptr_t)bits},
	};

	if (!page || length / page > 8 * sizeof(bits)) {
		say(world, "skip");
		return;
	}
	memset(bits, 0, sizeof(bits));
	for (uint64_t i = 0; step && i < length / page; i += step)
		bits[i / 8] |= 1u << (i % 8);
	if (call_mock(world, &cmd))
		say(world, " nr=%lu", (unsigned long)cmd.dirty.out_nr_dirty);
}

/* The words of all entries stand in e=; elen and num say how the kernel is to cut them. */
static void op_invalidate(struct world *world, const struct args *args)
{
	uint64_t numbers[48];
	uint32_t words[96] = {};
	int n = arg_list(args, "e", numbers, 48);
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = arg(args, "hwpt"),
		.data_uptr = arg(args, "null") ? 0 : arg_pointer(args, words),
		.data_type = arg(args, "dtype"),
		.entry_len = arg(args, "elen"),
		.entry_num = arg(args, "num"),
		.__reserved = arg(args, "rsv"),
	};

	for (int i = 0; i < n; i++)
		words[i] = numbers[i];
	if ((uint64_t)cmd.entry_len * cmd.entry_num > sizeof(words))
		cmd.entry_num = sizeof(words) / cmd.entry_len;
	call(world, IOMMU_HWPT_INVALIDATE, &cmd);
	say(world, " num=%u", cmd.entry_num);
}

const struct op hwpt_ops[] = {
	{"hwpt_alloc", op_hwpt_alloc},
	{"hw_info", op_hw_info},
	{"set_dirty", op_set_dirty},
	{"get_dirty", op_get_dirty},
	{"mock_dirty", op_mock_dirty},
	{"invalidate", op_invalidate},
	{},
};
