/* SPDX-License-Identifier: MIT */
/* The mock's test command: a layout for each operation. */
#include "frontend/trace/table.h"

#include <uiommufd/mock.h>

const uint32_t trace_mock_cmd = IOMMU_TEST_CMD;

static const struct trace_name ops[] = {
	NAME(IOMMU_TEST_OP_ADD_RESERVED),
	NAME(IOMMU_TEST_OP_MOCK_DOMAIN),
	NAME(IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS),
	NAME(IOMMU_TEST_OP_MD_CHECK_MAP),
	NAME(IOMMU_TEST_OP_MD_CHECK_REFS),
	NAME(IOMMU_TEST_OP_CREATE_ACCESS),
	NAME(IOMMU_TEST_OP_DESTROY_ACCESS_PAGES),
	NAME(IOMMU_TEST_OP_ACCESS_PAGES),
	NAME(IOMMU_TEST_OP_ACCESS_RW),
	NAME(IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT),
	NAME(IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE),
	NAME(IOMMU_TEST_OP_ACCESS_REPLACE_IOAS),
	NAME(IOMMU_TEST_OP_DIRTY),
	NAME(IOMMU_TEST_OP_MD_CHECK_IOTLB),
	NAME(IOMMU_TEST_OP_TRIGGER_IOPF),
	NAME(IOMMU_TEST_OP_DEV_CHECK_CACHE),
	NAME(IOMMU_TEST_OP_TRIGGER_VEVENT),
	NAME(IOMMU_TEST_OP_PASID_ATTACH),
	NAME(IOMMU_TEST_OP_PASID_REPLACE),
	NAME(IOMMU_TEST_OP_PASID_DETACH),
	NAME(IOMMU_TEST_OP_PASID_CHECK_HWPT),
	NAME(IOMMU_TEST_OP_DMABUF_GET),
	NAME(IOMMU_TEST_OP_DMABUF_REVOKE),
	{},
};
static const struct trace_name device_flags[] = {
	NAME(MOCK_FLAGS_DEVICE_NO_DIRTY), NAME(MOCK_FLAGS_DEVICE_PASID), {}};
static const struct trace_name create_flags[] = {NAME(MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES),
						 {}};
static const struct trace_name pages_flags[] = {NAME(MOCK_FLAGS_ACCESS_WRITE), {}};
static const struct trace_name rw_flags[] = {
	NAME(MOCK_ACCESS_RW_WRITE), NAME(MOCK_ACCESS_RW_SLOW_PATH), {}};

#define HEAD                                                                                       \
	FIELD(struct iommu_test_cmd, size, IN, DEC),                                               \
		FIELD(struct iommu_test_cmd, op, IN, ENUM, NAMES(ops)),                            \
		FIELD(struct iommu_test_cmd, id, IN, DEC),                                         \
		FIELD(struct iommu_test_cmd, __reserved, IN, RESERVED)
#define OP(constant, ...) [constant] = {sizeof(struct iommu_test_cmd), {HEAD, __VA_ARGS__}}
#define ARG(member, ...)  FIELD(struct iommu_test_cmd, member, __VA_ARGS__)

static const struct trace_struct layouts[] = {
	[0] = {sizeof(struct iommu_test_cmd), {HEAD}},
	OP(IOMMU_TEST_OP_ADD_RESERVED, ARG(add_reserved.start, IN, HEX),
	   ARG(add_reserved.length, IN, HEX)),
	OP(IOMMU_TEST_OP_MOCK_DOMAIN, ARG(mock_domain.out_stdev_id, OUT, DEC),
	   ARG(mock_domain.out_hwpt_id, OUT, DEC), ARG(mock_domain.out_idev_id, OUT, DEC)),
	OP(IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, ARG(mock_domain_flags.out_stdev_id, OUT, DEC),
	   ARG(mock_domain_flags.out_hwpt_id, OUT, DEC),
	   ARG(mock_domain_flags.out_idev_id, OUT, DEC),
	   ARG(mock_domain_flags.dev_flags, IN, FLAGS, NAMES(device_flags))),
	OP(IOMMU_TEST_OP_MD_CHECK_MAP, ARG(check_map.iova, IN, HEX), ARG(check_map.length, IN, HEX),
	   ARG(check_map.uptr, IN, HEX)),
	OP(IOMMU_TEST_OP_MD_CHECK_REFS, ARG(check_refs.length, IN, HEX),
	   ARG(check_refs.uptr, IN, HEX), ARG(check_refs.refs, IN, DEC)),
	OP(IOMMU_TEST_OP_CREATE_ACCESS, ARG(create_access.out_access_fd, OUT, SIGNED),
	   ARG(create_access.flags, IN, FLAGS, NAMES(create_flags))),
	OP(IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, ARG(destroy_access_pages.access_pages_id, IN, DEC)),
	OP(IOMMU_TEST_OP_ACCESS_PAGES, ARG(access_pages.flags, IN, FLAGS, NAMES(pages_flags)),
	   ARG(access_pages.out_access_pages_id, OUT, DEC), ARG(access_pages.iova, IN, HEX),
	   ARG(access_pages.length, IN, HEX), ARG(access_pages.uptr, IN, HEX)),
	OP(IOMMU_TEST_OP_ACCESS_RW, ARG(access_rw.iova, IN, HEX), ARG(access_rw.length, IN, HEX),
	   ARG(access_rw.uptr, IN, HEX), ARG(access_rw.flags, IN, FLAGS, NAMES(rw_flags))),
	OP(IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT, ARG(memory_limit.limit, IN, DEC)),
	OP(IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, ARG(mock_domain_replace.pt_id, IN, DEC)),
	OP(IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, ARG(access_replace_ioas.ioas_id, IN, DEC)),
	OP(IOMMU_TEST_OP_DIRTY, ARG(dirty.flags, IN, HEX), ARG(dirty.iova, IN, HEX),
	   ARG(dirty.length, IN, HEX), ARG(dirty.page_size, IN, HEX), ARG(dirty.uptr, IN, HEX),
	   ARG(dirty.out_nr_dirty, OUT, DEC)),
	OP(IOMMU_TEST_OP_MD_CHECK_IOTLB, ARG(check_iotlb.id, IN, DEC),
	   ARG(check_iotlb.iotlb, IN, HEX)),
	OP(IOMMU_TEST_OP_TRIGGER_IOPF, ARG(trigger_iopf.dev_id, IN, DEC),
	   ARG(trigger_iopf.pasid, IN, DEC), ARG(trigger_iopf.grpid, IN, DEC),
	   ARG(trigger_iopf.perm, IN, HEX), ARG(trigger_iopf.addr, IN, HEX)),
	OP(IOMMU_TEST_OP_DEV_CHECK_CACHE, ARG(check_dev_cache.id, IN, DEC),
	   ARG(check_dev_cache.cache, IN, HEX)),
	OP(IOMMU_TEST_OP_TRIGGER_VEVENT, ARG(trigger_vevent.dev_id, IN, DEC)),
	OP(IOMMU_TEST_OP_PASID_ATTACH, ARG(pasid_attach.pasid, IN, DEC),
	   ARG(pasid_attach.pt_id, IN, DEC)),
	OP(IOMMU_TEST_OP_PASID_REPLACE, ARG(pasid_replace.pasid, IN, DEC),
	   ARG(pasid_replace.pt_id, IN, DEC)),
	OP(IOMMU_TEST_OP_PASID_DETACH, ARG(pasid_detach.pasid, IN, DEC)),
	OP(IOMMU_TEST_OP_PASID_CHECK_HWPT, ARG(pasid_check.pasid, IN, DEC),
	   ARG(pasid_check.hwpt_id, IN, DEC)),
	OP(IOMMU_TEST_OP_DMABUF_GET, ARG(dmabuf_get.length, IN, HEX),
	   ARG(dmabuf_get.open_flags, IN, HEX)),
	OP(IOMMU_TEST_OP_DMABUF_REVOKE, ARG(dmabuf_revoke.dmabuf_fd, IN, SIGNED),
	   ARG(dmabuf_revoke.revoked, IN, DEC)),
};

const struct trace_struct *trace_mock_layout(uint32_t op)
{
	if (op >= sizeof(layouts) / sizeof(layouts[0]) || !layouts[op].size)
		op = 0;
	return &layouts[op];
}
