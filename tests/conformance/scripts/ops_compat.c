/* SPDX-License-Identifier: MIT */
/* The VFIO ioctls that /dev/iommu answers, the address space behind them, and raw commands. */
#include <string.h>
#include <sys/ioctl.h>

#include "ops.h"

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#define INFO_MAX 512

static void op_vfio_ioas(struct world *world, const struct args *args)
{
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd),
		.ioas_id = arg(args, "id"),
		.op = arg(args, "op"),
		.__reserved = arg(args, "rsv"),
	};

	if (call(world, IOMMU_VFIO_IOAS, &cmd))
		say(world, " id=%u", cmd.ioas_id);
}

static void vfio_version(struct world *world, const struct args *args)
{
	call(world, VFIO_GET_API_VERSION, NULL);
}

static void vfio_extension(struct world *world, const struct args *args)
{
	say(world, "%d", ioctl(world->iommu, VFIO_CHECK_EXTENSION, arg(args, "val")));
}

static void vfio_set_iommu(struct world *world, const struct args *args)
{
	call(world, VFIO_SET_IOMMU, (void *)(uintptr_t)arg(args, "val"));
}

static void vfio_map(struct world *world, const struct args *args)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = arg(args, "fl"),
		.vaddr = arg_va(world, args),
		.iova = arg(args, "iova"),
		.size = arg(args, "len"),
	};

	call(world, VFIO_IOMMU_MAP_DMA, &cmd);
}

static void vfio_unmap(struct world *world, const struct args *args)
{
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd),
		.flags = arg(args, "fl"),
		.iova = arg(args, "iova"),
		.size = arg(args, "len"),
	};

	if (call(world, VFIO_IOMMU_UNMAP_DMA, &cmd))
		say(world, " len=0x%llx", (unsigned long long)cmd.size);
}

static void vfio_info(struct world *world, const struct args *args)
{
	union {
		struct vfio_iommu_type1_info info;
		unsigned char bytes[INFO_MAX];
	} u = {.bytes = {}};

	u.info.argsz = arg(args, "len") < INFO_MAX ? arg(args, "len") : INFO_MAX;
	if (call(world, VFIO_IOMMU_GET_INFO, &u))
		say(world, " argsz=%u fl=%u pg=0x%llx cap=%u hash=%016lx", u.info.argsz,
		    u.info.flags, (unsigned long long)u.info.iova_pgsizes, u.info.cap_offset,
		    (unsigned long)hash(u.bytes, sizeof(u.bytes)));
}

/* do= numbers these; anything beyond the last is the last. */
static void op_vfio(struct world *world, const struct args *args)
{
	static void (*const calls[])(struct world *, const struct args *) = {
		vfio_version, vfio_extension, vfio_set_iommu, vfio_map, vfio_unmap, vfio_info,
	};
	uint64_t which = arg(args, "do"), last = sizeof(calls) / sizeof(calls[0]) - 1;

	calls[which < last ? which : last](world, args);
}

/* Any number with any words: shows how sizes and reserved fields are checked. */
static void op_raw(struct world *world, const struct args *args)
{
	uint64_t numbers[64];
	uint32_t words[64] = {};
	int n = arg_list(args, "w", numbers, 64);

	for (int i = 0; i < n; i++)
		words[i] = numbers[i];
	call(world, _IO(';', arg(args, "nr")), arg(args, "null") ? NULL : words);
}

const struct op compat_ops[] = {
	{"vfio_ioas", op_vfio_ioas},
	{"vfio", op_vfio},
	{"raw", op_raw},
	{},
};
