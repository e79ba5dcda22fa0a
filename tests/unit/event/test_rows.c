/* SPDX-License-Identifier: MIT */
/* The row of FAULT_QUEUE_ALLOC. */
#include "rows.h"

static void fill_fault_queue(const struct world *world, void *arg)
{
}

static const struct row rows[] = {
	{
		.name = "FAULT_QUEUE_ALLOC",
		.cmd = IOMMU_FAULT_QUEUE_ALLOC,
		ROW_SIZES(iommu_fault_alloc, out_fault_fd),
		.reply = REPLY_UNDONE,
		.fill = fill_fault_queue,
		.wrong =
			{
				{"flags", EOPNOTSUPP, {SET(iommu_fault_alloc, flags, 1)}},
				{"the last flag",
				 EOPNOTSUPP,
				 {SET(iommu_fault_alloc, flags, 1u << 31)}},
			},
	},
};

int main(void)
{
	return rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}
