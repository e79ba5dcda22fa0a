/* SPDX-License-Identifier: MIT */
/* Address spaces: their ranges, what is mapped in them, and the options. */
#include "ops.h"

#include <uiommufd/iommufd.h>

#define RANGES_MAX 32 /* that iova_ranges asks for */

static void op_ioas_alloc(struct world *world, const struct args *args)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd), .flags = arg(args, "fl")};

	if (call(world, IOMMU_IOAS_ALLOC, &cmd))
		say(world, " id=%u", cmd.out_ioas_id);
}

static void op_destroy(struct world *world, const struct args *args)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = arg(args, "id")};

	call(world, IOMMU_DESTROY, &cmd);
}

static void op_iova_ranges(struct world *world, const struct args *args)
{
	struct iommu_iova_range ranges[RANGES_MAX] = {};
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = arg(args, "id"),
		.num_iovas = arg(args, "n") < RANGES_MAX ? arg(args, "n") : RANGES_MAX,
		.__reserved = arg(args, "rsv"),
		.allowed_iovas = arg_pointer(args, ranges),
	};
	uint32_t room = cmd.num_iovas;

	call(world, IOMMU_IOAS_IOVA_RANGES, &cmd);
	say(world, " n=%u align=0x%llx", cmd.num_iovas, (unsigned long long)cmd.out_iova_alignment);
	for (uint32_t i = 0; i < room && i < cmd.num_iovas; i++)
		say(world, " %llx-%llx", (unsigned long long)ranges[i].start,
		    (unsigned long long)ranges[i].last);
}

static void op_allow_iovas(struct world *world, const struct args *args)
{
	struct iommu_iova_range ranges[16] = {};
	uint64_t ends[32];
	int n = arg_list(args, "r", ends, 32) / 2;
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = arg(args, "id"),
		.num_iovas = n,
		.__reserved = arg(args, "rsv"),
		.allowed_iovas = arg_pointer(args, ranges),
	};

	for (int i = 0; i < n; i++)
		ranges[i] =
			(struct iommu_iova_range){.start = ends[2 * i], .last = ends[2 * i + 1]};
	call(world, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

static void op_map(struct world *world, const struct args *args)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.ioas_id = arg(args, "id"),
		.__reserved = arg(args, "rsv"),
		.user_va = arg_va(world, args),
		.length = arg(args, "len"),
		.iova = arg(args, "iova"),
	};

	if (call(world, IOMMU_IOAS_MAP, &cmd))
		say(world, " iova=0x%llx", (unsigned long long)cmd.iova);
}

/* A dma-buf's slot, counted from 1, or the memfd. */
static int file_of(const struct world *world, const struct args *args)
{
	uint64_t dmabuf = arg(args, "dmabuf");

	if (arg(args, "badfd") || dmabuf > world->dmabufs.n)
		return -1;
	return dmabuf ? world->dmabufs.fd[dmabuf - 1] : world->memfd;
}

static void op_map_file(struct world *world, const struct args *args)
{
	struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.ioas_id = arg(args, "id"),
		.fd = file_of(world, args),
		.start = arg(args, "start"),
		.length = arg(args, "len"),
		.iova = arg(args, "iova"),
	};

	if (call(world, IOMMU_IOAS_MAP_FILE, &cmd))
		say(world, " iova=0x%llx", (unsigned long long)cmd.iova);
}

static void op_copy(struct world *world, const struct args *args)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = arg(args, "fl"),
		.dst_ioas_id = arg(args, "dst"),
		.src_ioas_id = arg(args, "src"),
		.length = arg(args, "len"),
		.dst_iova = arg(args, "diova"),
		.src_iova = arg(args, "siova"),
	};

	if (call(world, IOMMU_IOAS_COPY, &cmd))
		say(world, " iova=0x%llx", (unsigned long long)cmd.dst_iova);
}

static void op_unmap(struct world *world, const struct args *args)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = arg(args, "id"),
		.iova = arg(args, "iova"),
		.length = arg(args, "len"),
	};

	if (call(world, IOMMU_IOAS_UNMAP, &cmd))
		say(world, " len=0x%llx", (unsigned long long)cmd.length);
}

static void op_option(struct world *world, const struct args *args)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = arg(args, "opt"),
		.op = arg(args, "op"),
		.__reserved = arg(args, "rsv"),
		.object_id = arg(args, "id"),
		.val64 = arg(args, "val"),
	};

	if (call(world, IOMMU_OPTION, &cmd))
		say(world, " val=0x%llx", (unsigned long long)cmd.val64);
}

static void op_change_process(struct world *world, const struct args *args)
{
	struct iommu_ioas_change_process cmd = {
		.size = sizeof(cmd),
		.__reserved = arg(args, "rsv"),
	};

	call(world, IOMMU_IOAS_CHANGE_PROCESS, &cmd);
}

const struct op ioas_ops[] = {
	{"ioas_alloc", op_ioas_alloc},
	{"destroy", op_destroy},
	{"iova_ranges", op_iova_ranges},
	{"allow_iovas", op_allow_iovas},
	{"map", op_map},
	{"map_file", op_map_file},
	{"copy", op_copy},
	{"unmap", op_unmap},
	{"option", op_option},
	{"change_process", op_change_process},
	{},
};
