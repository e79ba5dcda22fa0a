/* SPDX-License-Identifier: MIT */
/* The rows of an IOAS's calls. */
#include "rows.h"

#define LAST_PAGE (UINT64_MAX - WORLD_PAGE + 1)

/* ---- what a good call is ---- */

static void fill_alloc(const struct world *world, void *arg)
{
}

static void fill_map(const struct world *world, void *arg)
{
	struct iommu_ioas_map *cmd = arg;

	cmd->flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
	cmd->ioas_id = world->id[W_IOAS];
	cmd->user_va = world->id[W_MEMORY];
	cmd->length = WORLD_PAGE;
	cmd->iova = WORLD_FREE_IOVA;
}

static void fill_map_auto(const struct world *world, void *arg)
{
	struct iommu_ioas_map *cmd = arg;

	fill_map(world, arg);
	cmd->flags &= ~IOMMU_IOAS_MAP_FIXED_IOVA;
}

static void fill_map_file(const struct world *world, void *arg)
{
	struct iommu_ioas_map_file *cmd = arg;

	cmd->flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
	cmd->ioas_id = world->id[W_IOAS];
	cmd->fd = world->id[W_MEMFD];
	cmd->length = WORLD_PAGE;
	cmd->iova = WORLD_FREE_IOVA;
}

static void fill_copy(const struct world *world, void *arg)
{
	struct iommu_ioas_copy *cmd = arg;

	cmd->flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE;
	cmd->dst_ioas_id = cmd->src_ioas_id = world->id[W_IOAS];
	cmd->length = WORLD_PAGE;
	cmd->dst_iova = WORLD_FREE_IOVA;
	cmd->src_iova = WORLD_RW_IOVA;
}

static void fill_unmap(const struct world *world, void *arg)
{
	struct iommu_ioas_unmap *cmd = arg;

	cmd->ioas_id = world->id[W_IOAS];
	cmd->iova = WORLD_RW_IOVA;
	cmd->length = WORLD_NPAGES * WORLD_PAGE;
}

static void fill_iova_ranges(const struct world *world, void *arg)
{
	struct iommu_ioas_iova_ranges *cmd = arg;

	cmd->ioas_id = world->id[W_IOAS];
	cmd->num_iovas = 4;
	cmd->allowed_iovas = world->id[W_MEMORY];
}

/* Lists for ALLOW_IOVAS lie in the world's memory. */
enum {
	LIST_GOOD = 0,
	LIST_BACKWARDS = 64,
	LIST_OVERLAP = 128,
	LIST_RESERVED = 192,
	LIST_ONE = 256
};

static void put_list(const struct world *world, size_t at, struct iommu_iova_range a,
		     struct iommu_iova_range b)
{
	struct iommu_iova_range *list = (struct iommu_iova_range *)(world->memory + at);

	list[0] = a;
	list[1] = b;
}

static void fill_allow_iovas(const struct world *world, void *arg)
{
	const struct iommu_iova_range good = {0x8000000, 0x8ffffff}, next = {0x9000000, 0x9ffffff};
	struct iommu_ioas_allow_iovas *cmd = arg;

	put_list(world, LIST_GOOD, good, next);
	put_list(world, LIST_BACKWARDS, good, (struct iommu_iova_range){0x9ffffff, 0x9000000});
	put_list(world, LIST_ONE, good, (struct iommu_iova_range){0x9000000, 0x9000000});
	put_list(world, LIST_OVERLAP, good, (struct iommu_iova_range){0x8ffffff, 0x9ffffff});
	put_list(world, LIST_RESERVED, good, (struct iommu_iova_range){0x1000, 0x1000000});
	cmd->ioas_id = world->id[W_IOAS];
	cmd->num_iovas = 2;
	cmd->allowed_iovas = world->id[W_MEMORY];
}

static void fill_option_huge(const struct world *world, void *arg)
{
	struct iommu_option *cmd = arg;

	cmd->option_id = IOMMU_OPTION_HUGE_PAGES;
	cmd->op = IOMMU_OPTION_OP_SET;
	cmd->object_id = world->id[W_IOAS_FREE];
	cmd->val64 = 0;
}

static void fill_option_rlimit(const struct world *world, void *arg)
{
	struct iommu_option *cmd = arg;

	cmd->option_id = IOMMU_OPTION_RLIMIT_MODE;
	cmd->op = IOMMU_OPTION_OP_GET;
}

static void fill_vfio_ioas(const struct world *world, void *arg)
{
	struct iommu_vfio_ioas *cmd = arg;

	cmd->ioas_id = world->id[W_IOAS];
	cmd->op = IOMMU_VFIO_IOAS_SET;
}

static void prepare_only_files(struct world *world)
{
	uint64_t *id = world->id;
	struct iommu_ioas_map_file map = {0};

	assert_int_equal(bench_destroy(&world->bench, id[W_HW_QUEUE]), 0);
	assert_true(bench_unmap(&world->bench, id[W_IOAS], 0, UINT64_MAX) > 0);
	fill_map_file(world, &map);
	map.size = sizeof(map);
	assert_int_equal(bench_ioctl(&world->bench, IOMMU_IOAS_MAP_FILE, &map), 0);
}

static void fill_change_process(const struct world *world, void *arg)
{
}

static void fill_get_pa(const struct world *world, void *arg)
{
	struct iommu_ioas_noiommu_get_pa *cmd = arg;

	cmd->ioas_id = world->id[W_IOAS];
	cmd->iova = WORLD_RW_IOVA;
	cmd->length = WORLD_PAGE;
}

/* ---- the rows ---- */

static const struct row rows[] =
	{
		{
			.name = "IOAS_ALLOC",
			.cmd = IOMMU_IOAS_ALLOC,
			ROW_SIZES(iommu_ioas_alloc, out_ioas_id),
			.reply = REPLY_UNDONE,
			.fill = fill_alloc,
			.wrong =
				{
					{"flags 1", EOPNOTSUPP, {SET(iommu_ioas_alloc, flags, 1)}},
					{"the last flag",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_alloc, flags, 1u << 31)}},
				},
		},
		{
			.name = "IOAS_MAP",
			.cmd = IOMMU_IOAS_MAP,
			ROW_SIZES(iommu_ioas_map, iova),
			.reply = REPLY_STAYS,
			.fill = fill_map,
			.wrong =
				{
					{"unknown flags",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_map, flags, 15)}},
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_map, __reserved, 1)}},
					{"the last IOVA",
					 EOVERFLOW,
					 {SET(iommu_ioas_map, iova, UINT64_MAX)}},
					{"all length",
					 EOVERFLOW,
					 {SET(iommu_ioas_map, length, UINT64_MAX)}},
					{"no permissions",
					 EINVAL,
					 {SET(iommu_ioas_map, flags, IOMMU_IOAS_MAP_FIXED_IOVA)}},
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_ioas_map, ioas_id, W_FREE)}},
					{"a device",
					 ENOENT,
					 {SET_ID(iommu_ioas_map, ioas_id, W_DEV)}},
					{"memory to the very end",
					 EOVERFLOW,
					 {SET(iommu_ioas_map, user_va, LAST_PAGE),
					  SET(iommu_ioas_map, length, WORLD_PAGE)}},
					{"memory that wraps",
					 EOVERFLOW,
					 {SET(iommu_ioas_map, user_va, LAST_PAGE),
					  SET(iommu_ioas_map, length, 2 * WORLD_PAGE)}},
					{"no length", EINVAL, {SET(iommu_ioas_map, length, 0)}},
					{"length beyond counting",
					 EINVAL,
					 {SET(iommu_ioas_map, user_va, 0),
					  SET(iommu_ioas_map, length, UINT64_MAX - 4095)}},
					{"odd length",
					 EINVAL,
					 {SET(iommu_ioas_map, length, WORLD_PAGE + 1)}},
					{"odd IOVA",
					 EINVAL,
					 {SET(iommu_ioas_map, iova, WORLD_FREE_IOVA + 1)}},
					{"IOVAs that wrap",
					 EOVERFLOW,
					 {SET(iommu_ioas_map, iova, LAST_PAGE),
					  SET(iommu_ioas_map, length, 2 * WORLD_PAGE)}},
					{"reserved IOVA",
					 EINVAL,
					 {SET(iommu_ioas_map, iova, WORLD_RESERVED_IOVA)}},
					{"an area there",
					 EEXIST,
					 {SET(iommu_ioas_map, iova, WORLD_RW_IOVA)}},
					{"odd memory",
					 EINVAL,
					 {SET_AT(iommu_ioas_map, user_va, W_MEMORY, 1)}},
					{"no memory",
					 EFAULT,
					 {SET_ID(iommu_ioas_map, user_va, W_GUARD)}},
					{"memory that ends",
					 EFAULT,
					 {SET_AT(iommu_ioas_map, user_va, W_GUARD, -WORLD_PAGE),
					  SET(iommu_ioas_map, length, 2 * WORLD_PAGE)}},
					{"read-only memory",
					 EFAULT,
					 {SET_ID(iommu_ioas_map, user_va, W_READ_ONLY)}},
				},
		},
		{
			.name = "IOAS_MAP without an IOVA",
			.cmd = IOMMU_IOAS_MAP,
			ROW_SIZES(iommu_ioas_map, iova),
			.reply = REPLY_STAYS,
			.fill = fill_map_auto,
			.wrong =
				{
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_ioas_map, ioas_id, W_FREE)}},
					{"no length", EINVAL, {SET(iommu_ioas_map, length, 0)}},
					{"odd length",
					 EINVAL,
					 {SET(iommu_ioas_map, length, WORLD_PAGE + 1)}},
					{"half of everything",
					 EOVERFLOW,
					 {SET(iommu_ioas_map, user_va, 0),
					  SET(iommu_ioas_map, length, (uint64_t)1 << 63)}},
					{"memory that is less aligned",
					 EINVAL,
					 {SET_AT(iommu_ioas_map, user_va, W_MEMORY, 2048)}},
					{"no room",
					 ENOSPC,
					 {SET(iommu_ioas_map, user_va, 0),
					  SET(iommu_ioas_map, length, (uint64_t)1 << 32)}},
					{"no memory",
					 EFAULT,
					 {SET_ID(iommu_ioas_map, user_va, W_GUARD)}},
				},
		},
		{
			.name = "IOAS_MAP_FILE",
			.cmd = IOMMU_IOAS_MAP_FILE,
			ROW_SIZES(iommu_ioas_map_file, iova),
			.reply = REPLY_STAYS,
			.fill = fill_map_file,
			.wrong =
				{
					{"unknown flags",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_map_file, flags, 15)}},
					{"the last IOVA",
					 EOVERFLOW,
					 {SET(iommu_ioas_map_file, iova, UINT64_MAX)}},
					{"all length",
					 EOVERFLOW,
					 {SET(iommu_ioas_map_file, length, UINT64_MAX)}},
					{"no permissions",
					 EINVAL,
					 {SET(iommu_ioas_map_file, flags,
					      IOMMU_IOAS_MAP_FIXED_IOVA)}},
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_ioas_map_file, ioas_id, W_FREE)}},
					{"a page table",
					 ENOENT,
					 {SET_ID(iommu_ioas_map_file, ioas_id, W_PARENT)}},
					{"no length",
					 EINVAL,
					 {SET(iommu_ioas_map_file, length, 0)}},
					{"a file that wraps",
					 EOVERFLOW,
					 {SET(iommu_ioas_map_file, start, LAST_PAGE),
					  SET(iommu_ioas_map_file, length, 2 * WORLD_PAGE)}},
					{"a closed descriptor",
					 EBADF,
					 {SET(iommu_ioas_map_file, fd, 4999)}},
					{"no descriptor",
					 EBADF,
					 {SET(iommu_ioas_map_file, fd, -1)}},
					{"length beyond counting",
					 EINVAL,
					 {SET(iommu_ioas_map_file, start, 0),
					  SET(iommu_ioas_map_file, length, UINT64_MAX - 4095)}},
					{"beyond a dma-buf",
					 EINVAL,
					 {SET_ID(iommu_ioas_map_file, fd, W_DMABUF),
					  SET(iommu_ioas_map_file, length, 9 * WORLD_PAGE)}},
					{"a revoked dma-buf",
					 ENODEV,
					 {SET_ID(iommu_ioas_map_file, fd, W_DMABUF_REVOKED)}},
					{"odd length",
					 EINVAL,
					 {SET(iommu_ioas_map_file, length, WORLD_PAGE - 1)}},
					{"odd IOVA",
					 EINVAL,
					 {SET(iommu_ioas_map_file, iova, WORLD_FREE_IOVA + 1)}},
					{"reserved IOVA",
					 EINVAL,
					 {SET(iommu_ioas_map_file, iova, WORLD_RESERVED_IOVA)}},
					{"an area there",
					 EEXIST,
					 {SET(iommu_ioas_map_file, iova, WORLD_RW_IOVA)}},
					{"odd start", EINVAL, {SET(iommu_ioas_map_file, start, 1)}},
					{"beyond the file",
					 EINVAL,
					 {SET(iommu_ioas_map_file, start, 4 * WORLD_PAGE)}},
				},
		},
		{
			.name = "IOAS_COPY",
			.cmd = IOMMU_IOAS_COPY,
			ROW_SIZES(iommu_ioas_copy, src_iova),
			.reply = REPLY_STAYS,
			.fill = fill_copy,
			.wrong =
				{
					{"unknown flags",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_copy, flags, 15)}},
					{"all length",
					 EOVERFLOW,
					 {SET(iommu_ioas_copy, length, UINT64_MAX)}},
					{"the last source IOVA",
					 EOVERFLOW,
					 {SET(iommu_ioas_copy, src_iova, UINT64_MAX)}},
					{"the last destination IOVA",
					 EOVERFLOW,
					 {SET(iommu_ioas_copy, dst_iova, UINT64_MAX)}},
					{"no permissions",
					 EINVAL,
					 {SET(iommu_ioas_copy, flags, IOMMU_IOAS_MAP_FIXED_IOVA)}},
					{"no source",
					 ENOENT,
					 {SET_ID(iommu_ioas_copy, src_ioas_id, W_FREE)}},
					{"a vIOMMU as source",
					 ENOENT,
					 {SET_ID(iommu_ioas_copy, src_ioas_id, W_VIOMMU)}},
					{"no length", EINVAL, {SET(iommu_ioas_copy, length, 0)}},
					{"a source that wraps",
					 EOVERFLOW,
					 {SET(iommu_ioas_copy, src_iova, LAST_PAGE),
					  SET(iommu_ioas_copy, length, 2 * WORLD_PAGE)}},
					{"nothing there",
					 ENOENT,
					 {SET(iommu_ioas_copy, src_iova, WORLD_FREE_IOVA)}},
					{"a source that ends",
					 ENOENT,
					 {SET(iommu_ioas_copy,
					      length, (WORLD_NPAGES + 1) * WORLD_PAGE)}},
					{"no destination",
					 ENOENT,
					 {SET_ID(iommu_ioas_copy, dst_ioas_id, W_FREE)}},
					{"odd length",
					 EINVAL,
					 {SET(iommu_ioas_copy, length, WORLD_PAGE - 1)}},
					{"odd IOVA",
					 EINVAL,
					 {SET(iommu_ioas_copy, dst_iova, WORLD_FREE_IOVA + 1)}},
					{"IOVAs that wrap",
					 EOVERFLOW,
					 {SET(iommu_ioas_copy, dst_iova, LAST_PAGE),
					  SET(iommu_ioas_copy, length, 2 * WORLD_PAGE)}},
					{"reserved IOVA",
					 EINVAL,
					 {SET(iommu_ioas_copy, dst_iova, WORLD_RESERVED_IOVA)}},
					{"an area there",
					 EEXIST,
					 {SET(iommu_ioas_copy, dst_iova, WORLD_RW_IOVA)}},
					{"writing where the source was not",
					 EPERM,
					 {SET(iommu_ioas_copy, src_iova, WORLD_RO_IOVA)}},
					{"odd source",
					 EINVAL,
					 {SET(iommu_ioas_copy, src_iova, WORLD_RW_IOVA + 1)}},
				},
		},
		{
			.name = "IOAS_UNMAP",
			.cmd = IOMMU_IOAS_UNMAP,
			ROW_SIZES(iommu_ioas_unmap, length),
			.reply = REPLY_STAYS,
			.fill = fill_unmap,
			.wrong =
				{
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_ioas_unmap, ioas_id, W_FREE)}},
					{"a device",
					 ENOENT,
					 {SET_ID(iommu_ioas_unmap, ioas_id, W_DEV)}},
					{"the last IOVA",
					 EOVERFLOW,
					 {SET(iommu_ioas_unmap, iova, UINT64_MAX)}},
					{"all length",
					 EOVERFLOW,
					 {SET(iommu_ioas_unmap, length, UINT64_MAX)}},
					{"no length", EINVAL, {SET(iommu_ioas_unmap, length, 0)}},
					{"IOVAs that wrap",
					 EOVERFLOW,
					 {SET(iommu_ioas_unmap, iova, LAST_PAGE),
					  SET(iommu_ioas_unmap, length, 2 * WORLD_PAGE)}},
					{"a locked area",
					 EBUSY,
					 {SET(iommu_ioas_unmap, iova, WORLD_RO_IOVA)}},
					{"an area that sticks out behind",
					 ENOENT,
					 {SET(iommu_ioas_unmap, length, WORLD_PAGE)}},
					{"an area that sticks out in front",
					 ENOENT,
					 {SET(iommu_ioas_unmap, iova, WORLD_RW_IOVA + WORLD_PAGE)}},
					{"nothing there",
					 ENOENT,
					 {SET(iommu_ioas_unmap, iova, WORLD_FREE_IOVA)}},
				},
		},
		{
			.name = "IOAS_IOVA_RANGES",
			.cmd = IOMMU_IOAS_IOVA_RANGES,
			ROW_SIZES(iommu_ioas_iova_ranges, out_iova_alignment),
			.reply = REPLY_UNDONE,
			.fill = fill_iova_ranges,
			.wrong =
				{
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_iova_ranges, __reserved, 1)}},
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_ioas_iova_ranges, ioas_id, W_FREE)}},
					{"a fault queue",
					 ENOENT,
					 {SET_ID(iommu_ioas_iova_ranges, ioas_id, W_FAULT)}},
					{"no array",
					 EFAULT,
					 {SET_ID(iommu_ioas_iova_ranges, allowed_iovas, W_GUARD)}},
					{"an array that ends",
					 EFAULT,
					 {SET_AT(iommu_ioas_iova_ranges, allowed_iovas, W_GUARD,
						 -8)}},
					{"an array that can't be written",
					 EFAULT,
					 {SET_ID(iommu_ioas_iova_ranges, allowed_iovas,
						 W_READ_ONLY)}},
				},
		},
		{
			.name = "IOAS_ALLOW_IOVAS",
			.cmd = IOMMU_IOAS_ALLOW_IOVAS,
			ROW_SIZES(iommu_ioas_allow_iovas, allowed_iovas),
			.reply = REPLY_NONE,
			.fill = fill_allow_iovas,
			.wrong =
				{
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_allow_iovas, __reserved, 1)}},
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_ioas_allow_iovas, ioas_id, W_FREE)}},
					{"a page table",
					 ENOENT,
					 {SET_ID(iommu_ioas_allow_iovas, ioas_id, W_AUTO)}},
					{"no array",
					 EFAULT,
					 {SET_ID(iommu_ioas_allow_iovas, allowed_iovas, W_GUARD)}},
					{"first above last",
					 EINVAL,
					 {SET_AT(iommu_ioas_allow_iovas, allowed_iovas, W_MEMORY,
						 LIST_BACKWARDS)}},
					{"one byte",
					 EINVAL,
					 {SET_AT(iommu_ioas_allow_iovas, allowed_iovas, W_MEMORY,
						 LIST_ONE)}},
					{"ranges that overlap",
					 EINVAL,
					 {SET_AT(iommu_ioas_allow_iovas, allowed_iovas, W_MEMORY,
						 LIST_OVERLAP)}},
					{"a reserved range",
					 EADDRINUSE,
					 {SET_AT(iommu_ioas_allow_iovas, allowed_iovas, W_MEMORY,
						 LIST_RESERVED)}},
				},
		},
		{
			.name = "OPTION: hugepages",
			.cmd = IOMMU_OPTION,
			ROW_SIZES(iommu_option, val64),
			.reply = REPLY_STAYS,
			.fill = fill_option_huge,
			.wrong =
				{
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_option, __reserved, 1)}},
					{"no option",
					 EOPNOTSUPP,
					 {SET(iommu_option, option_id, 2)}},
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_option, object_id, W_FREE)}},
					{"object 0", ENOENT, {SET(iommu_option, object_id, 0)}},
					{"a device",
					 ENOENT,
					 {SET_ID(iommu_option, object_id, W_DEV)}},
					{"no operation", EOPNOTSUPP, {SET(iommu_option, op, 2)}},
					{"neither 0 nor 1", EINVAL, {SET(iommu_option, val64, 2)}},
					{"page tables and areas",
					 EINVAL,
					 {SET_ID(iommu_option, object_id, W_IOAS)}},
				},
		},
		{
			.name = "OPTION: accounting",
			.cmd = IOMMU_OPTION,
			ROW_SIZES(iommu_option, val64),
			.reply = REPLY_STAYS,
			.fill = fill_option_rlimit,
			.wrong =
				{
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_option, __reserved, 1)}},
					{"an object",
					 EOPNOTSUPP,
					 {SET_ID(iommu_option, object_id, W_IOAS)}},
					{"no operation", EOPNOTSUPP, {SET(iommu_option, op, 2)}},
					{"objects",
					 EBUSY,
					 {SET(iommu_option, op, IOMMU_OPTION_OP_SET)}},
				},
		},
		{
			.name = "VFIO_IOAS",
			.cmd = IOMMU_VFIO_IOAS,
			ROW_SIZES(iommu_vfio_ioas, __reserved),
			.reply = REPLY_NONE,
			.fill = fill_vfio_ioas,
			.wrong =
				{
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_vfio_ioas, __reserved, 1)}},
					{"no operation", EOPNOTSUPP, {SET(iommu_vfio_ioas, op, 3)}},
					{"none set",
					 ENODEV,
					 {SET(iommu_vfio_ioas, op, IOMMU_VFIO_IOAS_GET)}},
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_vfio_ioas, ioas_id, W_FREE)}},
					{"a device",
					 ENOENT,
					 {SET_ID(iommu_vfio_ioas, ioas_id, W_DEV)}},
				},
		},
		{
			.name = "IOAS_CHANGE_PROCESS",
			.cmd = IOMMU_IOAS_CHANGE_PROCESS,
			ROW_SIZES(iommu_ioas_change_process, __reserved),
			.reply = REPLY_NONE,
			.prepare = prepare_only_files,
			.fill = fill_change_process,
			.wrong =
				{
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_change_process, __reserved, 1)}},
				},
		},
		{
			.name = "IOAS_NOIOMMU_GET_PA",
			.cmd = IOMMU_IOAS_NOIOMMU_GET_PA,
			ROW_SIZES(iommu_ioas_noiommu_get_pa, out_phys),
			.reply = REPLY_NONE,
			.result = -EOPNOTSUPP,
			.fill = fill_get_pa,
			.wrong =
				{
					{"flags",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_noiommu_get_pa, flags, 1)}},
					{"reserved",
					 EOPNOTSUPP,
					 {SET(iommu_ioas_noiommu_get_pa, __reserved, 1)}},
					{"no length",
					 EINVAL,
					 {SET(iommu_ioas_noiommu_get_pa, length, 0)}},
					{"the last IOVA",
					 EOVERFLOW,
					 {SET(iommu_ioas_noiommu_get_pa, iova, UINT64_MAX)}},
					{"no IOAS",
					 ENOENT,
					 {SET_ID(iommu_ioas_noiommu_get_pa, ioas_id, W_FREE)}},
					{"nothing there",
					 ENOENT,
					 {SET(iommu_ioas_noiommu_get_pa, iova, WORLD_FREE_IOVA)}},
				},
		},
};

int main(void)
{
	return rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}
