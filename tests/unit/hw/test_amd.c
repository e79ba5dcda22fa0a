/* SPDX-License-Identifier: MIT */
/*
 * What users of an AMD IOMMU see: information, page tables, the half of nesting that Linux 7.3 has. The other half, GCR3 tables and guest tables in
 * the guest's memory, is in tests/spec/amd.
 */
#include <errno.h>
#include <string.h>

#include "device/dma.h"
#include "hw/amd/amd.h"
#include "world.h"

#define PAGE  4096ull
#define PAGES 64

/* Two IOMMUs with a device each; guest memory that the parent maps at 0. */
struct fixture {
	struct bench bench;
	struct amd_iommu iommu, other;
	struct amd_device amd[2];
	struct device *devices[2];
	struct dma_port port;
	uint32_t dev[2], ioas, parent, viommu;
	char *memory;
};

static void bind(struct fixture *f, int i, struct amd_iommu *iommu)
{
	static const struct amd_device_options options = {.pasid_bits = 20};

	assert_int_equal(amd_device_init(&f->amd[i], iommu, 0x100 + i, &options), 0);
	LOCK_SCOPED(&f->bench.ctx->lock);
	assert_int_equal(device_bind(f->bench.ctx, &f->amd[i].dev, NULL, &f->devices[i]), 0);
	f->dev[i] = f->devices[i]->object.id;
}

static long new_viommu(struct fixture *f, uint32_t type, uint32_t *ret_id)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd), .type = type, .dev_id = f->dev[0], .hwpt_id = f->parent};
	long rc = bench_ioctl(&f->bench, IOMMU_VIOMMU_ALLOC, &cmd);

	*ret_id = cmd.out_viommu_id;
	return rc;
}

static int set_up_with(void **state, const struct amd_options *options)
{
	struct fixture *f = calloc(1, sizeof(*f));

	bench_init(&f->bench);
	assert_int_equal(amd_iommu_init(&f->iommu, f->bench.machine, options), 0);
	assert_int_equal(amd_iommu_init(&f->other, f->bench.machine, NULL), 0);
	bind(f, 0, &f->iommu);
	bind(f, 1, &f->other);
	f->ioas = bench_ioas(&f->bench);
	f->parent = bench_hwpt(&f->bench, f->dev[0], f->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	f->memory = bench_pages(PAGES);
	bench_map(&f->bench, f->ioas, f->memory, PAGES * PAGE, 0,
		  IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	assert_int_equal(new_viommu(f, 1, &f->viommu), 0);
	assert_int_equal(dma_port_init(&f->port, f->devices[0]), 0);
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	dma_port_done(&f->port);
	lock_take(&f->bench.ctx->lock);
	device_unbind(f->devices[0]);
	device_unbind(f->devices[1]);
	lock_release(&f->bench.ctx->lock);
	bench_done(&f->bench);
	amd_device_done(&f->amd[0]);
	amd_device_done(&f->amd[1]);
	amd_iommu_done(&f->iommu);
	amd_iommu_done(&f->other);
	bench_free_pages(f->memory, PAGES);
	free(f);
	return 0;
}

/* ---- information and page tables ---- */

static void information(void **state)
{
	struct fixture *f = *state;
	struct iommu_hw_info_amd info;
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd),
		.dev_id = f->dev[0],
		.data_len = sizeof(info),
		.data_uptr = (uintptr_t)&info,
	};

	assert_int_equal(bench_ioctl(&f->bench, IOMMU_GET_HW_INFO, &cmd), 0);
	assert_int_equal(cmd.out_data_type, IOMMU_HW_INFO_TYPE_AMD);
	assert_int_equal(cmd.data_len, 16);
	assert_int_equal(cmd.out_max_pasid_log2, 20);
	assert_true(info.efr >> 4 & 1);		   /* guest translation */
	assert_int_equal(info.efr >> 10 & 3, 2);   /* six levels below it */
	assert_int_equal(info.efr >> 12 & 3, 1);   /* five levels of it */
	assert_int_equal(info.efr >> 14 & 3, 2);   /* three of GCR3 tables */
	assert_int_equal(info.efr >> 32 & 31, 19); /* 20 bits of PASID */
	assert_int_equal(info.efr >> 49 & 9, 9);   /* accessed and dirty bits */
	assert_int_equal(info.efr2, 0);
	cmd.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE;
	for (uint32_t type = 1; type < 6; type++) {
		cmd.in_data_type = type;
		assert_int_equal(bench_ioctl(&f->bench, IOMMU_GET_HW_INFO, &cmd),
				 type == IOMMU_HW_INFO_TYPE_AMD ? 0 : -EOPNOTSUPP);
	}
}

static long new_hwpt(struct fixture *f, int i, uint32_t pt_id, uint32_t flags, const uint64_t *dte)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = f->dev[i],
		.pt_id = pt_id,
		.data_type = dte ? IOMMU_HWPT_DATA_AMD_GUEST : 0,
		.data_len = dte ? 32 : 0,
		.data_uptr = (uintptr_t)dte,
	};
	long rc = bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd);

	return rc ? rc : cmd.out_hwpt_id;
}

static void paging_flags(void **state)
{
	static const bool good[8] = {true, true, true, true, true, false, false, false};
	struct fixture *f = *state;

	/* Bits: NEST_PARENT, DIRTY_TRACKING, PASID. */
	for (uint32_t bits = 0; bits < 8; bits++) {
		uint32_t flags = (bits & 3) | (bits & 4 ? IOMMU_HWPT_ALLOC_PASID : 0);
		long id = new_hwpt(f, 0, f->ioas, flags, NULL);

		assert_true(good[bits] ? id > 0 : id == -EOPNOTSUPP);
	}
}

/* Any type makes a vIOMMU, and none a nested page table. */
static void half_of_nesting(void **state)
{
	const uint64_t dte[4] = {0};
	struct fixture *f = *state;
	uint32_t id;

	assert_int_equal(new_viommu(f, 77, &id), 0);
	assert_int_equal(new_viommu(f, 0, &id), -EOPNOTSUPP);
	assert_int_equal(new_hwpt(f, 0, f->viommu, 0, dte), -EOPNOTSUPP);
	assert_int_equal(new_hwpt(f, 0, f->parent, 0, dte), -EOPNOTSUPP);
}

static int attach(struct fixture *f, int i, uint32_t pasid, uint32_t pt_id)
{
	LOCK_SCOPED(&f->bench.ctx->lock);
	if (device_attachment_find(f->devices[i], pasid))
		return device_replace(f->devices[i], pasid, &pt_id);
	return device_attach(f->devices[i], pasid, &pt_id);
}

static void attaching(void **state)
{
	struct fixture *f = *state;
	long pasid = new_hwpt(f, 0, f->ioas, IOMMU_HWPT_ALLOC_PASID, NULL);

	assert_int_equal(attach(f, 0, 0, f->parent), 0);
	assert_int_equal(attach(f, 0, 0, pasid), 0);
	assert_int_equal(attach(f, 0, 9, pasid), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(information),
		TEST(paging_flags),
		TEST(half_of_nesting),
		TEST(attaching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
