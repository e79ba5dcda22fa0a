/* SPDX-License-Identifier: MIT */
/* The rows of what hangs on a vIOMMU, and of invalidation. */
#include "rows.h"

#define WO_IOVA 0x5000000

/* Invalidation requests in the world's memory, by what is wrong with them. */
enum { REQ_GOOD = 0, REQ_FLAGS = 64, REQ_ENTRY = 128, REQ_DEVICE = 192, REQ_TAIL = 256 };

static void fill_invalidate(const struct world *world, void *arg)
{
	struct iommu_hwpt_invalidate_selftest good = {0}, flags = {.flags = 2},
					      entry = {.iotlb_id = 4};
	struct iommu_hwpt_invalidate *cmd = arg;

	memcpy(world->memory + REQ_GOOD, &good, sizeof(good));
	memcpy(world->memory + REQ_FLAGS, &flags, sizeof(flags));
	memcpy(world->memory + REQ_ENTRY, &entry, sizeof(entry));
	cmd->hwpt_id = world->id[W_NESTED];
	cmd->data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST;
	cmd->data_uptr = world->id[W_MEMORY];
	cmd->entry_len = sizeof(good);
	cmd->entry_num = 1;
}

static void fill_invalidate_viommu(const struct world *world, void *arg)
{
	struct iommu_viommu_invalidate_selftest good = {.vdev_id = 0x88},
						flags = {.flags = 2, .vdev_id = 0x88},
						entry = {.vdev_id = 0x88, .cache_id = 4},
						device = {.vdev_id = 0x99};
	struct iommu_hwpt_invalidate *cmd = arg;

	memcpy(world->memory + REQ_GOOD, &good, sizeof(good));
	memcpy(world->memory + REQ_FLAGS, &flags, sizeof(flags));
	memcpy(world->memory + REQ_ENTRY, &entry, sizeof(entry));
	memcpy(world->memory + REQ_DEVICE, &device, sizeof(device));
	memcpy(world->memory + REQ_TAIL, &good, sizeof(good));
	world->memory[REQ_TAIL + sizeof(good)] = 1;
	cmd->hwpt_id = world->id[W_VIOMMU];
	cmd->data_type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST;
	cmd->data_uptr = world->id[W_MEMORY];
	cmd->entry_len = sizeof(good);
	cmd->entry_num = 1;
}

static void fill_veventq(const struct world *world, void *arg)
{
	struct iommu_veventq_alloc *cmd = arg;

	cmd->viommu_id = world->id[W_VIOMMU];
	cmd->type = IOMMU_VEVENTQ_TYPE_SELFTEST;
	cmd->veventq_depth = 2;
}

static void prepare_write_only(struct world *world)
{
	bench_map(&world->bench, world->id[W_IOAS], world->memory, WORLD_PAGE, WO_IOVA,
		  IOMMU_IOAS_MAP_WRITEABLE);
}

static void fill_hw_queue(const struct world *world, void *arg)
{
	struct iommu_hw_queue_alloc *cmd = arg;

	cmd->viommu_id = world->id[W_VIOMMU];
	cmd->type = IOMMU_HW_QUEUE_TYPE_SELFTEST;
	cmd->index = 1;
	cmd->nesting_parent_iova = WORLD_RW_IOVA;
	cmd->length = WORLD_PAGE;
}

/* What is wrong with a batch before it comes to the model. */
#define WRONG_WITH_ANY_BATCH                                                                       \
	{"reserved", EOPNOTSUPP, {SET(iommu_hwpt_invalidate, __reserved, 1)}},                     \
		{"no address", EINVAL, {SET(iommu_hwpt_invalidate, data_uptr, 0)}},                \
		{"entries of no length", EINVAL, {SET(iommu_hwpt_invalidate, entry_len, 0)}},      \
		{"entries beyond a page", EINVAL, {SET(iommu_hwpt_invalidate, entry_len, 4097)}},  \
		{"too many entries",                                                               \
		 EINVAL,                                                                           \
		 {SET(iommu_hwpt_invalidate, entry_num, (1 << 19) + 1)}},                          \
		{"no object", ENOENT, {SET_ID(iommu_hwpt_invalidate, hwpt_id, W_FREE)}},           \
		{"a parent", EINVAL, {SET_ID(iommu_hwpt_invalidate, hwpt_id, W_PARENT)}},          \
		{"an IOAS", EINVAL, {SET_ID(iommu_hwpt_invalidate, hwpt_id, W_IOAS)}},             \
	{                                                                                          \
		"another model's type", EINVAL,                                                    \
		{                                                                                  \
			SET(iommu_hwpt_invalidate, data_type,                                      \
			    IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID)                           \
		}                                                                                  \
	}

static const struct row rows[] = {
	{
		.name = "HWPT_INVALIDATE of a page table",
		.cmd = IOMMU_HWPT_INVALIDATE,
		ROW_SIZES(iommu_hwpt_invalidate, __reserved),
		.reply = REPLY_STAYS,
		.writes_errors = true,
		.fill = fill_invalidate,
		.wrong =
			{
				WRONG_WITH_ANY_BATCH,
				{"entries too short",
				 EINVAL,
				 {SET(iommu_hwpt_invalidate, entry_len, 7)}},
				{"entries too long",
				 EINVAL,
				 {SET(iommu_hwpt_invalidate, entry_len, 9)}},
				{"no entries there",
				 EFAULT,
				 {SET_ID(iommu_hwpt_invalidate, data_uptr, W_GUARD)}},
				{"flags",
				 EOPNOTSUPP,
				 {SET_AT(iommu_hwpt_invalidate, data_uptr, W_MEMORY, REQ_FLAGS)}},
				{"no such entry of the cache",
				 EINVAL,
				 {SET_AT(iommu_hwpt_invalidate, data_uptr, W_MEMORY, REQ_ENTRY)}},
			},
	},
	{
		.name = "HWPT_INVALIDATE of a vIOMMU",
		.cmd = IOMMU_HWPT_INVALIDATE,
		ROW_SIZES(iommu_hwpt_invalidate, __reserved),
		.reply = REPLY_STAYS,
		.writes_errors = true,
		.fill = fill_invalidate_viommu,
		.wrong =
			{
				WRONG_WITH_ANY_BATCH,
				{"no entries there",
				 EFAULT,
				 {SET_ID(iommu_hwpt_invalidate, data_uptr, W_GUARD)}},
				{"flags",
				 EOPNOTSUPP,
				 {SET_AT(iommu_hwpt_invalidate, data_uptr, W_MEMORY, REQ_FLAGS)}},
				{"no such entry of the cache",
				 EINVAL,
				 {SET_AT(iommu_hwpt_invalidate, data_uptr, W_MEMORY, REQ_ENTRY)}},
				{"no such device",
				 EINVAL,
				 {SET_AT(iommu_hwpt_invalidate, data_uptr, W_MEMORY, REQ_DEVICE)}},
				{"entries too short for a device",
				 EINVAL,
				 {SET(iommu_hwpt_invalidate, entry_len, 4)}},
				{"a tail of an entry",
				 E2BIG,
				 {SET_AT(iommu_hwpt_invalidate, data_uptr, W_MEMORY, REQ_TAIL),
				  SET(iommu_hwpt_invalidate, entry_len, 13)}},
			},
	},
	{
		.name = "VEVENTQ_ALLOC",
		.cmd = IOMMU_VEVENTQ_ALLOC,
		ROW_SIZES(iommu_veventq_alloc, out_veventq_fd),
		.reply = REPLY_UNDONE,
		.fill = fill_veventq,
		.wrong =
			{
				{"flags", EOPNOTSUPP, {SET(iommu_veventq_alloc, flags, 1)}},
				{"reserved", EOPNOTSUPP, {SET(iommu_veventq_alloc, __reserved, 1)}},
				{"no type", EOPNOTSUPP, {SET(iommu_veventq_alloc, type, 0)}},
				{"no depth", EINVAL, {SET(iommu_veventq_alloc, veventq_depth, 0)}},
				{"too deep",
				 EINVAL,
				 {SET(iommu_veventq_alloc, veventq_depth, (1 << 19) + 1)}},
				{"no vIOMMU",
				 ENOENT,
				 {SET_ID(iommu_veventq_alloc, viommu_id, W_FREE)}},
				{"a page table",
				 ENOENT,
				 {SET_ID(iommu_veventq_alloc, viommu_id, W_PARENT)}},
				{"a type that is there",
				 EEXIST,
				 {SET(iommu_veventq_alloc, type, 1)}},
			},
	},
	{
		.name = "HW_QUEUE_ALLOC",
		.cmd = IOMMU_HW_QUEUE_ALLOC,
		ROW_SIZES(iommu_hw_queue_alloc, length),
		.reply = REPLY_UNDONE,
		.prepare = prepare_write_only,
		.fill = fill_hw_queue,
		.wrong =
			{
				{"flags", EOPNOTSUPP, {SET(iommu_hw_queue_alloc, flags, 1)}},
				{"no type", EOPNOTSUPP, {SET(iommu_hw_queue_alloc, type, 0)}},
				{"no length", EINVAL, {SET(iommu_hw_queue_alloc, length, 0)}},
				{"IOVAs that wrap",
				 EOVERFLOW,
				 {SET(iommu_hw_queue_alloc, nesting_parent_iova, UINT64_MAX),
				  SET(iommu_hw_queue_alloc, length, 2)}},
				{"no vIOMMU",
				 ENOENT,
				 {SET_ID(iommu_hw_queue_alloc, viommu_id, W_FREE)}},
				{"a page table",
				 ENOENT,
				 {SET_ID(iommu_hw_queue_alloc, viommu_id, W_PARENT)}},
				{"another model's type",
				 EOPNOTSUPP,
				 {SET(iommu_hw_queue_alloc, type, 1)}},
				{"pages that wrap",
				 ERANGE,
				 {SET(iommu_hw_queue_alloc, nesting_parent_iova, 0xfff),
				  SET(iommu_hw_queue_alloc, length, UINT64_MAX - 0xffe)}},
				{"more pages than an array has",
				 ENOMEM,
				 {SET(iommu_hw_queue_alloc, length, (uint64_t)1 << 40)}},
				{"nothing there",
				 ENOENT,
				 {SET(iommu_hw_queue_alloc, nesting_parent_iova, WORLD_FREE_IOVA)}},
				{"an area that ends",
				 ENOENT,
				 {SET(iommu_hw_queue_alloc, nesting_parent_iova,
				      WORLD_RW_IOVA + (WORLD_NPAGES - 1) * WORLD_PAGE),
				  SET(iommu_hw_queue_alloc, length, WORLD_PAGE + 1)}},
				{"an area that can't be read",
				 EPERM,
				 {SET(iommu_hw_queue_alloc, nesting_parent_iova, WO_IOVA)}},
				{"pages that don't follow each other",
				 EFAULT,
				 {SET(iommu_hw_queue_alloc, length, WORLD_PAGE + 1)}},
				{"an index that there is not",
				 EINVAL,
				 {SET(iommu_hw_queue_alloc, index, 2)}},
				{"an index that is taken",
				 EEXIST,
				 {SET(iommu_hw_queue_alloc, index, 0)}},
			},
	},
};

int main(void)
{
	return rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}
