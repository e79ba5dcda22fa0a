/* SPDX-License-Identifier: MIT */
/*
 * What users of an AMD IOMMU see: information, page tables, the half of nesting that Linux 7.3 has; and the other half, GCR3 tables and
 * guest tables in the guest's memory (AMD 48882, 2.2.6).
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

static int set_up_nesting(void **state)
{
	return set_up_with(state, &(struct amd_options){.nesting = true});
}

static int set_up_four_levels(void **state)
{
	return set_up_with(state, &(struct amd_options){.nesting = true, .no_five_levels = true});
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

/* ---- device table entries ---- */

#define V    1ull
#define GIOV (1ull << 54)
#define GV   (1ull << 55)

/* A GCR3 table's address is in three pieces. */
static void make_dte(uint64_t dte[4], uint64_t gcr3, unsigned int glx, unsigned int levels)
{
	dte[0] = V | GV | GIOV | (uint64_t)glx << 56 | (gcr3 >> 12 & 7) << 58;
	dte[1] = (gcr3 >> 15 & 0xffff) << 16 | gcr3 >> 31 << 43;
	dte[2] = (uint64_t)(levels - 4) << 54;
	dte[3] = 0;
}

static void entries(void **state)
{
	struct fixture *f = *state;
	uint64_t dte[4];

	make_dte(dte, PAGE, 0, 4);
	assert_true(new_hwpt(f, 0, f->viommu, 0, dte) > 0);
	assert_int_equal(new_hwpt(f, 1, f->viommu, 0, dte), -EINVAL);
	for (unsigned int bit = 9; bit < 52; bit++) {
		make_dte(dte, PAGE, 0, 4);
		dte[0] |= 1ull << bit; /* Mode, and the host's table */
		assert_int_equal(new_hwpt(f, 0, f->viommu, 0, dte), -EINVAL);
	}
	make_dte(dte, 0, 0, 4);
	assert_int_equal(new_hwpt(f, 0, f->viommu, 0, dte), -EINVAL);
	dte[0] &= ~GV;
	assert_true(new_hwpt(f, 0, f->viommu, 0, dte) > 0);
	make_dte(dte, PAGE, 3, 4);
	assert_int_equal(new_hwpt(f, 0, f->viommu, 0, dte), -EINVAL);
	make_dte(dte, PAGE, 2, 5);
	assert_true(new_hwpt(f, 0, f->viommu, 0, dte) > 0);
	make_dte(dte, PAGE, 2, 6);
	assert_int_equal(new_hwpt(f, 0, f->viommu, 0, dte), -EINVAL);
}

static void five_levels_that_are_not_there(void **state)
{
	struct fixture *f = *state;
	uint64_t dte[4];

	make_dte(dte, PAGE, 0, 5);
	assert_int_equal(new_hwpt(f, 0, f->viommu, 0, dte), -EOPNOTSUPP);
}

/* ---- walks ---- */

#define VA 0x1234567000ull

static uint64_t *word(struct fixture *f, uint64_t gpa)
{
	return (uint64_t *)(f->memory + gpa);
}

/* Guest tables from page `first` on, one a level, that map VA to a page: present, writable, user. */
static uint64_t guest_tables(struct fixture *f, unsigned int first, unsigned int levels,
			     uint64_t page)
{
	for (unsigned int level = levels; level; level--) {
		uint64_t table = (first + levels - level) * PAGE;
		uint64_t next = level == 1 ? page : table + PAGE;

		*word(f, table + (VA >> (3 + 9 * level) & 511) * 8) = next | 7;
	}
	return first * PAGE;
}

static int try(struct fixture *f, uint32_t pasid, uint64_t va, uint64_t want)
{
	uint64_t got;
	int rc = dma_read(&f->port, pasid, va, &got, 8, NULL);

	return rc ? rc : got != want;
}

static void enter(struct fixture *f, uint64_t gcr3, unsigned int glx, unsigned int levels)
{
	uint64_t dte[4];
	long id;

	make_dte(dte, gcr3, glx, levels);
	id = new_hwpt(f, 0, f->viommu, 0, dte);
	assert_true(id > 0);
	assert_int_equal(attach(f, 0, 0, id), 0);
}

/* Tables of one to three levels at pages 1, 2 and 3, the last of which leads on. */
static void gcr3_levels(void **state)
{
	static const uint32_t pasids[] = {5, 5 << 9 | 6, 1 << 18 | 5 << 9 | 6};
	struct fixture *f = *state;

	*word(f, 60 * PAGE) = 0xabcdef;
	for (unsigned int glx = 0; glx < 3; glx++) {
		for (unsigned int levels = 4; levels <= 5; levels++) {
			uint64_t root = guest_tables(f, 10, levels, 60 * PAGE);

			memset(f->memory, 0, 4 * PAGE);
			for (unsigned int i = 0; i <= glx; i++) {
				uint32_t index = pasids[glx] >> (9 * (glx - i)) & 511;

				*word(f, (1 + i) * PAGE + index * 8) =
					(i == glx ? root : (2 + i) * PAGE) | 1;
			}
			enter(f, PAGE, glx, levels);
			assert_int_equal(try(f, pasids[glx], VA, 0xabcdef), 0);
			assert_int_equal(try(f, pasids[glx] + 1, VA, 0), -EFAULT);
			assert_int_equal(try(f, pasids[glx], VA + PAGE, 0), -EFAULT);
			/* More bits than the table has levels for. */
			if (glx < 2)
				assert_int_equal(try(f, pasids[glx] | 1 << 18, VA, 0), -EFAULT);
			memset(f->memory + 10 * PAGE, 0, 5 * PAGE);
		}
	}
}

/* GIoV: accesses without a PASID use entry 0; else they are not translated. V or GV 0: nothing is. */
static void without_pasid(void **state)
{
	struct fixture *f = *state;
	uint64_t dte[4];
	long id;

	*word(f, 60 * PAGE) = 0xabcdef;
	*word(f, PAGE) = guest_tables(f, 10, 4, 60 * PAGE) | 1;
	enter(f, PAGE, 0, 4);
	assert_int_equal(try(f, 0, VA, 0xabcdef), 0);
	make_dte(dte, PAGE, 0, 4);
	dte[0] &= ~GIOV;
	id = new_hwpt(f, 0, f->viommu, 0, dte);
	assert_int_equal(attach(f, 0, 0, id), 0);
	assert_int_equal(try(f, 0, 60 * PAGE, 0xabcdef), 0);
	dte[0] = 0;
	id = new_hwpt(f, 0, f->viommu, 0, dte);
	assert_int_equal(attach(f, 0, 0, id), 0);
	assert_int_equal(try(f, 0, 60 * PAGE, 0xabcdef), 0);
}

/* Accessed and dirty bits; nothing is remembered, for nothing could be dropped. */
static void bits_and_changes(void **state)
{
	struct fixture *f = *state;
	uint64_t *leaf, data = 1;

	*word(f, 60 * PAGE) = 1;
	*word(f, 61 * PAGE) = 2;
	*word(f, PAGE) = guest_tables(f, 10, 4, 60 * PAGE) | 1;
	leaf = word(f, 13 * PAGE + (VA >> 12 & 511) * 8);
	enter(f, PAGE, 0, 4);
	assert_int_equal(try(f, 0, VA, 1), 0);
	assert_int_equal(*leaf & 0x60, 0x20);
	assert_int_equal(dma_write(&f->port, 0, VA, &data, 8, NULL), 0);
	assert_int_equal(*leaf & 0x60, 0x60);
	*leaf = 61 * PAGE | 5;
	assert_int_equal(try(f, 0, VA, 2), 0);
	assert_int_equal(dma_write(&f->port, 0, VA, &data, 8, NULL), -EFAULT);
}

#define TEST(name)	   cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_NESTING(name) cmocka_unit_test_setup_teardown(name, set_up_nesting, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(information),
		TEST(paging_flags),
		TEST(half_of_nesting),
		TEST(attaching),
		TEST_NESTING(entries),
		cmocka_unit_test_setup_teardown(five_levels_that_are_not_there, set_up_four_levels,
						tear_down),
		TEST_NESTING(gcr3_levels),
		TEST_NESTING(without_pasid),
		TEST_NESTING(bits_and_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
