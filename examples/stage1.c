/* SPDX-License-Identifier: MIT */
#include "stage1.h"

#include <err.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#define LEVELS 4
#define ENTRY  8

/* Present, writable, for user accesses, accessed, dirty (VT-d 9.8); a table likewise. */
#define VTD_PAGE  0x67u
#define VTD_TABLE 0x27u
/* A page: not global, accessed, shareable, readable and writable for users (Arm DDI 0487, D8.3); a table. */
#define ARM_PAGE  (1u << 11 | 1u << 10 | 3u << 8 | 1u << 6 | 3u)
#define ARM_TABLE 3u

/* Commands and fields of an SMMUv3 (Arm IHI 0070, 4 and 5). */
#define CMD_TLBI_NH_VA 0x12u
#define ASID	       1ull
#define STE_TRANSLATE  (5u << 1 | 1u) /* stage 1 translates; valid */

static void call(const struct stage1 *tables, unsigned long cmd, void *arg, const char *what)
{
	if (ioctl(tables->iommufd, cmd, arg))
		err(1, "%s", what);
}
#define CALL(tables, cmd, arg) call(tables, cmd, arg, #cmd)

/* ---- objects ---- */

static bool is_smmu(const struct stage1 *tables, uint32_t device)
{
	struct iommu_hw_info info = {.size = sizeof(info), .dev_id = device};

	CALL(tables, IOMMU_GET_HW_INFO, &info);
	if (info.out_data_type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3 &&
	    info.out_data_type != IOMMU_HW_INFO_TYPE_INTEL_VTD)
		errx(1, "the device is behind neither a VT-d nor an SMMUv3");
	return info.out_data_type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3;
}

/* Stage 2: the memory, at address 0. */
static void make_parent(struct stage1 *tables, uint32_t device)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					      IOMMU_IOAS_MAP_WRITEABLE,
				     .user_va = (uintptr_t)tables->memory,
				     .length = tables->size};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .dev_id = device};

	CALL(tables, IOMMU_IOAS_ALLOC, &alloc);
	tables->ioas = map.ioas_id = hwpt.pt_id = alloc.out_ioas_id;
	CALL(tables, IOMMU_IOAS_MAP, &map);
	CALL(tables, IOMMU_HWPT_ALLOC, &hwpt);
	tables->parent = hwpt.out_hwpt_id;
}

static uint64_t *word(const struct stage1 *tables, uint64_t address)
{
	return (uint64_t *)(tables->memory + address);
}

/*
 * The context descriptor: ASID 1, AArch64, 48 bits of input and output, faults stall, and are recorded when they end an access; TTBR1 is off.
 */
static void make_descriptor(struct stage1 *tables)
{
	tables->descriptor = stage1_take(tables, 1);
	*word(tables, tables->descriptor) = ASID << 48 | 1ull << 46 | 1ull << 45 | 1ull << 44 |
					    1ull << 41 | 5ull << 32 | 1ull << 31 | 1ull << 30 | 16;
	*word(tables, tables->descriptor + 8) = tables->root;
}

static void make_viommu(struct stage1 *tables, uint32_t device)
{
	struct iommu_viommu_alloc cmd = {.size = sizeof(cmd),
					 .type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
					 .dev_id = device,
					 .hwpt_id = tables->parent};

	CALL(tables, IOMMU_VIOMMU_ALLOC, &cmd);
	tables->viommu = cmd.out_viommu_id;
}

void stage1_init(struct stage1 *tables, int iommufd, uint32_t device, void *memory, size_t size)
{
	*tables = (struct stage1){.iommufd = iommufd, .memory = memory, .size = size};
	tables->smmu = is_smmu(tables, device);
	make_parent(tables, device);
	tables->root = stage1_take(tables, 1);
	if (!tables->smmu)
		return;
	make_descriptor(tables);
	make_viommu(tables, device);
}

uint32_t stage1_add_device(struct stage1 *tables, uint32_t device, uint32_t number)
{
	struct iommu_vdevice_alloc cmd = {.size = sizeof(cmd),
					  .viommu_id = tables->viommu,
					  .dev_id = device,
					  .virt_id = number};

	if (tables->smmu)
		CALL(tables, IOMMU_VDEVICE_ALLOC, &cmd);
	return cmd.out_vdevice_id;
}

static uint32_t make_object(const struct stage1 *tables, uint32_t device, uint32_t fault_queue,
			    uint32_t flags)
{
	struct iommu_hwpt_vtd_s1 s1 = {.pgtbl_addr = tables->root, .addr_width = 48};
	struct iommu_hwpt_arm_smmuv3 ste = {.ste = {STE_TRANSLATE | tables->descriptor}};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags | (fault_queue ? IOMMU_HWPT_FAULT_ID_VALID : 0),
		.fault_id = fault_queue,
		.dev_id = device,
		.pt_id = tables->parent,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(s1),
		.data_uptr = (uintptr_t)&s1,
	};

	if (tables->smmu) {
		cmd.pt_id = tables->viommu;
		cmd.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3;
		cmd.data_len = sizeof(ste);
		cmd.data_uptr = (uintptr_t)&ste;
	}
	CALL(tables, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

uint32_t stage1_object(const struct stage1 *tables, uint32_t device, uint32_t fault_queue)
{
	return make_object(tables, device, fault_queue, 0);
}

uint32_t stage1_pasid_object(const struct stage1 *tables, uint32_t device, uint32_t fault_queue)
{
	return make_object(tables, device, fault_queue, IOMMU_HWPT_ALLOC_PASID);
}

void stage1_destroy(const struct stage1 *tables, uint32_t object)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = object};

	CALL(tables, IOMMU_DESTROY, &cmd);
}

int stage1_fault_queue(const struct stage1 *tables, uint32_t *ret_id)
{
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};

	CALL(tables, IOMMU_FAULT_QUEUE_ALLOC, &cmd);
	*ret_id = cmd.out_fault_id;
	return (int)cmd.out_fault_fd;
}

/* ---- tables ---- */

uint64_t stage1_take(struct stage1 *tables, size_t pages)
{
	uint64_t address = tables->used;

	tables->used += pages * PAGE_BYTES;
	if (tables->used > tables->size)
		errx(1, "the memory for the tables is used up");
	return address;
}

/* The entry of the last level, or of the first one on the way that leads nowhere. */
static uint64_t *entry(const struct stage1 *tables, uint64_t va, unsigned int *ret_level)
{
	uint64_t table = tables->root, *at;

	for (*ret_level = LEVELS - 1;; --*ret_level) {
		at = word(tables, table + (va >> (12 + 9 * *ret_level) & 511) * ENTRY);
		if (!*ret_level || !*at)
			return at;
		table = *at & 0x0000fffffffff000ull;
	}
}

void stage1_prepare(struct stage1 *tables, uint64_t va, size_t pages)
{
	unsigned int level;
	uint64_t *at;

	for (; pages; pages--, va += PAGE_BYTES)
		while ((at = entry(tables, va, &level)), level)
			*at = stage1_take(tables, 1) | (tables->smmu ? ARM_TABLE : VTD_TABLE);
}

void stage1_map(const struct stage1 *tables, uint64_t va, uint64_t address)
{
	unsigned int level;

	__atomic_store_n(entry(tables, va, &level), address | (tables->smmu ? ARM_PAGE : VTD_PAGE),
			 __ATOMIC_RELEASE);
}

static void invalidate(const struct stage1 *tables, uint64_t va, uint32_t object)
{
	struct iommu_hwpt_vtd_s1_invalidate page = {
		.addr = va, .npages = 1, .flags = IOMMU_VTD_INV_FLAGS_LEAF};
	struct iommu_viommu_arm_smmuv3_invalidate command = {
		.cmd = {CMD_TLBI_NH_VA | ASID << 48, va | 1}};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = object,
		.data_uptr = (uintptr_t)&page,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.entry_len = sizeof(page),
		.entry_num = 1,
	};

	if (tables->smmu) {
		cmd.hwpt_id = tables->viommu;
		cmd.data_uptr = (uintptr_t)&command;
		cmd.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3;
		cmd.entry_len = sizeof(command);
	}
	CALL(tables, IOMMU_HWPT_INVALIDATE, &cmd);
}

void stage1_unmap(const struct stage1 *tables, uint64_t va, uint32_t object)
{
	unsigned int level;

	__atomic_store_n(entry(tables, va, &level), 0, __ATOMIC_RELEASE);
	if (object || tables->smmu)
		invalidate(tables, va, object);
}
