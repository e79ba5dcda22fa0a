/* SPDX-License-Identifier: MIT */
/* The rows of calls that name a device. */
#include "rows.h"

#define FOREIGN_TYPE 0x77 /* of data that the mock does not know */

static void fill_hwpt(const struct world *world, void *arg)
{
	struct iommu_hwpt_alloc *cmd = arg;

	cmd->dev_id = world->id[W_DEV];
	cmd->pt_id = world->id[W_IOAS];
}

static void fill_nested(const struct world *world, void *arg)
{
	struct iommu_hwpt_alloc *cmd = arg;

	cmd->dev_id = world->id[W_DEV];
	cmd->pt_id = world->id[W_PARENT];
	cmd->data_type = IOMMU_HWPT_DATA_SELFTEST;
	cmd->data_len = sizeof(struct iommu_hwpt_selftest);
	cmd->data_uptr = world->id[W_MEMORY];
}

static void fill_nested_viommu(const struct world *world, void *arg)
{
	struct iommu_hwpt_alloc *cmd = arg;

	fill_nested(world, arg);
	cmd->pt_id = world->id[W_VIOMMU];
}

static void fill_hw_info(const struct world *world, void *arg)
{
	struct iommu_hw_info *cmd = arg;

	cmd->dev_id = world->id[W_DEV];
	cmd->data_len = 8;
	cmd->data_uptr = world->id[W_MEMORY];
}

static void fill_viommu(const struct world *world, void *arg)
{
	struct iommu_viommu_alloc *cmd = arg;

	cmd->type = IOMMU_VIOMMU_TYPE_SELFTEST;
	cmd->dev_id = world->id[W_DEV];
	cmd->hwpt_id = world->id[W_PARENT];
}

static void fill_vdevice(const struct world *world, void *arg)
{
	struct iommu_vdevice_alloc *cmd = arg;

	cmd->viommu_id = world->id[W_VIOMMU];
	cmd->dev_id = world->id[W_DEV];
	cmd->virt_id = 0x99;
}

/* What is wrong with any HWPT_ALLOC before the kind of its parent matters. */
#define WRONG_WITH_ANY_HWPT                                                                        \
	{"reserved", EOPNOTSUPP, {SET(iommu_hwpt_alloc, __reserved, 1)}},                          \
		{"a type without data",                                                            \
		 EINVAL,                                                                           \
		 {SET(iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),                      \
		  SET(iommu_hwpt_alloc, data_len, 0)}},                                            \
		{"data without a type",                                                            \
		 EINVAL,                                                                           \
		 {SET(iommu_hwpt_alloc, data_type, 0), SET(iommu_hwpt_alloc, data_len, 8)}},       \
		{"no device", ENOENT, {SET_ID(iommu_hwpt_alloc, dev_id, W_FREE)}},                 \
		{"an IOAS as device", ENOENT, {SET_ID(iommu_hwpt_alloc, dev_id, W_IOAS)}},         \
		{"no parent", EINVAL, {SET_ID(iommu_hwpt_alloc, pt_id, W_FREE)}},                  \
		{"a device as parent", EINVAL, {SET_ID(iommu_hwpt_alloc, pt_id, W_DEV)}},          \
	{                                                                                          \
		"a nested one as parent", EINVAL,                                                  \
		{                                                                                  \
			SET_ID(iommu_hwpt_alloc, pt_id, W_NESTED)                                  \
		}                                                                                  \
	}

/* What the model finds in its data. */
#define WRONG_WITH_DATA                                                                            \
	{"data of another model",                                                                  \
	 EOPNOTSUPP,                                                                               \
	 {SET(iommu_hwpt_alloc, data_type, FOREIGN_TYPE), SET(iommu_hwpt_alloc, data_len, 8)}},    \
		{"data too short",                                                                 \
		 EINVAL,                                                                           \
		 {SET(iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),                      \
		  SET(iommu_hwpt_alloc, data_len, 3)}},                                            \
		{"data too long",                                                                  \
		 EINVAL,                                                                           \
		 {SET(iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),                      \
		  SET(iommu_hwpt_alloc, data_len, 9)}},                                            \
		{"no data there",                                                                  \
		 EFAULT,                                                                           \
		 {SET(iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),                      \
		  SET(iommu_hwpt_alloc, data_len, 8),                                              \
		  SET_ID(iommu_hwpt_alloc, data_uptr, W_GUARD)}},                                  \
	{                                                                                          \
		"data that ends", EFAULT,                                                          \
		{                                                                                  \
			SET(iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),                \
				SET(iommu_hwpt_alloc, data_len, 8),                                \
				SET_AT(iommu_hwpt_alloc, data_uptr, W_GUARD, -4)                   \
		}                                                                                  \
	}

/* A fault queue comes last. */
#define WRONG_FAULT_QUEUE                                                                          \
	{"no fault queue",                                                                         \
	 ENOENT,                                                                                   \
	 {SET(iommu_hwpt_alloc, flags, IOMMU_HWPT_FAULT_ID_VALID),                                 \
	  SET_ID(iommu_hwpt_alloc, fault_id, W_FREE)}},                                            \
	{                                                                                          \
		"an IOAS as fault queue", ENOENT,                                                  \
		{                                                                                  \
			SET(iommu_hwpt_alloc, flags, IOMMU_HWPT_FAULT_ID_VALID),                   \
				SET_ID(iommu_hwpt_alloc, fault_id, W_IOAS)                         \
		}                                                                                  \
	}

static const struct row rows[] = {
	{
		.name = "HWPT_ALLOC of an IOAS",
		.cmd = IOMMU_HWPT_ALLOC,
		ROW_SIZES(iommu_hwpt_alloc, __reserved),
		.reply = REPLY_UNDONE,
		.fill = fill_hwpt,
		.wrong =
			{
				WRONG_WITH_ANY_HWPT,
				{"unknown flags", EOPNOTSUPP, {SET(iommu_hwpt_alloc, flags, 16)}},
				{"faults of a parent",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_alloc, flags,
				      IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_NEST_PARENT)}},
				WRONG_WITH_DATA,
				WRONG_FAULT_QUEUE,
			},
	},
	{
		.name = "HWPT_ALLOC of a page table",
		.cmd = IOMMU_HWPT_ALLOC,
		ROW_SIZES(iommu_hwpt_alloc, __reserved),
		.good_size = offsetof(struct iommu_hwpt_alloc, fault_id),
		.reply = REPLY_UNDONE,
		.fill = fill_nested,
		.wrong =
			{
				WRONG_WITH_ANY_HWPT,
				{"a parent's flags",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_alloc, flags, IOMMU_HWPT_ALLOC_NEST_PARENT)}},
				{"dirty tracking",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_alloc, flags, IOMMU_HWPT_ALLOC_DIRTY_TRACKING)}},
				{"no data",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_alloc, data_type, 0),
				  SET(iommu_hwpt_alloc, data_len, 0)}},
				{"an automatic parent",
				 EINVAL,
				 {SET_ID(iommu_hwpt_alloc, pt_id, W_AUTO)}},
				WRONG_WITH_DATA,
				WRONG_FAULT_QUEUE,
			},
	},
	{
		.name = "HWPT_ALLOC of a vIOMMU",
		.cmd = IOMMU_HWPT_ALLOC,
		ROW_SIZES(iommu_hwpt_alloc, __reserved),
		.good_size = offsetof(struct iommu_hwpt_alloc, fault_id),
		.reply = REPLY_UNDONE,
		.fill = fill_nested_viommu,
		.wrong =
			{
				WRONG_WITH_ANY_HWPT,
				{"a parent's flags",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_alloc, flags, IOMMU_HWPT_ALLOC_NEST_PARENT)}},
				{"no data",
				 EOPNOTSUPP,
				 {SET(iommu_hwpt_alloc, data_type, 0),
				  SET(iommu_hwpt_alloc, data_len, 0)}},
				WRONG_WITH_DATA,
				WRONG_FAULT_QUEUE,
			},
	},
	{
		.name = "GET_HW_INFO",
		.cmd = IOMMU_GET_HW_INFO,
		ROW_SIZES(iommu_hw_info, __reserved),
		.reply = REPLY_UNDONE,
		.fill = fill_hw_info,
		.wrong =
			{
				{"flags", EOPNOTSUPP, {SET(iommu_hw_info, flags, 2)}},
				{"reserved", EOPNOTSUPP, {SET(iommu_hw_info, __reserved, 1)}},
				{"the last of reserved",
				 EOPNOTSUPP,
				 {SET(iommu_hw_info, __reserved, 1 << 16)}},
				{"no device", ENOENT, {SET_ID(iommu_hw_info, dev_id, W_FREE)}},
				{"a device of the mock's",
				 ENOENT,
				 {SET_ID(iommu_hw_info, dev_id, W_STDEV)}},
				{"another model's information",
				 EOPNOTSUPP,
				 {SET(iommu_hw_info, flags, IOMMU_HW_INFO_FLAG_INPUT_TYPE),
				  SET(iommu_hw_info, in_data_type, FOREIGN_TYPE)}},
				{"no buffer", EFAULT, {SET_ID(iommu_hw_info, data_uptr, W_GUARD)}},
				{"a buffer that can't be written",
				 EFAULT,
				 {SET_ID(iommu_hw_info, data_uptr, W_READ_ONLY)}},
				{"a buffer that ends",
				 EFAULT,
				 {SET_AT(iommu_hw_info, data_uptr, W_GUARD, -4)}},
				{"a long buffer that ends",
				 EFAULT,
				 {SET_AT(iommu_hw_info, data_uptr, W_GUARD, -8),
				  SET(iommu_hw_info, data_len, 9)}},
			},
	},
	{
		.name = "VIOMMU_ALLOC",
		.cmd = IOMMU_VIOMMU_ALLOC,
		ROW_SIZES(iommu_viommu_alloc, out_viommu_id),
		.reply = REPLY_UNDONE,
		.fill = fill_viommu,
		.wrong =
			{
				{"flags", EOPNOTSUPP, {SET(iommu_viommu_alloc, flags, 1)}},
				{"no type", EOPNOTSUPP, {SET(iommu_viommu_alloc, type, 0)}},
				{"no device", ENOENT, {SET_ID(iommu_viommu_alloc, dev_id, W_FREE)}},
				{"an IOAS as device",
				 ENOENT,
				 {SET_ID(iommu_viommu_alloc, dev_id, W_IOAS)}},
				{"another model's type",
				 EOPNOTSUPP,
				 {SET(iommu_viommu_alloc, type, FOREIGN_TYPE)}},
				{"no parent",
				 ENOENT,
				 {SET_ID(iommu_viommu_alloc, hwpt_id, W_FREE)}},
				{"a nested parent",
				 ENOENT,
				 {SET_ID(iommu_viommu_alloc, hwpt_id, W_NESTED)}},
				{"an IOAS as parent",
				 ENOENT,
				 {SET_ID(iommu_viommu_alloc, hwpt_id, W_IOAS)}},
				{"not made as parent",
				 EINVAL,
				 {SET_ID(iommu_viommu_alloc, hwpt_id, W_AUTO)}},
				{"data too short", EINVAL, {SET(iommu_viommu_alloc, data_len, 7)}},
				{"data too long", EINVAL, {SET(iommu_viommu_alloc, data_len, 25)}},
				{"no data there",
				 EFAULT,
				 {SET(iommu_viommu_alloc, data_len, 24),
				  SET_ID(iommu_viommu_alloc, data_uptr, W_GUARD)}},
				{"data that can't be written",
				 EFAULT,
				 {SET(iommu_viommu_alloc, data_len, 24),
				  SET_ID(iommu_viommu_alloc, data_uptr, W_READ_ONLY)}},
			},
	},
	{
		.name = "VDEVICE_ALLOC",
		.cmd = IOMMU_VDEVICE_ALLOC,
		ROW_SIZES(iommu_vdevice_alloc, virt_id),
		.reply = REPLY_UNDONE,
		.fill = fill_vdevice,
		.wrong =
			{
				{"no vIOMMU",
				 ENOENT,
				 {SET_ID(iommu_vdevice_alloc, viommu_id, W_FREE)}},
				{"a page table",
				 ENOENT,
				 {SET_ID(iommu_vdevice_alloc, viommu_id, W_PARENT)}},
				{"no device",
				 ENOENT,
				 {SET_ID(iommu_vdevice_alloc, dev_id, W_FREE)}},
				{"a device of the mock's",
				 ENOENT,
				 {SET_ID(iommu_vdevice_alloc, dev_id, W_STDEV)}},
				{"a device that has one",
				 EEXIST,
				 {SET_ID(iommu_vdevice_alloc, dev_id, W_DEV2)}},
				{"an id that is taken",
				 EEXIST,
				 {SET(iommu_vdevice_alloc, virt_id, 0x88)}},
			},
	},
};

int main(void)
{
	return rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}
