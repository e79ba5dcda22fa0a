/* SPDX-License-Identifier: MIT */
/* The rows of the core's own calls: DESTROY. */
#include "rows.h"

static void fill_destroy(const struct world *world, void *arg)
{
	struct iommu_destroy *cmd = arg;

	cmd->id = world->id[W_IOAS_FREE];
}

static const struct row rows[] = {
	{
		.name = "DESTROY",
		.cmd = IOMMU_DESTROY,
		ROW_SIZES(iommu_destroy, id),
		.reply = REPLY_NONE,
		.fill = fill_destroy,
		.wrong =
			{
				{"id 0", ENOENT, {SET(iommu_destroy, id, 0)}},
				{"no object", ENOENT, {SET_ID(iommu_destroy, id, W_FREE)}},
				{"no id at all", ENOENT, {SET(iommu_destroy, id, UINT32_MAX)}},
				{"an IOAS in use", EBUSY, {SET_ID(iommu_destroy, id, W_IOAS)}},
				{"a page table in use", EBUSY, {SET_ID(iommu_destroy, id, W_AUTO)}},
				{"a parent in use", EBUSY, {SET_ID(iommu_destroy, id, W_PARENT)}},
				{"a vIOMMU in use", EBUSY, {SET_ID(iommu_destroy, id, W_VIOMMU)}},
				{"a device", EBUSY, {SET_ID(iommu_destroy, id, W_DEV)}},
				{"an open fault queue",
				 EBUSY,
				 {SET_ID(iommu_destroy, id, W_FAULT_OPEN)}},
				{"a queue's access",
				 EBUSY,
				 {SET_AT(iommu_destroy, id, W_HW_QUEUE, 1)}},
			},
	},
};

int main(void)
{
	return rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}
