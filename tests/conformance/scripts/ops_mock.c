/* SPDX-License-Identifier: MIT */
/* The mock IOMMU's own operations: making devices, attaching them, looking inside. */
#include <stddef.h>
#include <stdlib.h>

#include "ops.h"

#include <uiommufd/mock.h>

bool call_mock(struct world *world, struct iommu_test_cmd *cmd)
{
	cmd->size = offsetof(struct iommu_test_cmd, last) + sizeof(cmd->last);
	return call(world, IOMMU_TEST_CMD, cmd);
}

static void op_mock_domain(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
		.id = arg(args, "pt"),
		.mock_domain_flags = {.dev_flags = arg(args, "fl")},
	};

	if (call_mock(world, &cmd))
		say(world, " stdev=%u hwpt=%u dev=%u", cmd.mock_domain_flags.out_stdev_id,
		    cmd.mock_domain_flags.out_hwpt_id, cmd.mock_domain_flags.out_idev_id);
}

static void op_mock_replace(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = arg(args, "stdev"),
		.mock_domain_replace = {.pt_id = arg(args, "pt")},
	};

	if (call_mock(world, &cmd))
		say(world, " pt=%u", cmd.mock_domain_replace.pt_id);
}

static void op_check_map(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_CHECK_MAP,
		.id = arg(args, "hwpt"),
		.check_map = {.iova = arg(args, "iova"),
			      .length = arg(args, "len"),
			      .uptr = arg_va(world, args)},
	};

	call_mock(world, &cmd);
}

static void op_check_refs(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_CHECK_REFS,
		.check_refs = {.length = arg(args, "len"),
			       .uptr = arg_va(world, args),
			       .refs = arg(args, "refs")},
	};

	call_mock(world, &cmd);
}

static void op_check_iotlb(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_CHECK_IOTLB,
		.id = arg(args, "hwpt"),
		.check_iotlb = {.id = arg(args, "i"), .iotlb = arg(args, "val")},
	};

	call_mock(world, &cmd);
}

static void op_check_cache(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DEV_CHECK_CACHE,
		.id = arg(args, "dev"),
		.check_dev_cache = {.id = arg(args, "i"), .cache = arg(args, "val")},
	};

	call_mock(world, &cmd);
}

static void op_add_reserved(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ADD_RESERVED,
		.id = arg(args, "id"),
		.add_reserved = {.start = arg(args, "start"), .length = arg(args, "len")},
	};

	call_mock(world, &cmd);
}

static void op_memory_limit(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		.memory_limit = {.limit = arg(args, "limit")},
	};

	call_mock(world, &cmd);
}

/* do= 0 attach, 1 replace, 2 detach, 3 check: those share one layout. */
static void op_pasid(struct world *world, const struct args *args)
{
	static const uint32_t ops[] = {
		IOMMU_TEST_OP_PASID_ATTACH,
		IOMMU_TEST_OP_PASID_REPLACE,
		IOMMU_TEST_OP_PASID_DETACH,
		IOMMU_TEST_OP_PASID_CHECK_HWPT,
	};
	unsigned int which = arg(args, "do") & 3;
	struct iommu_test_cmd cmd = {
		.op = ops[which],
		.id = arg(args, "stdev"),
		.pasid_attach = {.pasid = arg(args, "pasid"), .pt_id = arg(args, "pt")},
	};

	if (call_mock(world, &cmd) && which < 2)
		say(world, " pt=%u", cmd.pasid_attach.pt_id);
}

static void op_dmabuf_get(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DMABUF_GET,
		.dmabuf_get = {.length = arg(args, "len"), .open_flags = arg(args, "fl")},
	};
	size_t start = world->length;
	int fd;

	if (!slot_room(world, &world->dmabufs) || !call_mock(world, &cmd))
		return;
	fd = atoi(world->result +
		  start); /* the result is the descriptor, which is no number to compare */
	world->length = start;
	say(world, "0");
	slot_add(&world->dmabufs, fd);
}

static void op_dmabuf_revoke(struct world *world, const struct args *args)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_DMABUF_REVOKE,
		.dmabuf_revoke = {.revoked = arg(args, "on")},
	};

	if (slot_fd(world, &world->dmabufs, args, &cmd.dmabuf_revoke.dmabuf_fd))
		call_mock(world, &cmd);
}

static void op_dmabuf_close(struct world *world, const struct args *args)
{
	slot_close(world, &world->dmabufs, args);
}

const struct op mock_ops[] = {
	{"mock_domain", op_mock_domain},
	{"mock_replace", op_mock_replace},
	{"check_map", op_check_map},
	{"check_refs", op_check_refs},
	{"check_iotlb", op_check_iotlb},
	{"check_cache", op_check_cache},
	{"add_reserved", op_add_reserved},
	{"memory_limit", op_memory_limit},
	{"pasid", op_pasid},
	{"dmabuf_get", op_dmabuf_get},
	{"dmabuf_revoke", op_dmabuf_revoke},
	{"dmabuf_close", op_dmabuf_close},
	{},
};
