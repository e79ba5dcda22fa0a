/* SPDX-License-Identifier: MIT */
/* The sanitizer on an SMMUv3: each command that a guest leaves out is found, and named; a guest that gives all of them hears nothing. */
#include "arm_tables.h"
#include "smmu_world.h"

#define VA    0x7f0012345000ull
#define USUAL (A_AF | A_USER | A_NG)

static struct smmu_world w;
static struct arm_tables t;
static char report[2048];
static unsigned int reports;

static void take_report(void *arg, const char *text)
{
	reports++;
	snprintf(report, sizeof(report), "%s", text);
}

static void start(bool ats)
{
	const struct smmuv3_device_options device = {.ats = ats};

	reports = 0;
	smmu_world_init(&w, NULL, &device);
	arm_init(&t, w.memory, TABLES, TABLES_END, 12, 48);
	arm_map(&t, VA, DATA, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(5), t.root);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, ats ? 1 << 28 : 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
}

static int set_up(void **state)
{
	start(false);
	return 0;
}

static int set_up_atc(void **state)
{
	start(true);
	return 0;
}

static int tear_down(void **state)
{
	smmu_world_done(&w);
	return 0;
}

static void expect_report(const char *what, const char *missing)
{
	assert_int_equal(reports, 1);
	assert_non_null(strstr(report, what));
	assert_non_null(strstr(report, missing));
}

static void page_without_tlbi(void **state)
{
	*arm_entry(&t, VA, 3) += PAGE;
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	expect_report("stale translation: StreamID 0x20",
		      "TLBI_NH_VA for [0x7f0012345000, 0x7f0012345fff], with Leaf");
	/* Once is enough. */
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(reports, 1);
}

static void table_without_tlbi(void **state)
{
	*arm_entry(&t, VA, 2) = 0;
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	expect_report("stale translation", "without Leaf: a table above");
}

static void page_with_tlbi(void **state)
{
	*arm_entry(&t, VA, 3) += PAGE;
	assert_int_equal(world_command(&w, 0x12 | 5ull << 48, VA | 1), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA + PAGE), 0);
	assert_int_equal(reports, 0);
}

static void right_taken_away(void **state)
{
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), 0);
	*arm_entry(&t, VA, 3) |= A_RO;
	assert_int_equal(world_access(&w, 0, VA, PT_READ), 0);
	assert_int_equal(reports, 0);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), 0);
	expect_report("writes at IOVA 0x7f0012345000", "TLBI_NH_VA");
}

static void descriptor_without_cfgi(void **state)
{
	struct arm_tables other;

	arm_init(&other, w.memory, TABLES_END - (1 << 20), TABLES_END, 12, 48);
	arm_map(&other, VA, DATA + PAGE, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(6), other.root);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	expect_report("stale translation", "CFGI_CD of StreamID 0x77");
}

static void tlbi_without_atc_inv(void **state)
{
	*arm_entry(&t, VA, 3) += PAGE;
	assert_int_equal(world_command(&w, 0x12 | 5ull << 48, VA | 1), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	expect_report("the device TLB holds", "ATC_INV of StreamID 0x77");
}

static void access_after_tlbi(void **state)
{
	*arm_entry(&t, VA, 3) = 0;
	assert_int_equal(world_command(&w, 0x12 | 5ull << 48, VA | 1), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_report("DMA after unmap", "IOVA 0x7f0012345000");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(page_without_tlbi),
		TEST(table_without_tlbi),
		TEST(page_with_tlbi),
		TEST(right_taken_away),
		TEST(descriptor_without_cfgi),
		cmocka_unit_test_setup_teardown(tlbi_without_atc_inv, set_up_atc, tear_down),
		TEST(access_after_tlbi),
	};

	smmu_world_report = take_report;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
