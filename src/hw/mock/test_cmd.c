/* SPDX-License-Identifier: MIT */
/* IOMMU_TEST_CMD: the table of its operations. */
#include <errno.h>

#include "hw/mock/mock.h"

static mock_op *const ops[] = {
	[IOMMU_TEST_OP_ADD_RESERVED] = mock_op_add_reserved,
	[IOMMU_TEST_OP_MOCK_DOMAIN] = mock_op_mock_domain,
	[IOMMU_TEST_OP_MD_CHECK_MAP] = mock_op_check_map,
	[IOMMU_TEST_OP_MD_CHECK_REFS] = mock_op_check_refs,
	[IOMMU_TEST_OP_CREATE_ACCESS] = mock_op_create_access,
	[IOMMU_TEST_OP_DESTROY_ACCESS_PAGES] = mock_op_destroy_access_pages,
	[IOMMU_TEST_OP_ACCESS_PAGES] = mock_op_access_pages,
	[IOMMU_TEST_OP_ACCESS_RW] = mock_op_access_rw,
	[IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT] = mock_op_memory_limit,
	[IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE] = mock_op_replace,
	[IOMMU_TEST_OP_ACCESS_REPLACE_IOAS] = mock_op_access_replace,
	[IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS] = mock_op_mock_domain_flags,
	[IOMMU_TEST_OP_DIRTY] = mock_op_dirty,
	[IOMMU_TEST_OP_MD_CHECK_IOTLB] = mock_op_check_iotlb,
	[IOMMU_TEST_OP_TRIGGER_IOPF] = mock_op_trigger_iopf,
	[IOMMU_TEST_OP_DEV_CHECK_CACHE] = mock_op_check_cache,
	[IOMMU_TEST_OP_TRIGGER_VEVENT] = mock_op_trigger_vevent,
	[IOMMU_TEST_OP_PASID_ATTACH] = mock_op_pasid_attach,
	[IOMMU_TEST_OP_PASID_REPLACE] = mock_op_pasid_replace,
	[IOMMU_TEST_OP_PASID_DETACH] = mock_op_pasid_detach,
	[IOMMU_TEST_OP_PASID_CHECK_HWPT] = mock_op_pasid_check,
	[IOMMU_TEST_OP_DMABUF_GET] = mock_op_dmabuf_get,
	[IOMMU_TEST_OP_DMABUF_REVOKE] = mock_op_dmabuf_revoke,
};

int test_ioctl(struct ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	if (cmd->op >= sizeof(ops) / sizeof(ops[0]) || !ops[cmd->op])
		return -EOPNOTSUPP;
	return ops[cmd->op](ucmd, cmd);
}
