/* SPDX-License-Identifier: MIT */
/*
 * Caches of stage 1 against invalidations that come in the middle of a translation, at each place where that can be: what was read before must not
 * be cached after.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "iommu/stage1.h"
#include "pt/x86_64.h"

#define PRESENT 7ull /* and writable, for users */
#define VA	0x1000ull

enum { ROOT = 0, PML3 = 1, PML2 = 2, LEAF_A = 3, LEAF_B = 4, N_TABLES = 5 };

static uint64_t tables[N_TABLES][512];
static struct iotlb iotlb, walk_cache, device_tlb;
static struct iotlb_space space;
static struct pt_config config;
static const struct stage1_caches caches = {&device_tlb, &iotlb, &walk_cache};
static int interrupt_at; /* the read at which the guest changes its tables; 0: never */
static enum stage1_drop drop;

/* The guest puts another table in the place of the first, and invalidates. */
static void change(void)
{
	tables[PML2][0] = LEAF_B * 4096 | PRESENT;
	tables[LEAF_A][1] = 0x20000 | PRESENT;
	iotlb_space_change(&space);
	stage1_invalidate(&config, &space, &caches, VA, VA + 4095, drop);
	iotlb_space_settle(&space);
}

static int read_word(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word)
{
	*ret_word = tables[address / 4096][address % 4096 / 8];
	if (interrupt_at && !--interrupt_at)
		change();
	return 0;
}

static int exchange(const struct pt_memory *memory, uint64_t address, uint64_t *expected,
		    uint64_t word)
{
	uint64_t *at = &tables[address / 4096][address % 4096 / 8], was = *at;

	if (was == *expected)
		*at = word;
	*expected = was;
	return 0;
}

static const struct pt_memory memory = {read_word, exchange};

static uint64_t translate(uint32_t perm)
{
	const struct stage1_request request = {.perm = perm, .iova = VA};
	struct stage1 found;

	assert_int_equal(stage1_translate(&config, &space, &caches, &request, &memory, &found), 0);
	return found.address;
}

static int set_up(void **state)
{
	memset(tables, 0, sizeof(tables));
	tables[ROOT][0] = PML3 * 4096 | PRESENT;
	tables[PML3][0] = PML2 * 4096 | PRESENT;
	tables[PML2][0] = LEAF_A * 4096 | PRESENT;
	tables[LEAF_A][1] = 0x10000 | PRESENT;
	tables[LEAF_B][1] = 0x20000 | PRESENT;
	config = pt_x86_64_config(0, 4, 48, 0);
	assert_int_equal(iotlb_init(&iotlb, 64, 1), 0);
	assert_int_equal(iotlb_init(&walk_cache, 64, 1), 0);
	assert_int_equal(iotlb_init(&device_tlb, 64, 1), 0);
	iotlb_space_init(&space, 1);
	interrupt_at = 0;
	return 0;
}

static int tear_down(void **state)
{
	iotlb_done(&iotlb);
	iotlb_done(&walk_cache);
	iotlb_done(&device_tlb);
	return 0;
}

static void invalidated_in_a_walk(void **state)
{
	for (drop = STAGE1_LEAF; drop <= STAGE1_TABLES; drop++) {
		for (int at = 1; at <= 4; at++) {
			tear_down(state);
			set_up(state);
			interrupt_at = at;
			translate(PT_READ); /* whichever: it was on its way */
			assert_int_equal(interrupt_at, 0);
			assert_true(translate(PT_READ) == 0x20000);
			assert_true(translate(PT_WRITE) == 0x20000);
		}
	}
}

/* The same where the walk began at a table that was cached. */
static void invalidated_below_a_cached_table(void **state)
{
	assert_true(translate(PT_READ) == 0x10000);
	iotlb_space_change(&space);
	stage1_invalidate(&config, &space, &caches, VA, VA + 4095, STAGE1_LEAF);
	iotlb_space_settle(&space);
	interrupt_at = 1;
	drop = STAGE1_TABLES;
	assert_true(translate(PT_READ) == 0x10000);
	assert_int_equal(interrupt_at, 0);
	assert_int_equal(iotlb_count(&iotlb, &space), 0);
	assert_int_equal(iotlb_count(&device_tlb, &space), 0);
	assert_true(translate(PT_READ) == 0x20000);
}

/* Until all caches have been gone through, nothing comes into one from another. */
static void nothing_is_cached_meanwhile(void **state)
{
	const struct stage1_caches first = {.iotlb = &iotlb}, second = {.device = &device_tlb};

	assert_true(translate(PT_READ) == 0x10000);
	tables[LEAF_A][1] = 0x20000 | PRESENT;
	iotlb_space_change(&space);
	stage1_invalidate(&config, &space, &first, VA, VA + 4095, STAGE1_LEAF);
	translate(PT_READ);  /* still in the device's */
	translate(PT_WRITE); /* by a walk */
	stage1_invalidate(&config, &space, &second, VA, VA + 4095, STAGE1_LEAF);
	assert_int_equal(iotlb_count(&iotlb, &space), 0);
	assert_int_equal(iotlb_count(&device_tlb, &space), 0);
	iotlb_space_settle(&space);
	assert_true(translate(PT_READ) == 0x20000);
	assert_int_equal(iotlb_count(&iotlb, &space), 1);
}

/* Who remembers the version of a translation sees that it has gone. */
static void versions_change(void **state)
{
	const struct stage1_request request = {.perm = PT_READ, .iova = VA};
	struct stage1 found;

	assert_int_equal(stage1_translate(&config, &space, &caches, &request, &memory, &found), 0);
	assert_true(*found.version == found.seen);
	iotlb_space_change(&space);
	stage1_invalidate(&config, &space, &caches, VA + 4096, UINT64_MAX, STAGE1_LEAF);
	assert_true(*found.version == found.seen);
	stage1_invalidate(&config, &space, &caches, 0, VA, STAGE1_LEAF);
	iotlb_space_settle(&space);
	assert_false(*found.version == found.seen);
}

/* An entry that changes while its bits are set: the walk begins again. */
static int change_first(const struct pt_memory *m, uint64_t address, uint64_t *expected,
			uint64_t word)
{
	if (address / 4096 == LEAF_A && tables[LEAF_A][1] == (0x10000 | PRESENT))
		tables[LEAF_A][1] = 0x30000 | PRESENT;
	return exchange(m, address, expected, word);
}

static void entry_changes_under_the_walk(void **state)
{
	const struct pt_memory changing = {read_word, change_first};
	const struct stage1_request request = {.perm = PT_READ, .iova = VA};
	struct stage1 found;

	assert_int_equal(stage1_translate(&config, &space, &caches, &request, &changing, &found),
			 0);
	assert_true(found.address == 0x30000);
}

static int never_the_same(const struct pt_memory *m, uint64_t address, uint64_t *expected,
			  uint64_t word)
{
	*expected ^= 1ull << 62;
	return 0;
}

static void entry_that_always_changes(void **state)
{
	const struct pt_memory changing = {read_word, never_the_same};
	const struct stage1_request request = {.perm = PT_READ, .iova = VA};
	struct stage1 found;

	assert_int_equal(stage1_translate(&config, &space, &caches, &request, &changing, &found),
			 -EFAULT);
	assert_true(found.recoverable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(invalidated_in_a_walk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(invalidated_below_a_cached_table, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_cached_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(versions_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(entry_changes_under_the_walk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(entry_that_always_changes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
