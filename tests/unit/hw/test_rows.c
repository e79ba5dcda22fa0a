/* SPDX-License-Identifier: MIT */
/* The rows of the mock's test command, an operation each. */
#include "rows.h"

#define T_SET(field, value)	  SET(iommu_test_cmd, field, value)
#define T_ID(field, world)	  SET_ID(iommu_test_cmd, field, world)
#define T_AT(field, world, value) SET_AT(iommu_test_cmd, field, world, value)

static void fill_reserve(const struct world *world, void *arg)
{
	struct iommu_test_cmd *cmd = arg;

	cmd->op = IOMMU_TEST_OP_ADD_RESERVED;
	cmd->id = world->id[W_IOAS];
	cmd->add_reserved.start = WORLD_FREE_IOVA;
	cmd->add_reserved.length = WORLD_PAGE;
}

static void fill_plug(const struct world *world, void *arg)
{
	struct iommu_test_cmd *cmd = arg;

	cmd->op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS;
	cmd->id = world->id[W_IOAS];
}

static void fill_replace(const struct world *world, void *arg)
{
	struct iommu_test_cmd *cmd = arg;

	cmd->op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE;
	cmd->id = world->id[W_STDEV];
	cmd->mock_domain_replace.pt_id = world->id[W_PARENT];
}

static void fill_access(const struct world *world, void *arg)
{
	struct iommu_test_cmd *cmd = arg;

	cmd->op = IOMMU_TEST_OP_CREATE_ACCESS;
	cmd->id = world->id[W_IOAS];
}

static void fill_pin(const struct world *world, void *arg)
{
	struct iommu_test_cmd *cmd = arg;

	cmd->op = IOMMU_TEST_OP_ACCESS_PAGES;
	cmd->id = world->id[W_ACCESS_FD];
	cmd->access_pages.flags = MOCK_FLAGS_ACCESS_WRITE;
	cmd->access_pages.iova = WORLD_RW_IOVA;
	cmd->access_pages.length = WORLD_PAGE;
	cmd->access_pages.uptr = world->id[W_MEMORY];
}

static void fill_rw(const struct world *world, void *arg)
{
	struct iommu_test_cmd *cmd = arg;

	cmd->op = IOMMU_TEST_OP_ACCESS_RW;
	cmd->id = world->id[W_ACCESS_FD];
	cmd->access_rw.iova = WORLD_RW_IOVA + 1;
	cmd->access_rw.length = 100;
	cmd->access_rw.uptr = world->id[W_MEMORY] + 8 * WORLD_PAGE;
	cmd->access_rw.flags = MOCK_ACCESS_RW_WRITE;
}

static const struct row rows[] = {
	{
		.name = "ADD_RESERVED",
		.cmd = IOMMU_TEST_CMD,
		ROW_SIZES(iommu_test_cmd, last),
		.reply = REPLY_NONE,
		.fill = fill_reserve,
		.wrong =
			{
				{"no operation", EOPNOTSUPP, {T_SET(op, 0)}},
				{"beyond the operations", EOPNOTSUPP, {T_SET(op, 24)}},
				{"no length", EINVAL, {T_SET(add_reserved.length, 0)}},
				{"no IOAS", ENOENT, {T_ID(id, W_FREE)}},
				{"an area there",
				 EADDRINUSE,
				 {T_SET(add_reserved.start, WORLD_RW_IOVA - 1)}},
			},
	},
	{
		.name = "MOCK_DOMAIN_FLAGS",
		.cmd = IOMMU_TEST_CMD,
		ROW_SIZES(iommu_test_cmd, last),
		.reply = REPLY_UNDONE,
		.fill = fill_plug,
		.wrong =
			{
				{"flags", EINVAL, {T_SET(mock_domain_flags.dev_flags, 2)}},
				{"no page table", ENOENT, {T_ID(id, W_FREE)}},
				{"a device", EINVAL, {T_ID(id, W_DEV)}},
				{"dirty tracking without",
				 EINVAL,
				 {T_ID(id, W_PARENT),
				  T_SET(mock_domain_flags.dev_flags, MOCK_FLAGS_DEVICE_NO_DIRTY)}},
			},
	},
	{
		.name = "MOCK_DOMAIN_REPLACE",
		.cmd = IOMMU_TEST_CMD,
		ROW_SIZES(iommu_test_cmd, last),
		.reply = REPLY_STAYS,
		.fill = fill_replace,
		.wrong =
			{
				{"no device", ENOENT, {T_ID(id, W_FREE)}},
				{"a device object", ENOENT, {T_ID(id, W_DEV)}},
				{"no page table",
				 ENOENT,
				 {T_ID(mock_domain_replace.pt_id, W_FREE)}},
				{"a vIOMMU", EINVAL, {T_ID(mock_domain_replace.pt_id, W_VIOMMU)}},
			},
	},
	{
		.name = "CREATE_ACCESS",
		.cmd = IOMMU_TEST_CMD,
		ROW_SIZES(iommu_test_cmd, last),
		.reply = REPLY_UNDONE,
		.fill = fill_access,
		.wrong =
			{
				{"flags", EOPNOTSUPP, {T_SET(create_access.flags, 2)}},
				{"no IOAS", ENOENT, {T_ID(id, W_FREE)}},
				{"a page table", ENOENT, {T_ID(id, W_AUTO)}},
			},
	},
	{
		.name = "ACCESS_PAGES",
		.cmd = IOMMU_TEST_CMD,
		ROW_SIZES(iommu_test_cmd, last),
		.reply = REPLY_UNDONE,
		.fill = fill_pin,
		.wrong =
			{
				{"more than is pinned at once",
				 ENOMEM,
				 {T_SET(access_pages.length, (16 << 20) + 1)}},
				{"flags", EOPNOTSUPP, {T_SET(access_pages.flags, 2)}},
				{"no descriptor", EBADFD, {T_SET(id, -1)}},
				{"a dma-buf", EBADFD, {T_ID(id, W_DMABUF)}},
				{"no length", EINVAL, {T_SET(access_pages.length, 0)}},
				{"nothing there",
				 ENOENT,
				 {T_SET(access_pages.iova, WORLD_FREE_IOVA)}},
				{"odd IOVA", EINVAL, {T_SET(access_pages.iova, WORLD_RW_IOVA + 1)}},
				{"read-only", EPERM, {T_SET(access_pages.iova, WORLD_RO_IOVA)}},
				{"an area that ends",
				 ENOENT,
				 {T_SET(access_pages.length, (WORLD_NPAGES + 1) * WORLD_PAGE)}},
				{"other memory",
				 EBADE,
				 {T_AT(access_pages.uptr, W_MEMORY, WORLD_PAGE)}},
				{"no memory", EFAULT, {T_ID(access_pages.uptr, W_GUARD)}},
			},
	},
	{
		.name = "ACCESS_RW",
		.cmd = IOMMU_TEST_CMD,
		ROW_SIZES(iommu_test_cmd, last),
		.reply = REPLY_NONE,
		.fill = fill_rw,
		.wrong =
			{
				{"more than is copied at once",
				 ENOMEM,
				 {T_SET(access_rw.length, (16 << 20) + 1)}},
				{"flags", EOPNOTSUPP, {T_SET(access_rw.flags, 2)}},
				{"no descriptor", EBADFD, {T_SET(id, -1)}},
				{"no length", EINVAL, {T_SET(access_rw.length, 0)}},
				{"no buffer", EFAULT, {T_ID(access_rw.uptr, W_GUARD)}},
				{"nothing there", ENOENT, {T_SET(access_rw.iova, WORLD_FREE_IOVA)}},
				{"read-only", EPERM, {T_SET(access_rw.iova, WORLD_RO_IOVA)}},
			},
	},
};

int main(void)
{
	return rows_run(rows, sizeof(rows) / sizeof(rows[0]));
}
