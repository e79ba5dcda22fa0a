/* SPDX-License-Identifier: MIT */
/* In-process accesses, as the mock offers them: pinning pages, reading and writing through an IOAS.
 */
#include <string.h>

#include "ops.h"

#include <uiommufd/mock.h>

#define RW_MAX (1u << 16)

static void op_access_create(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = arg(args, "id"),
		.create_access = {.flags = arg(args, "fl")},
	};

	if (slot_room(world, &world->accesses) && call_mock(world, &cmd))
		slot_add(&world->accesses, cmd.create_access.out_access_fd);
}

static void op_access_pages(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_PAGES,
		.access_pages = {.flags = arg(args, "fl"),
				 .iova = arg(args, "iova"),
				 .length = arg(args, "len"),
				 .uptr = arg_va(world, args)},
	};
	int fd;

	if (!slot_fd(world, &world->accesses, args, &fd))
		return;
	cmd.id = fd;
	if (call_mock(world, &cmd))
		say(world, " item=%u", cmd.access_pages.out_access_pages_id);
}

static void op_access_unpin(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
		.destroy_access_pages = {.access_pages_id = arg(args, "item")},
	};
	int fd;

	if (!slot_fd(world, &world->accesses, args, &fd))
		return;
	cmd.id = fd;
	call_mock(world, &cmd);
}

/* Flag 1 writes `byte` all over the range; without it the hash of what was read is said. */
static void op_access_rw(struct world *world, const struct args *args)
{
	static unsigned char buffer[RW_MAX];
	uint64_t length = arg(args, "len") < RW_MAX ? arg(args, "len") : RW_MAX;
	bool write = arg(args, "fl") & 1;
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.access_rw = {.iova = arg(args, "iova"),
			      .length = length,
			      .uptr = arg_pointer(args, buffer),
			      .flags = arg(args, "fl")},
	};
	int fd;

	if (!slot_fd(world, &world->accesses, args, &fd))
		return;
	memset(buffer, write ? (int)arg(args, "byte") : 0, sizeof(buffer));
	cmd.id = fd;
	if (call_mock(world, &cmd) && !write)
		say(world, " hash=%016lx", (unsigned long)hash(buffer, length));
}

static void op_access_replace(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
		.access_replace_ioas = {.ioas_id = arg(args, "id")},
	};
	int fd;

	if (!slot_fd(world, &world->accesses, args, &fd))
		return;
	cmd.id = fd;
	call_mock(world, &cmd);
}

static void op_access_close(struct world *world, const struct args *args)
{
	slot_close(world, &world->accesses, args);
}

const struct op access_ops[] = {
	{"access_create", op_access_create},
	{"access_pages", op_access_pages},
	{"access_unpin", op_access_unpin},
	{"access_rw", op_access_rw},
	{"access_replace", op_access_replace},
	{"access_close", op_access_close},
	{},
};
