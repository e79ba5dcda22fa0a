/* SPDX-License-Identifier: MIT */
/* The sanitizer: a finding for each kind of mistake, and none for a program that makes none. */
#include "core/sanitizer.h"
#include "nested_world.h"
#include "x86_tables.h"

#define TABLES	   (1ull << 20)
#define TABLES_END (8ull << 20)
#define DATA	   GUEST_DATA
#define USER_RW	   (X86_RW | X86_US)

static struct nested_world w;
static struct x86_tables t;
static uint32_t hwpt;
static char told[4096]; /* the findings since the last look */

static void tell(void *arg, const char *text)
{
	strncat(told, text, sizeof(told) - strlen(told) - 1);
}

static void enter(const struct vtd_device_options *device)
{
	nested_world_init_sanitized(&w, device, tell);
	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	hwpt = world_enter(&w, t.root, 4, 0);
	x86_map(&t, 0x1000, DATA, 1, USER_RW);
	told[0] = '\0';
}

static int set_up(void **state)
{
	enter(NULL);
	return 0;
}

static int tear_down(void **state)
{
	nested_world_done(&w);
	return 0;
}

static int read_at(uint64_t iova)
{
	uint64_t word;

	return world_read(&w, iova, &word, 8);
}

static int write_at(uint64_t iova)
{
	uint64_t word = DATA;

	return world_write(&w, iova, &word, 8);
}

/* Exactly one finding, with each of these in its text. */
static void expect_told(const char *const *words)
{
	for (; *words; words++)
		if (!strstr(told, *words))
			fail_msg("no '%s' in: %s", *words, told);
	assert_null(strstr(strstr(told, "uiommufd: ") + 1, "uiommufd: "));
	told[0] = '\0';
}

static void expect_nothing(void)
{
	assert_string_equal(told, "");
}

#define EXPECT_TOLD(...) expect_told((const char *const[]){__VA_ARGS__, NULL})

static void silent_where_nothing_is_wrong(void **state)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read_at(0x1000), 0);
		assert_int_equal(write_at(0x1000), 0);
		*x86_entry(&t, 0x1000, 1) = (DATA + (i + 1) * PAGE) | X86_P | USER_RW;
		assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, IOMMU_VTD_INV_FLAGS_LEAF),
				 0);
	}
	assert_int_equal(read_at(0x5000), -EFAULT); /* never mapped: a fault, but no such mistake */
	expect_nothing();
}

static void page_that_has_gone(void **state)
{
	assert_int_equal(read_at(0x1000), 0);
	*x86_entry(&t, 0x1000, 1) = 0;
	assert_int_equal(read_at(0x1008), 0);
	EXPECT_TOLD("stale translation", "00:04.0", "PASID 0", "reads at IOVA 0x1008",
		    "IOTLB holds", "[0x1000, 0x1fff] is 0x1000000", "not present", "level 1",
		    "IOMMU_HWPT_INVALIDATE", "addr 0x1000, npages 1, IOMMU_VTD_INV_FLAGS_LEAF");
	/* Each stale entry once. */
	assert_int_equal(read_at(0x1010), 0);
	expect_nothing();
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, 0), 0);
	assert_int_equal(read_at(0x1000), -EFAULT);
	EXPECT_TOLD("DMA after unmap", "nested page table");
}

static void page_that_has_moved(void **state)
{
	assert_int_equal(read_at(0x1000), 0);
	*x86_entry(&t, 0x1000, 1) = (DATA + PAGE) | X86_P | USER_RW;
	assert_int_equal(write_at(0x1000), 0); /* the first write walks anew: and is right */
	expect_nothing();
	*x86_entry(&t, 0x1000, 1) = DATA | X86_P | USER_RW;
	assert_int_equal(read_at(0x1000), 0);
	EXPECT_TOLD("stale translation", "is 0x1001000", "tables say: 0x1000000");
}

static void right_that_was_taken(void **state)
{
	assert_int_equal(write_at(0x1000), 0);
	*x86_entry(&t, 0x1000, 1) &= ~(uint64_t)X86_RW;
	assert_int_equal(read_at(0x1000), 0); /* reading is still allowed */
	expect_nothing();
	assert_int_equal(write_at(0x1000), 0);
	EXPECT_TOLD("stale translation", "writes", "rw", "tables say: 0x1000000, r");
}

/* A leaf invalidation where a table changed: the tables' cache leads astray. */
static void leaf_where_a_table_changed(void **state)
{
	assert_int_equal(read_at(0x1000), 0);
	((uint64_t *)(w.memory + TABLES_END))[1] = (DATA + PAGE) | X86_P | USER_RW;
	*x86_entry(&t, 0x1000, 2) = TABLES_END | X86_P | USER_RW;
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, IOMMU_VTD_INV_FLAGS_LEAF), 0);
	assert_int_equal(read_at(0x1000), 0);
	EXPECT_TOLD("stale translation", "tables say: 0x1001000",
		    "npages 1, flags 0: a table above");
}

/* Neither was invalidated: the same holds, though the IOTLB has the page. */
static void table_that_changed(void **state)
{
	assert_int_equal(read_at(0x1000), 0);
	((uint64_t *)(w.memory + TABLES_END))[1] = (DATA + PAGE) | X86_P | USER_RW;
	*x86_entry(&t, 0x1000, 2) = TABLES_END | X86_P | USER_RW;
	assert_int_equal(read_at(0x1000), 0);
	EXPECT_TOLD("IOTLB holds", "npages 1, flags 0: a table above");
	*x86_entry(&t, 0x1000, 2) = 0;
	assert_int_equal(read_at(0x1000), 0);
	told[0] = '\0';
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, 0), 0);
	assert_int_equal(read_at(0x1000), -EFAULT);
}

static void device_that_keeps_its_tlb(void **state)
{
	enter(&(struct vtd_device_options){.ats = true});
	assert_int_equal(read_at(0x1000), 0);
	*x86_entry(&t, 0x1000, 1) = 0;
	atomic_store(&w.vtd.answer, VTD_NEVER_ANSWERS);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, 0), 0);
	assert_int_equal(read_at(0x1000), 0);
	EXPECT_TOLD("stale translation", "device TLB holds");
	nested_world_done(&w);
}

static void after_unmap(void **state)
{
	assert_int_equal(world_attach(&w, 0, w.parent), 0);
	assert_int_equal(read_at(DATA), 0);
	assert_int_equal(world_unmap(&w, 0, GUEST_SIZE), 0);
	assert_int_equal(read_at(DATA), -EFAULT);
	EXPECT_TOLD("DMA after unmap", "00:04.0", "IOVA 0x1000000", "IOMMU_IOAS_UNMAP");
	assert_int_equal(read_at(1ull << 40), -EFAULT);
	expect_nothing();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(silent_where_nothing_is_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(page_that_has_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(page_that_has_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(right_that_was_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(leaf_where_a_table_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(table_that_changed, set_up, tear_down),
		cmocka_unit_test(device_that_keeps_its_tlb),
		cmocka_unit_test_setup_teardown(after_unmap, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
