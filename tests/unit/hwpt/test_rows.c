/* SPDX-License-Identifier: MIT */
/* The rows of dirty tracking. */
#include "rows.h"

#define LAST_PAGE (UINT64_MAX - WORLD_PAGE + 1)

static void fill_set_dirty(const struct world *world, void *arg)
{
	struct iommu_hwpt_set_dirty_tracking *cmd = arg;

	cmd->hwpt_id = world->id[W_PARENT];
}

static void fill_get_dirty(const struct world *world, void *arg)
{
	struct iommu_hwpt_get_dirty_bitmap *cmd = arg;

	cmd->hwpt_id = world->id[W_PARENT];
	cmd->iova = WORLD_RW_IOVA;
	cmd->length = WORLD_NPAGES * WORLD_PAGE;
	cmd->page_size = WORLD_PAGE;
	cmd->data = world->id[W_MEMORY];
}

static const struct row rows[] = {
	{
		.name = "HWPT_SET_DIRTY_TRACKING",
		.cmd = IOMMU_HWPT_SET_DIRTY_TRACKING,
		ROW_SIZES(iommu_hwpt_set_dirty_tracking, __reserved),
		.reply = REPLY_NONE,
		.fill = fill_set_dirty,
		.wrong =
			{
				{"flags",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_set_dirty_tracking, flags, 2)}},
				{"no page table",
				 ENOENT,
				 {SET_ID(iommu_hwpt_set_dirty_tracking, hwpt_id, W_FREE)}},
				{"a nested one",
				 ENOENT,
				 {SET_ID(iommu_hwpt_set_dirty_tracking, hwpt_id, W_NESTED)}},
				{"an IOAS",
				 ENOENT,
				 {SET_ID(iommu_hwpt_set_dirty_tracking, hwpt_id, W_IOAS)}},
				{"one without dirty bits",
				 EOPNOTSUPP,
				 {SET_ID(iommu_hwpt_set_dirty_tracking, hwpt_id, W_AUTO)}},
			},
	},
	{
		.name = "HWPT_GET_DIRTY_BITMAP",
		.cmd = IOMMU_HWPT_GET_DIRTY_BITMAP,
		ROW_SIZES(iommu_hwpt_get_dirty_bitmap, data),
		.reply = REPLY_NONE,
		.fill = fill_get_dirty,
		.wrong =
			{
				{"flags", EOPNOTSUPP, {SET(iommu_hwpt_get_dirty_bitmap, flags, 2)}},
				{"reserved",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_get_dirty_bitmap, __reserved, 1)}},
				{"no page table",
				 ENOENT,
				 {SET_ID(iommu_hwpt_get_dirty_bitmap, hwpt_id, W_FREE)}},
				{"a nested one",
				 ENOENT,
				 {SET_ID(iommu_hwpt_get_dirty_bitmap, hwpt_id, W_NESTED)}},
				{"no length",
				 EINVAL,
				 {SET(iommu_hwpt_get_dirty_bitmap, length, 0)}},
				{"IOVAs that wrap",
				 EOVERFLOW,
				 {SET(iommu_hwpt_get_dirty_bitmap, iova, LAST_PAGE),
				  SET(iommu_hwpt_get_dirty_bitmap, length, 2 * WORLD_PAGE)}},
				{"odd IOVA",
				 EINVAL,
				 {SET(iommu_hwpt_get_dirty_bitmap, iova, WORLD_RW_IOVA + 1)}},
				{"odd length",
				 EINVAL,
				 {SET(iommu_hwpt_get_dirty_bitmap, length, WORLD_PAGE + 1)}},
				{"no page size",
				 EINVAL,
				 {SET(iommu_hwpt_get_dirty_bitmap, page_size, 0)}},
				{"larger pages than the IOVA is a multiple of",
				 EINVAL,
				 {SET(iommu_hwpt_get_dirty_bitmap, page_size, 1 << 26)}},
				{"a page table without dirty bits",
				 EOPNOTSUPP,
				 {SET_ID(iommu_hwpt_get_dirty_bitmap, hwpt_id, W_AUTO)}},
			},
	},
};

int main(void)
{
	return rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}
