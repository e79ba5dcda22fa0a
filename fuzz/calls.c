/* SPDX-License-Identifier: MIT */
/* The structs of all ioctls, field by field, and the pools that their values come from. */
#include "fuzz.h"

#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>
#include <uiommufd/vfio.h>

/* ---- pools ---- */

uint64_t fuzz_id(struct input *in)
{
	uint8_t byte = take8(in);

	if (byte < 0xf0)
		return byte % 24;
	return byte == 0xff ? UINT32_MAX : byte;
}

uint64_t fuzz_iova(struct input *in)
{
	static const uint64_t edges[] = {
		0,
		1,
		4095,
		4096,
		(1 << 24) - 4096,
		(1 << 24) - 1,
		(1u << 31) - 4096,
		(1u << 31) - 1,
		1u << 31,
		(uint64_t)1 << 38,
		(uint64_t)1 << 63,
		UINT64_MAX - 8191,
		UINT64_MAX - 4095,
		UINT64_MAX - 2047,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	uint8_t byte = take8(in);

	if (byte < 0x80)
		return (1 << 24) + byte % 64 * FUZZ_PAGE + (byte & 0x40 ? 2048 : 0);
	if (byte < 0xc0)
		return (1 << 24) + take8(in) * (uint64_t)512;
	if (byte < 0xe0)
		return edges[byte % 16];
	return take64(in);
}

/* None of them makes arrays so large that finding the memory for them takes long. */
uint64_t fuzz_length(struct input *in)
{
	static const uint64_t edges[] = {
		0,
		1,
		7,
		8,
		2047,
		2048,
		4095,
		4097,
		1 << 20,
		2 << 20,
		(uint64_t)1 << 45,
		(uint64_t)1 << 63,
		UINT64_MAX - 4096,
		UINT64_MAX - 4095,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	uint8_t byte = take8(in);

	if (byte < 0x80)
		return (byte % 32 + 1) * FUZZ_PAGE;
	if (byte < 0xa0)
		return (byte % 32 + 1) * (uint64_t)2048;
	if (byte < 0xc0)
		return edges[byte % 16];
	return take8(in) | take8(in) << 8;
}

uint64_t fuzz_pointer(struct stage *stage, struct input *in)
{
	uint64_t memory = (uintptr_t)stage->memory;
	uint8_t byte = take8(in);

	if (byte < 0x80)
		return memory + byte % FUZZ_NPAGES * FUZZ_PAGE;
	if (byte < 0xc0)
		return memory + take8(in) * (uint64_t)1024;
	switch (byte % 8) {
	case 0:
		return 0;
	case 1:
		return memory - FUZZ_PAGE; /* for reading */
	case 2:
		return memory + FUZZ_NPAGES * FUZZ_PAGE - take8(in);
	case 3:
		return (uint64_t)0xffff8 << 44;
	case 4:
		return UINT64_MAX - 100;
	default:
		return memory + byte % FUZZ_NPAGES * FUZZ_PAGE + 8;
	}
}

uint64_t fuzz_fd(struct stage *stage, struct input *in)
{
	uint8_t byte = take8(in);

	if (byte < 0xc0)
		return FUZZ_FD0 + byte % FUZZ_FDS;
	return byte < 0xe0 ? stage->memfd : -1;
}

/* ---- fields ---- */

enum kind {
	END,
	ID,
	FLAGS, /* few bits */
	TYPE,  /* of the mock, or another number */
	SMALL, /* a small number */
	RESERVED,
	IOVA,
	LENGTH,
	POINTER,
	FD,
};

struct field {
	uint8_t at, size, kind;
};

struct call {
	unsigned int cmd;
	uint8_t size;
	uint8_t op; /* of the test command */
	struct field fields[12];
};

#define F(type, field, kind)                                                                       \
	{                                                                                          \
		offsetof(struct type, field), sizeof(((struct type *)0)->field), kind              \
	}
#define T(field, kind) F(iommu_test_cmd, field, kind)
#define CALL(nr, type, ...)                                                                        \
	{                                                                                          \
		nr, sizeof(struct type), 0,                                                        \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define TEST(nr, ...)                                                                              \
	{                                                                                          \
		IOMMU_TEST_CMD, sizeof(struct iommu_test_cmd), nr,                                 \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const struct call calls[] = {
	CALL(IOMMU_DESTROY, iommu_destroy, F(iommu_destroy, id, ID)),
	CALL(IOMMU_IOAS_ALLOC, iommu_ioas_alloc, F(iommu_ioas_alloc, flags, RESERVED)),
	CALL(IOMMU_IOAS_ALLOW_IOVAS, iommu_ioas_allow_iovas, F(iommu_ioas_allow_iovas, ioas_id, ID),
	     F(iommu_ioas_allow_iovas, num_iovas, SMALL),
	     F(iommu_ioas_allow_iovas, __reserved, RESERVED),
	     F(iommu_ioas_allow_iovas, allowed_iovas, POINTER)),
	CALL(IOMMU_IOAS_IOVA_RANGES, iommu_ioas_iova_ranges, F(iommu_ioas_iova_ranges, ioas_id, ID),
	     F(iommu_ioas_iova_ranges, num_iovas, SMALL),
	     F(iommu_ioas_iova_ranges, allowed_iovas, POINTER)),
	CALL(IOMMU_IOAS_MAP, iommu_ioas_map, F(iommu_ioas_map, flags, FLAGS),
	     F(iommu_ioas_map, ioas_id, ID), F(iommu_ioas_map, user_va, POINTER),
	     F(iommu_ioas_map, length, LENGTH), F(iommu_ioas_map, iova, IOVA)),
	CALL(IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file, F(iommu_ioas_map_file, flags, FLAGS),
	     F(iommu_ioas_map_file, ioas_id, ID), F(iommu_ioas_map_file, fd, FD),
	     F(iommu_ioas_map_file, start, LENGTH), F(iommu_ioas_map_file, length, LENGTH),
	     F(iommu_ioas_map_file, iova, IOVA)),
	CALL(IOMMU_IOAS_COPY, iommu_ioas_copy, F(iommu_ioas_copy, flags, FLAGS),
	     F(iommu_ioas_copy, dst_ioas_id, ID), F(iommu_ioas_copy, src_ioas_id, ID),
	     F(iommu_ioas_copy, length, LENGTH), F(iommu_ioas_copy, dst_iova, IOVA),
	     F(iommu_ioas_copy, src_iova, IOVA)),
	CALL(IOMMU_IOAS_UNMAP, iommu_ioas_unmap, F(iommu_ioas_unmap, ioas_id, ID),
	     F(iommu_ioas_unmap, iova, IOVA), F(iommu_ioas_unmap, length, LENGTH)),
	CALL(IOMMU_OPTION, iommu_option, F(iommu_option, option_id, SMALL),
	     F(iommu_option, op, SMALL), F(iommu_option, object_id, ID),
	     F(iommu_option, val64, SMALL)),
	CALL(IOMMU_VFIO_IOAS, iommu_vfio_ioas, F(iommu_vfio_ioas, ioas_id, ID),
	     F(iommu_vfio_ioas, op, SMALL)),
	CALL(IOMMU_HWPT_ALLOC, iommu_hwpt_alloc, F(iommu_hwpt_alloc, flags, FLAGS),
	     F(iommu_hwpt_alloc, dev_id, ID), F(iommu_hwpt_alloc, pt_id, ID),
	     F(iommu_hwpt_alloc, data_type, TYPE), F(iommu_hwpt_alloc, data_len, LENGTH),
	     F(iommu_hwpt_alloc, data_uptr, POINTER), F(iommu_hwpt_alloc, fault_id, ID)),
	CALL(IOMMU_GET_HW_INFO, iommu_hw_info, F(iommu_hw_info, flags, FLAGS),
	     F(iommu_hw_info, dev_id, ID), F(iommu_hw_info, data_len, LENGTH),
	     F(iommu_hw_info, data_uptr, POINTER), F(iommu_hw_info, in_data_type, TYPE)),
	CALL(IOMMU_HWPT_SET_DIRTY_TRACKING, iommu_hwpt_set_dirty_tracking,
	     F(iommu_hwpt_set_dirty_tracking, flags, FLAGS),
	     F(iommu_hwpt_set_dirty_tracking, hwpt_id, ID)),
	CALL(IOMMU_HWPT_GET_DIRTY_BITMAP, iommu_hwpt_get_dirty_bitmap,
	     F(iommu_hwpt_get_dirty_bitmap, hwpt_id, ID),
	     F(iommu_hwpt_get_dirty_bitmap, flags, FLAGS),
	     F(iommu_hwpt_get_dirty_bitmap, iova, IOVA),
	     F(iommu_hwpt_get_dirty_bitmap, length, LENGTH),
	     F(iommu_hwpt_get_dirty_bitmap, page_size, LENGTH),
	     F(iommu_hwpt_get_dirty_bitmap, data, POINTER)),
	CALL(IOMMU_HWPT_INVALIDATE, iommu_hwpt_invalidate, F(iommu_hwpt_invalidate, hwpt_id, ID),
	     F(iommu_hwpt_invalidate, data_uptr, POINTER),
	     F(iommu_hwpt_invalidate, data_type, TYPE), F(iommu_hwpt_invalidate, entry_len, SMALL),
	     F(iommu_hwpt_invalidate, entry_num, SMALL)),
	CALL(IOMMU_FAULT_QUEUE_ALLOC, iommu_fault_alloc, F(iommu_fault_alloc, flags, RESERVED)),
	CALL(IOMMU_VIOMMU_ALLOC, iommu_viommu_alloc, F(iommu_viommu_alloc, flags, RESERVED),
	     F(iommu_viommu_alloc, type, TYPE), F(iommu_viommu_alloc, dev_id, ID),
	     F(iommu_viommu_alloc, hwpt_id, ID), F(iommu_viommu_alloc, data_len, SMALL),
	     F(iommu_viommu_alloc, data_uptr, POINTER)),
	CALL(IOMMU_VDEVICE_ALLOC, iommu_vdevice_alloc, F(iommu_vdevice_alloc, viommu_id, ID),
	     F(iommu_vdevice_alloc, dev_id, ID), F(iommu_vdevice_alloc, virt_id, SMALL)),
	CALL(IOMMU_IOAS_CHANGE_PROCESS, iommu_ioas_change_process,
	     F(iommu_ioas_change_process, __reserved, RESERVED)),
	CALL(IOMMU_VEVENTQ_ALLOC, iommu_veventq_alloc, F(iommu_veventq_alloc, flags, RESERVED),
	     F(iommu_veventq_alloc, viommu_id, ID), F(iommu_veventq_alloc, type, TYPE),
	     F(iommu_veventq_alloc, veventq_depth, SMALL)),
	CALL(IOMMU_HW_QUEUE_ALLOC, iommu_hw_queue_alloc, F(iommu_hw_queue_alloc, flags, RESERVED),
	     F(iommu_hw_queue_alloc, viommu_id, ID), F(iommu_hw_queue_alloc, type, TYPE),
	     F(iommu_hw_queue_alloc, index, SMALL),
	     F(iommu_hw_queue_alloc, nesting_parent_iova, IOVA),
	     F(iommu_hw_queue_alloc, length, LENGTH)),
	CALL(IOMMU_IOAS_NOIOMMU_GET_PA, iommu_ioas_noiommu_get_pa,
	     F(iommu_ioas_noiommu_get_pa, ioas_id, ID), F(iommu_ioas_noiommu_get_pa, iova, IOVA),
	     F(iommu_ioas_noiommu_get_pa, length, LENGTH)),
	TEST(IOMMU_TEST_OP_ADD_RESERVED, T(id, ID), T(add_reserved.start, IOVA),
	     T(add_reserved.length, LENGTH)),
	TEST(IOMMU_TEST_OP_MOCK_DOMAIN, T(id, ID)),
	TEST(IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, T(id, ID), T(mock_domain_flags.dev_flags, FLAGS)),
	TEST(IOMMU_TEST_OP_MD_CHECK_MAP, T(id, ID), T(check_map.iova, IOVA),
	     T(check_map.length, SMALL), T(check_map.uptr, POINTER)),
	TEST(IOMMU_TEST_OP_MD_CHECK_REFS, T(check_refs.length, SMALL), T(check_refs.uptr, POINTER),
	     T(check_refs.refs, SMALL)),
	TEST(IOMMU_TEST_OP_CREATE_ACCESS, T(id, ID), T(create_access.flags, FLAGS)),
	TEST(IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, T(id, FD),
	     T(destroy_access_pages.access_pages_id, SMALL)),
	TEST(IOMMU_TEST_OP_ACCESS_PAGES, T(id, FD), T(access_pages.flags, FLAGS),
	     T(access_pages.iova, IOVA), T(access_pages.length, LENGTH),
	     T(access_pages.uptr, POINTER)),
	TEST(IOMMU_TEST_OP_ACCESS_RW, T(id, FD), T(access_rw.flags, FLAGS), T(access_rw.iova, IOVA),
	     T(access_rw.length, LENGTH), T(access_rw.uptr, POINTER)),
	TEST(IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT, T(memory_limit.limit, SMALL)),
	TEST(IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, T(id, ID), T(mock_domain_replace.pt_id, ID)),
	TEST(IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, T(id, FD), T(access_replace_ioas.ioas_id, ID)),
	TEST(IOMMU_TEST_OP_DIRTY, T(id, ID), T(dirty.flags, RESERVED), T(dirty.iova, IOVA),
	     T(dirty.length, LENGTH), T(dirty.page_size, LENGTH), T(dirty.uptr, POINTER)),
	TEST(IOMMU_TEST_OP_MD_CHECK_IOTLB, T(id, ID), T(check_iotlb.id, SMALL)),
	TEST(IOMMU_TEST_OP_TRIGGER_IOPF, T(trigger_iopf.dev_id, ID), T(trigger_iopf.pasid, SMALL),
	     T(trigger_iopf.grpid, SMALL), T(trigger_iopf.perm, SMALL), T(trigger_iopf.addr, IOVA)),
	TEST(IOMMU_TEST_OP_DEV_CHECK_CACHE, T(id, ID), T(check_dev_cache.id, SMALL)),
	TEST(IOMMU_TEST_OP_TRIGGER_VEVENT, T(trigger_vevent.dev_id, ID)),
	TEST(IOMMU_TEST_OP_PASID_ATTACH, T(id, ID), T(pasid_attach.pasid, SMALL),
	     T(pasid_attach.pt_id, ID)),
	TEST(IOMMU_TEST_OP_PASID_REPLACE, T(id, ID), T(pasid_replace.pasid, SMALL),
	     T(pasid_replace.pt_id, ID)),
	TEST(IOMMU_TEST_OP_PASID_DETACH, T(id, ID), T(pasid_detach.pasid, SMALL)),
	TEST(IOMMU_TEST_OP_PASID_CHECK_HWPT, T(id, ID), T(pasid_check.pasid, SMALL),
	     T(pasid_check.hwpt_id, ID)),
	TEST(IOMMU_TEST_OP_DMABUF_GET, T(dmabuf_get.length, LENGTH)),
	TEST(IOMMU_TEST_OP_DMABUF_REVOKE, T(dmabuf_revoke.dmabuf_fd, FD),
	     T(dmabuf_revoke.revoked, SMALL)),
	CALL(VFIO_IOMMU_MAP_DMA, vfio_iommu_type1_dma_map,
	     F(vfio_iommu_type1_dma_map, flags, SMALL), F(vfio_iommu_type1_dma_map, vaddr, POINTER),
	     F(vfio_iommu_type1_dma_map, iova, IOVA), F(vfio_iommu_type1_dma_map, size, LENGTH)),
	CALL(VFIO_IOMMU_UNMAP_DMA, vfio_iommu_type1_dma_unmap,
	     F(vfio_iommu_type1_dma_unmap, flags, SMALL), F(vfio_iommu_type1_dma_unmap, iova, IOVA),
	     F(vfio_iommu_type1_dma_unmap, size, LENGTH)),
	CALL(VFIO_IOMMU_GET_INFO, vfio_iommu_type1_info),
};

#define NCALLS (sizeof(calls) / sizeof(calls[0]))

static uint64_t type_value(struct input *in)
{
	uint8_t byte = take8(in);

	if (byte >= 0xc0)
		return byte & 0xf;
	switch (byte % 4) {
	case 0:
		return 0;
	case 1:
		return IOMMU_HWPT_DATA_SELFTEST;
	case 2:
		return IOMMU_VEVENTQ_TYPE_SELFTEST;
	default:
		return IOMMU_VIOMMU_TYPE_SELFTEST; /* and of queues and requests */
	}
}

static uint64_t small_value(struct input *in)
{
	static const uint64_t edges[] = {1024,	  1025,		 4096,	  8192,
					 1 << 19, (1 << 19) + 1, 1 << 20, UINT32_MAX};
	uint8_t byte = take8(in);

	return byte < 0xf8 ? byte % 32 : edges[byte % 8];
}

static uint64_t field_value(struct stage *stage, struct input *in, enum kind kind)
{
	uint8_t byte;

	switch (kind) {
	case ID:
		return fuzz_id(in);
	case FLAGS:
		byte = take8(in);
		return byte >= 0xfc ? (uint64_t)1 << (byte % 4 * 8 + 7) : byte % 16;
	case TYPE:
		return type_value(in);
	case SMALL:
		return small_value(in);
	case RESERVED:
		return take8(in) > 0xf0;
	case IOVA:
		return fuzz_iova(in);
	case LENGTH:
		return fuzz_length(in);
	case POINTER:
		return fuzz_pointer(stage, in);
	case FD:
		return fuzz_fd(stage, in);
	case END:
		break;
	}
	return 0;
}

static void fill(struct stage *stage, struct input *in, const struct call *call, char *at)
{
	uint32_t size = call->size, op = call->op;

	memcpy(at, &size, sizeof(size));
	if (op)
		memcpy(at + offsetof(struct iommu_test_cmd, op), &op, sizeof(op));
	for (const struct field *field = call->fields; field->kind != END; field++) {
		uint64_t value = field_value(stage, in, field->kind);

		memcpy(at + field->at, &value, field->size);
	}
}

void fuzz_ioctl(struct stage *stage, struct file *file, struct input *in)
{
	uint8_t byte = take8(in);
	const struct call *call = &calls[byte % NCALLS];
	char at[128] = {0};
	uint64_t ptr = (uintptr_t)at;

	fill(stage, in, call, at);
	/* Now and then the struct itself is in an awkward place. */
	if (byte >= 0xfa) {
		ptr = fuzz_pointer(stage, in);
		mm_write(stage->client.mm, ptr, at, call->size);
	}
	file_ioctl(file, &stage->client, call->cmd, ptr);
}
