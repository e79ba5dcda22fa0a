/* SPDX-License-Identifier: MIT */
/* A start with objects of all kinds, for programs that don't make their own. */
#include "fuzz.h"

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#define CALL(nr, ...)                                                                              \
	do {                                                                                       \
		__typeof__(__VA_ARGS__) cmd_ = __VA_ARGS__;                                        \
		cmd_.size = sizeof(cmd_);                                                          \
		file_ioctl(stage->contexts[0], &stage->client, nr, (uintptr_t)&cmd_);              \
	} while (0)

/* What the ids are then. */
enum { IOAS = 1, STDEV, AUTO, DEV, PARENT, FAULT, NESTED, VIOMMU, VDEVICE, VEVENTQ };

static void make_nesting(struct stage *stage)
{
	struct iommu_hwpt_selftest data = {0};

	CALL(IOMMU_HWPT_ALLOC, (struct iommu_hwpt_alloc){.flags = IOMMU_HWPT_ALLOC_NEST_PARENT |
								  IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
								  IOMMU_HWPT_ALLOC_PASID,
							 .dev_id = DEV,
							 .pt_id = IOAS});
	CALL(IOMMU_FAULT_QUEUE_ALLOC, (struct iommu_fault_alloc){.flags = 0});
	CALL(IOMMU_HWPT_ALLOC,
	     (struct iommu_hwpt_alloc){.flags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID,
				       .dev_id = DEV,
				       .pt_id = PARENT,
				       .data_type = IOMMU_HWPT_DATA_SELFTEST,
				       .data_len = sizeof(data),
				       .data_uptr = (uintptr_t)&data,
				       .fault_id = FAULT});
	CALL(IOMMU_VIOMMU_ALLOC, (struct iommu_viommu_alloc){.type = IOMMU_VIOMMU_TYPE_SELFTEST,
							     .dev_id = DEV,
							     .hwpt_id = PARENT});
	CALL(IOMMU_VDEVICE_ALLOC,
	     (struct iommu_vdevice_alloc){.viommu_id = VIOMMU, .dev_id = DEV, .virt_id = 7});
	CALL(IOMMU_VEVENTQ_ALLOC, (struct iommu_veventq_alloc){.viommu_id = VIOMMU,
							       .type = IOMMU_VEVENTQ_TYPE_SELFTEST,
							       .veventq_depth = 2});
}

static void make_access(struct stage *stage)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_CREATE_ACCESS, .id = IOAS};

	cmd.create_access.flags = MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES;
	CALL(IOMMU_TEST_CMD, cmd);
}

void fuzz_prelude(struct stage *stage, unsigned int parts)
{
	if (!parts)
		return;
	CALL(IOMMU_IOAS_ALLOC, (struct iommu_ioas_alloc){.flags = 0});
	CALL(IOMMU_TEST_CMD,
	     (struct iommu_test_cmd){.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
				     .id = IOAS,
				     .mock_domain_flags = {.dev_flags = MOCK_FLAGS_DEVICE_PASID}});
	CALL(IOMMU_IOAS_MAP,
	     (struct iommu_ioas_map){.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					      IOMMU_IOAS_MAP_WRITEABLE,
				     .ioas_id = IOAS,
				     .user_va = (uintptr_t)stage->memory,
				     .length = FUZZ_NPAGES / 4 * FUZZ_PAGE,
				     .iova = 1 << 24});
	if (parts & 1)
		make_nesting(stage);
	if (parts & 2)
		make_access(stage);
}
